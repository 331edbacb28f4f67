"""The line of a process's output that tells what it died of."""

import re

_TELLING = re.compile(r"error|what\(\)|check fail|assert|bad_alloc", re.IGNORECASE)
# The time and thread before a message of a log: they differ each time.
_LOG_PREFIX = re.compile(r"^[IWEF]\d{4} [\d:. ]+(?=\S+:\d+\])")
_MAX_LENGTH = 200


def stderr_tail(output: bytes) -> str:
    """The last line that tells what went wrong, else the last; empty where nothing was printed."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    lines = [_LOG_PREFIX.sub("", line) for line in lines if line]
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return telling[-1][:_MAX_LENGTH] if telling else ""
