"""The names of repositories, as the Hub allows them."""

import re

from jax_ir_synth.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9_])?", re.ASCII)
_MAX_NAME = 96


def check_name(repo: str) -> None:
    """Raise ValueError unless it is `user/name` as the Hub allows it."""
    user, slash, name = repo.partition("/")
    wrong = not slash or "--" in repo or ".." in repo or name.endswith(".git")
    if wrong or any(not _NAME.fullmatch(part) or len(part) > _MAX_NAME for part in (user, name)):
        raise UsageError(
            f"`USER/NAME` (={repo}) must be a user or organization, a slash and a name, of "
            f"letters, digits, `-`, `_` and `.`, up to {_MAX_NAME} each, with no `-` or `.` at an "
            "end or twice in a row, and no .git at the end"
        )
