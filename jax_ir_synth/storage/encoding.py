"""What UTF-8 can't hold: names of files that are other bytes, and text with half a character."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

# An escape of JSON, for half of a character beyond U+FFFF; it may be a whole one's.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def check_arguments(arguments: Sequence[str]) -> None:
    """Raises ValueError where one isn't UTF-8: what reads files for us takes no other names."""
    for argument in arguments:
        if isinstance(argument, str) and (reason := _fault(argument)):
            raise ValueError(f"argument `{escape_name(argument)}` {reason}")


def check_folders() -> None:
    """Raises ValueError where the name of a folder that all commands use isn't UTF-8."""
    for what, find in (("the current folder", os.getcwd), ("TMPDIR", tempfile.gettempdir)):
        try:
            path = find()
        except FileNotFoundError:
            # Whether there is one is a question to who uses it.
            continue
        if reason := _fault(path):
            raise ValueError(f"{what} (={escape_name(path)}) {reason}")


def escape_name(name: str) -> str:
    r"""A name of whatever bytes, with `\xff` for those that are no text."""
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        # No name that a file could have.
        return name.encode("utf-8", "backslashreplace").decode()


def find_fault(row: dict[str, Any], line: bytes) -> str:
    """Which of a row's columns can't be encoded, to follow its place; empty if all can.

    Args:
      row: what the line says.
      line: JSON, as bytes.
    """
    if not _HALF.search(line):
        return ""
    for name, value in row.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ord(error.object[error.start])
            column = name.encode("ascii", "backslashreplace").decode()
            return (
                f"has text that is no Unicode: its `{column}` holds U+{half:04X}, half of a "
                "surrogate pair"
            )
    return ""


def _fault(name: str) -> str:
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:
        raw = None
    try:
        if name.encode() == raw:
            return ""
    except UnicodeEncodeError:
        pass
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return "is not UTF-8"
    return f"is not ASCII, and this locale's encoding is {encoding}: set PYTHONUTF8=1"
