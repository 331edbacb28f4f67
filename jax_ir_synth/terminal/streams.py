"""A command's stdout, stderr and pipes: any text gets out, a reader that left is nobody's fault.

`guarded` does it for whatever runs within it. What a stream can't encode is spelled in ASCII. A
write that fails raises `StreamLost`, which no `except Exception` mistakes for a fault of what the
command was at.
"""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

_SPELLED = "jax_ir_synth.spelled"
_IN_ASCII = {"→": "->", "…": "...", "–": "-", "≠": "!=", "×": "x", "─": "-", "━": "-"}
# What a spinner turns through, one place wide.
_BRAILLE = range(0x2800, 0x2900)


class StreamLost(BaseException):
    """A stream accepts no more text. Everything written to it from now on is discarded.

    Args:
      name: `stdout`, `stderr`, or the path of a pipe or a device.
    """

    def __init__(self, name: str, error: OSError):
        super().__init__(f"{name} can't be written: {error.strerror}")
        # The second of a socket.
        self.reader_left = error.errno in (errno.EPIPE, errno.ECONNRESET)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Inside the `with` block, output succeeds, or StreamLost says which stream is lost.

    A failed write raises at once, what is left in a buffer raises at the end. Streams that the
    caller put in the place of the process's own are left alone.
    """
    before = sys.stdout, sys.stderr
    _fill_closed()
    sys.stdout = _guarded(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _guarded(sys.stderr, sys.__stderr__, 2)
    try:
        yield
    finally:
        own = sys.stdout, sys.stderr
        try:
            for stream in own:
                stream.flush()
        finally:
            sys.stdout, sys.stderr = before


def standard_output() -> io.BufferedWriter:
    """Give the standard output for bytes, guarded in the same way; it stays open."""
    return io.BufferedWriter(_Raw(1, "stdout"))


def stream_at(file: int | Path, name: str) -> io.BufferedWriter:
    """Open a pipe or a device for bytes, guarded in the same way.

    Args:
      file: its path, or the number of an open file, which is left open.
      name: what to call it where it takes no more.

    Waits at a pipe until somebody reads. Raises OSError.
    """
    # Never made: who opens another's pipe in /tmp as if to make it is refused.
    number = os.dup(file) if isinstance(file, int) else os.open(file, os.O_WRONLY)
    return io.BufferedWriter(_Raw(number, name, closefd=True))


def spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace characters that can't be encoded by ASCII; an error handler for encoding."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(map(_spelled, text)), error.end


codecs.register_error(_SPELLED, spell)


def _spelled(character: str) -> str:
    if character in _IN_ASCII:
        return _IN_ASCII[character]
    if ord(character) in _BRAILLE:
        return "*"
    # A byte of a file's name that is no text.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode()


def _fill_closed() -> None:
    """Open the null device for a closed stream, since otherwise a file would get its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _guarded(stream: TextIO | None, original: TextIO | None, number: int) -> Any:
    if stream is not original or not isinstance(stream, io.TextIOWrapper | None):
        return stream
    encoding, by_line = "utf-8", True
    if stream is not None:
        stream.flush()
        encoding, by_line = stream.encoding, stream.line_buffering or stream.write_through
    buffer = io.BufferedWriter(_Raw(number, {1: "stdout", 2: "stderr"}[number]))
    return io.TextIOWrapper(buffer, encoding, errors=_SPELLED, line_buffering=by_line)


class _Raw(io.FileIO):
    """An open file by its number, and its name in messages."""

    def __init__(self, number: int, shown: str, closefd: bool = False):
        super().__init__(number, "wb", closefd=closefd)
        self._shown = shown

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            # What is still in a buffer is written when the process ends.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            raise StreamLost(self._shown, error) from None
