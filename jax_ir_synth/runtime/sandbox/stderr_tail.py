"""Finds the line of a process's output that says why it died."""

import re

_TELLING = re.compile(r"error|what\(\)|check fail|assert|bad_alloc", re.IGNORECASE)
# The time and thread before a log message, which differ each time.
_LOG_PREFIX = re.compile(r"^[IWEF]\d{4} [\d:. ]+(?=\S+:\d+\])")
_MAX_LENGTH = 200


def stderr_tail(output: bytes) -> str:
    """Find the last line that reports an error, or else the last line; empty without output."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    lines = [_LOG_PREFIX.sub("", line) for line in lines if line]
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return telling[-1][:_MAX_LENGTH] if telling else ""
