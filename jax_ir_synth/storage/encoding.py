"""Checks for what UTF-8 can't encode: file names of other bytes, and halves of surrogate pairs."""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from jax_ir_synth.errors import UsageError

# JSON's escape of half a surrogate pair. A pair of them is valid, one alone isn't.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise ValueError unless all arguments are UTF-8: our libraries open no other file names.

    Args:
      arguments: The arguments of a command.
    """
    for argument in arguments:
        if isinstance(argument, str) and (reason := _find_name_fault(argument)):
            raise UsageError(f"argument `{escape_name(argument)}` {reason}")


def check_folders() -> None:
    """Raise ValueError unless the current folder and TMPDIR are UTF-8."""
    for what, find in (("the current folder", os.getcwd), ("TMPDIR", tempfile.gettempdir)):
        try:
            path = find()
        except FileNotFoundError:
            # A missing folder is reported where it is used.
            continue
        if reason := _find_name_fault(path):
            raise UsageError(f"{what} (={escape_name(path)}) {reason}")


def escape_name(name: str) -> str:
    r"""Escape a file name of any bytes for a message, with `\xff` for a byte that isn't UTF-8.

    Args:
      name: A name, as Python decodes it from the file system.
    """
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        # No file can have this name.
        return name.encode("utf-8", "backslashreplace").decode()


def find_fault(row: dict[str, Any], line: bytes) -> str:
    """Find the first column of a row that UTF-8 can't encode.

    Args:
      row: The row.
      line: The JSON, as bytes, that the row was parsed from.

    Returns:
      The end of a sentence that begins with the place of the row. Empty if nothing is wrong.
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
                f"has text that is not Unicode: its `{column}` holds U+{half:04X}, half of a "
                "surrogate pair"
            )
    return ""


def _find_name_fault(name: str) -> str:
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:
        raw = None
    with contextlib.suppress(UnicodeEncodeError):
        if name.encode() == raw:
            return ""
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return "is not UTF-8"
    return f"is not ASCII, and this locale's encoding is {encoding}: set PYTHONUTF8=1"
