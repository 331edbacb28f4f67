"""A folder -> the Hub, by one commit: the published revision changes as a whole or not at all."""

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.client import Client
from jax_ir_synth.publish.target import File, Published, published
from jax_ir_synth.storage.repository.layout import is_ours
from jax_ir_synth.terminal.progress import progress

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

# Commits that are tried: the connection may be lost, and others may push meanwhile.
_ROUNDS = 5


class Pushed(NamedTuple):
    """What a push did: the published revision, and how many files it changed and removed there."""

    revision: str
    changed: int
    removed: int


def files_of(folder: Path) -> dict[str, Path]:
    """All files of a folder by their paths in it. Raises PublishError for one that isn't ours."""
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    # Above all no script: with one of the repository's name datasets 4 and later don't load it.
    if strange := [path for path in found if not is_ours(path)]:
        raise PublishError(f"{', '.join(strange)} must not be published")
    return found


def push(
    client: Client, repo: str, folder: Path, before: Published | None, private: bool
) -> Pushed:
    """Make the repository's files those of the folder; others' files there stay.

    Large files go first, one by one, and are kept by the Hub even if no commit follows: so the same
    push, started again, goes on where it was. The commit is made on the very revision that was
    looked at. Where its answer is lost, the next look tells whether it was made.

    Args:
      client: for the Hub.
      repo: `user/name`.
      folder: what to publish.
      before: what `target.look` found.
      private: for a repository that isn't there yet.

    Raises:
      PublishError: one line, which says what is published now.
    """
    files = files_of(folder)
    try:
        return _pushed(client, repo, files, private)
    except PublishError as error:
        raise PublishError(
            f"{error}; {_now(client, repo, before)}; the same command sends what is missing"
        ) from None


def _pushed(client: Client, repo: str, files: dict[str, Path], private: bool) -> Pushed:
    changed = removed = 0
    failure = ""
    # Once more than is tried: to see what became of the last one.
    for attempt in range(1, _ROUNDS + 2):
        there = published(client, repo) or _created(client, repo, private)
        added = [path for path in files if not _is_there(files[path], there.files.get(path))]
        gone = [path for path in there.files if is_ours(path) and path not in files]
        if not added and not gone:
            return Pushed(there.revision, changed, removed)
        if attempt > _ROUNDS:
            raise PublishError(failure)
        changed, removed = len(added), len(gone)
        additions = _upload(client, repo, {path: files[path] for path in added})
        try:
            return Pushed(_commit(client, repo, there, additions, gone), changed, removed)
        except Exception as error:
            found = client.trouble(error)
            failure = f"the commit failed: {found.message}"
            if not found.passing:
                raise PublishError(failure) from None
            if attempt < _ROUNDS:
                client.pause(found, attempt, _ROUNDS)
        except BaseException as interrupted:
            interrupted.add_note("the commit was under way, and may have been made")
            raise
    raise AssertionError("unreachable")


def _created(client: Client, repo: str, private: bool) -> Published:
    client.patiently(
        f"creating {repo}",
        lambda: client.api.create_repo(
            repo, repo_type="dataset", private=private or None, exist_ok=True
        ),
    )
    there = published(client, repo)
    if there is None:
        raise PublishError(f"{repo} was created, and isn't there")
    return there


def _now(client: Client, repo: str, before: Published | None) -> str:
    """What is published after a push that failed, as far as it can be told."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        revision = client.api.repo_info(repo, repo_type="dataset").sha
    except RepositoryNotFoundError:
        return "nothing is published"
    except Exception:
        # Of any kind: it fails again, and why was told.
        return "at most the last step, the commit, was made, which changes all or nothing"
    if before is None:
        return "the repository was created, and no row is published"
    if revision == before.revision:
        return "what is published is as before"
    return f"what is published is revision {str(revision)[:7]}"


def _upload(client: Client, repo: str, files: dict[str, Path]) -> "list[CommitOperationAdd]":
    """Uploads what is large and isn't in the Hub's storage; the operations for the commit."""
    from huggingface_hub import CommitOperationAdd

    additions = [CommitOperationAdd(path, str(file)) for path, file in files.items()]
    # One at a time, in this thread: Ctrl-C then needn't wait for a connection that went silent.
    for addition in progress(additions, len(additions), "files"):
        upload = functools.partial(
            client.api.preupload_lfs_files,
            *(repo, [addition]),
            repo_type="dataset",
            free_memory=False,
        )
        client.patiently(f"uploading {addition.path_in_repo}", upload)
    return additions


def _commit(
    client: Client,
    repo: str,
    there: Published,
    additions: "list[CommitOperationAdd]",
    gone: list[str],
) -> str:
    from huggingface_hub import CommitOperationDelete

    removals = [CommitOperationDelete(path, is_folder=False) for path in gone]
    made = client.api.create_commit(
        repo,
        [*additions, *removals],
        commit_message="Publish the rows",
        repo_type="dataset",
        parent_commit=there.revision,
    )
    return made.oid


def _is_there(file: Path, there: File | None) -> bool:
    if there is None:
        return False
    content = file.read_bytes()
    if there.sha256 is not None:
        return hashlib.sha256(content).hexdigest() == there.sha256
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == there.blob
