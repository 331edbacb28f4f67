"""Writes judgements to disk as they are made, so that a killed run can resume where it stopped."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.evaluate.judgement import RUNGS, UNJUDGED, Judgement

# The version of the file's format, so that an older journal isn't misread.
_FORM = 1


class JournalError(UsageError, RuntimeError):
    """The journal can't be opened, or another process is doing the same run."""


class JournalLost(JaxIrSynthError, OSError):
    """The journal can't be written any further, as on a full disk; what it holds is kept."""


class Judged(NamedTuple):
    """A judgement, with the row's id and the number of its completion, from 0."""

    id: int
    sample: int
    judgement: Judgement

    def line(self) -> str:
        """Format as a line of JSON, with its newline."""
        return json.dumps({"id": self.id, "sample": self.sample} | self.judgement._asdict()) + "\n"


class Journal:
    """A context manager that holds the file.

    Args:
      path: the file's path. The file is deleted by `remove`, and on exit if it has no judgement.
      key: a digest of everything that the judgements depend on. A file with another key is started
        afresh.

    Raises:
      JournalError: on entry, if another process has the file open, or it can't be opened.
      JournalLost: by `replay` and `add`, if it can't be written any further.
    """

    def __init__(self, path: Path, key: str):
        self.path = path
        self._head = json.dumps({"form": _FORM, "key": key}).encode() + b"\n"

    def __enter__(self) -> "Journal":
        try:
            self._file = open(self.path, "a+b")
        except OSError as error:
            raise JournalError(
                f"the run's journal (={self.path}) can't be written: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise JournalError(f"another process is at this run: it writes {self.path}") from None
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

    def replay(self, labels: Iterable[tuple[int, int]]) -> Iterator[Judged]:
        """Replay earlier judgements in order, as long as they are for these ids and samples.

        Whatever follows, such as an unfinished line, is cut off, and `add` continues there.
        """
        self._file.seek(0)
        if self._file.readline() != self._head:
            with self._writing():
                self._file.truncate(0)
                self._file.write(self._head)
                self._file.flush()
            return
        good = self._file.tell()
        for label in labels:
            self._file.seek(good)
            judged = _parse_line(self._file.readline())
            if judged is None or (judged.id, judged.sample) != label:
                break
            good = self._file.tell()
            yield judged
        with self._writing():
            self._file.truncate(good)

    def add(self, judged: Judged) -> None:
        """Write a judgement, so that it survives if this process is killed right after."""
        with self._writing():
            self._file.write(judged.line().encode())
            self._file.flush()

    def remove(self) -> None:
        """Delete the file, once all judgements are written elsewhere."""
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalLost(
                f"the run's journal (={self.path}) can't be written: {error.strerror}"
            ) from error


def _parse_line(line: bytes) -> Judged | None:
    """Parse a line; None unless it is complete and valid."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
        judged = Judged(record.pop("id"), record.pop("sample"), Judgement(**record))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return judged if judged.judgement.rung in (*RUNGS, UNJUDGED) else None
