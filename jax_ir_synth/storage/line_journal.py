"""A file of lines that a run writes as it goes, so that it can resume after it was killed."""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterator
from pathlib import Path

from jax_ir_synth.errors import JaxIrSynthError, UsageError


class JournalError(UsageError, RuntimeError):
    """The journal can't be opened, or another process is doing the same run."""


class JournalLost(JaxIrSynthError, OSError):
    """The journal can't be written any further, as on a full disk; what it holds is kept."""


class LineJournal:
    """A context manager that holds the file, which no other process may hold meanwhile.

    Its first line says what the others are. A file with another first line is started afresh. It is
    deleted by `remove`, and on exit if it has no other line.

    Args:
      path: the file's path.
      head: its first line, with its newline.

    Raises:
      JournalError: on entry, if another process has the file open, or it can't be opened.
      JournalLost: by the other methods, if it can't be written any further.
    """

    def __init__(self, path: Path, head: bytes):
        self._path, self._head = path, head

    def __enter__(self) -> "LineJournal":
        try:
            self._file = open(self._path, "a+b")
        except OSError as error:
            raise JournalError(
                f"the run's journal (={self._path}) can't be written: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalError(f"another process is at this run: it writes {self._path}") from None
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if os.fstat(self._file.fileno()).st_size <= len(self._head):
            self.remove()
        # This also releases the lock. It writes only what `add` couldn't, which `add` has reported.
        with contextlib.suppress(OSError):
            self._file.close()

    def replay(self) -> Generator[bytes, None, None]:
        """Replay the lines of an earlier run after the first one, in order.

        The last one that is taken may be refused by closing the iterator, which cuts off that line
        and all after it, as a line without its end is. `add` continues there.
        """
        self._file.seek(0)
        good = len(self._head)
        if self._file.readline() != self._head:
            with self._writing():
                self._file.truncate(0)
                self._file.write(self._head)
                self._file.flush()
            return
        try:
            while (line := self._file.readline()).endswith(b"\n"):
                yield line
                good += len(line)
                self._file.seek(good)
        finally:
            with self._writing():
                self._file.truncate(good)

    def add(self, line: bytes) -> None:
        """Write a line, so that it survives if this process is killed right after."""
        with self._writing():
            self._file.write(line)
            self._file.flush()

    def remove(self) -> None:
        """Delete the file, once all that it has is written elsewhere."""
        self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalLost(
                f"the run's journal (={self._path}) can't be written: {error.strerror}"
            ) from error
