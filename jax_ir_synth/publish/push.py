"""Pushes a folder to the Hub in one commit, so that either everything changes or nothing."""

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.client import Client
from jax_ir_synth.publish.target import File, Published, read_published
from jax_ir_synth.storage.repository.layout import is_ours
from jax_ir_synth.terminal.progress import progress

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

# How often the commit is tried, since the connection may be lost, and others may push meanwhile.
_ROUNDS = 5


class Pushed(NamedTuple):
    """The result of a push: the published revision, and how many files it changed and removed."""

    revision: str
    changed: int
    removed: int


def list_files(folder: Path) -> dict[str, Path]:
    """List a folder's files by their paths in it. Raises PublishError for foreign files."""
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    # In particular no script, since datasets 4 and later don't load a repository that has one.
    if strange := [path for path in found if not is_ours(path)]:
        raise PublishError(f"{', '.join(strange)} must not be published")
    return found


def push(
    client: Client, repo: str, folder: Path, before: Published | None, private: bool
) -> Pushed:
    """Replace this project's files in the repository by those of the folder; other files stay.

    Large files are sent first, one by one. The Hub keeps them even if no commit follows, so a push
    that is started again continues where it stopped. The commit is based on the revision that was
    inspected. If the answer to it is lost, the next inspection shows whether it was made.

    Args:
      client: the client for the Hub.
      repo: `user/name`.
      folder: the folder to publish.
      before: the result of `target.look`.
      private: whether a repository that doesn't exist yet is created as private.

    Raises:
      PublishError: the push failed. The message is one line, which says what is published now.
    """
    files = list_files(folder)
    try:
        return _push_files(client, repo, files, private)
    except PublishError as error:
        state = _describe_state(client, repo, before)
        raise PublishError(f"{error}; {state}; the same command sends what is missing") from None


def _push_files(client: Client, repo: str, files: dict[str, Path], private: bool) -> Pushed:
    changed = removed = 0
    failure = ""
    # One round more than commits, to see whether the last one was made.
    for attempt in range(1, _ROUNDS + 2):
        there = read_published(client, repo) or _create(client, repo, private)
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


def _create(client: Client, repo: str, private: bool) -> Published:
    client.retry(
        f"creating {repo}",
        lambda: client.api.create_repo(
            repo, repo_type="dataset", private=private or None, exist_ok=True
        ),
    )
    there = read_published(client, repo)
    if there is None:
        raise PublishError(f"{repo} was created, and isn't there")
    return there


def _describe_state(client: Client, repo: str, before: Published | None) -> str:
    """Describe what is published after a failed push, as far as that is known."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        revision = client.api.repo_info(repo, repo_type="dataset").sha
    except RepositoryNotFoundError:
        return "nothing is published"
    except Exception:
        # Any error, since the reason was already reported.
        return "at most the last step, the commit, was made, which changes all or nothing"
    if before is None:
        return "the repository was created, and no row is published"
    if revision == before.revision:
        return "what is published is as before"
    return f"what is published is revision {str(revision)[:7]}"


def _upload(client: Client, repo: str, files: dict[str, Path]) -> "list[CommitOperationAdd]":
    """Upload large files that the Hub's storage lacks; return the operations for the commit."""
    from huggingface_hub import CommitOperationAdd

    additions = [CommitOperationAdd(path, str(file)) for path, file in files.items()]
    # One at a time, in this thread, so that Ctrl-C needn't wait for a silent connection.
    for addition in progress(additions, len(additions), "files"):
        upload = functools.partial(
            client.api.preupload_lfs_files,
            *(repo, [addition]),
            repo_type="dataset",
            free_memory=False,
        )
        client.retry(f"uploading {addition.path_in_repo}", upload)
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
