"""Inspects the repository to publish to, so that problems are known before any work."""

import re
from typing import Any, NamedTuple

from jax_ir_synth.publish import NotReady, PublishError
from jax_ir_synth.publish.client import Client
from jax_ir_synth.schema.columns import ORIGIN_SCHEMA, SCHEMA
from jax_ir_synth.storage.repository.layout import README, TAG

_HOW = "run `hf auth login`, or set HF_TOKEN to a token that may write"


class File(NamedTuple):
    """A file in the repository: git's hash, and the SHA-256 if it is large, otherwise None."""

    blob: str
    sha256: str | None


class Published(NamedTuple):
    """A repository's branch main: its revision, and its files by their paths."""

    revision: str
    files: dict[str, File]


def read_token() -> str:
    """Return the user's token. Raises NotReady if there is none."""
    from huggingface_hub import get_token

    found = get_token()
    if not found:
        raise NotReady(f"there is no token for the Hub: {_HOW}")
    # Otherwise the HTTP library would refuse it with a message that shows it.
    if not re.fullmatch(r"[!-~]+", found):
        raise NotReady(f"the token for the Hub has letters that no token has: {_HOW}")
    return found


def look(client: Client, repo: str, private: bool) -> Published | None:
    """Inspect what is published under the name; None if nothing is, and the user may create it.

    Raises:
      NotReady: the token is wrong or may not write, the name is another's, the repository holds
        another dataset, or the Hub can't be reached.
    """
    try:
        _check_account(client, repo)
        there = read_published(client, repo)
        if there is not None:
            _check_repository(client, repo, there, private)
    except PublishError as error:
        raise NotReady(str(error)) from None
    return there


def read_published(client: Client, repo: str) -> Published | None:
    """Read what is in the repository now; None if there is no repository. Raises PublishError."""
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    def ask() -> Published | None:
        try:
            revision = client.api.repo_info(repo, repo_type="dataset").sha
            assert revision is not None
            entries = list(
                client.api.list_repo_tree(
                    repo, recursive=True, revision=revision, repo_type="dataset"
                )
            )
        except RepositoryNotFoundError:
            return None
        files = {
            entry.path: File(entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
            for entry in entries
            if isinstance(entry, RepoFile)
        }
        return Published(revision, files)

    return client.retry(f"looking at {repo}", ask)


def _check_account(client: Client, repo: str) -> None:
    def ask() -> dict[str, Any]:
        try:
            return client.api.whoami()
        except Exception as error:
            if client.trouble(error).status == 401:
                raise NotReady(f"the Hub doesn't know the token: {_HOW}") from None
            raise

    account = client.retry("asking the Hub whose token it is", ask)
    names = [account["name"], *(org["name"] for org in account.get("orgs", ()))]
    owner = repo.partition("/")[0]
    if owner not in names:
        raise NotReady(
            f"`USER/NAME` (={repo}): {owner} is not yours; the token is of {', '.join(names)}"
        )
    if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise NotReady(f"the token may only read: {_HOW}")


def _check_repository(client: Client, repo: str, there: Published, private: bool) -> None:
    script = f"{repo.partition('/')[2]}.py"
    if script in there.files:
        raise NotReady(
            f"{repo} has a {script}, with which datasets 4 and later don't load it: remove it there"
        )
    info = client.retry(
        f"looking at {repo}", lambda: client.api.repo_info(repo, repo_type="dataset")
    )
    if private and not info.private:
        raise NotReady(
            f"`--private`: {repo} is there already, and public; make it private in its settings"
        )
    if not _card_is_ours(client, repo, there):
        raise NotReady(
            f"{repo} holds another dataset, whose card would be replaced: take another name"
        )


def _card_is_ours(client: Client, repo: str, there: Published) -> bool:
    """Whether a card is ours, from `push_to_hub` of our rows, or describes no data yet."""
    from huggingface_hub import DatasetCard

    if README not in there.files:
        return True

    def ask() -> dict[str, Any]:
        path = client.api.hf_hub_download(
            repo, README, repo_type="dataset", revision=there.revision
        )
        card: dict[str, Any] = DatasetCard.load(path, ignore_metadata_errors=True).data.to_dict()
        return card

    card = client.retry(f"reading the card of {repo}", ask)
    infos = card.get("dataset_info") or []
    columns = [
        [feature["name"] for feature in info.get("features") or ()]
        for info in (infos if isinstance(infos, list) else [infos])
    ]
    if columns:
        return all(names in (SCHEMA.names, ORIGIN_SCHEMA.names) for names in columns)
    return not card.get("configs") or TAG in (card.get("tags") or ())
