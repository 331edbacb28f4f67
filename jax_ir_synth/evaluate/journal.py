"""Judgements on disk as they are made, so that a run that was killed goes on where it stopped."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.judgement import RUNGS, Judgement

# A form of the file that is read no more must not be taken for one that is.
_FORM = 1


class JournalError(UsageError, RuntimeError):
    """There can be no journal there, or another process is at the same run."""


class Made(NamedTuple):
    """A judgement, and what it is of: a row's id, and the number of its completion from 0."""

    id: int
    sample: int
    judgement: Judgement

    def line(self) -> str:
        """As a line of JSON, with its end."""
        return json.dumps({"id": self.id, "sample": self.sample} | self.judgement._asdict()) + "\n"


class Journal:
    """A context manager that holds the file.

    Args:
      path: of the file; it is removed by `remove`, and where it holds no judgement in the end.
      key: what the judgements depend on. A file with another key is begun anew.

    Raises:
      JournalError: on entry, if another process has it, or it can't be written.
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
        # The lock goes with it.
        self._file.close()

    def replay(self, labels: Iterable[tuple[int, int]]) -> Iterator[Made]:
        """What was judged before, in order, as long as it is of these ids and samples.

        What follows, as a line that was not finished, is cut off; then `add` goes on.
        """
        self._file.seek(0)
        if self._file.readline() != self._head:
            self._file.truncate(0)
            self._file.write(self._head)
            self._file.flush()
            return
        good = self._file.tell()
        for label in labels:
            self._file.seek(good)
            made = _made(self._file.readline())
            if made is None or (made.id, made.sample) != label:
                break
            good = self._file.tell()
            yield made
        self._file.truncate(good)

    def add(self, made: Made) -> None:
        """Keep a judgement, also if this process is killed right after."""
        self._file.write(made.line().encode())
        self._file.flush()

    def remove(self) -> None:
        """Once all is done and written elsewhere."""
        self.path.unlink(missing_ok=True)


def _made(line: bytes) -> Made | None:
    """A whole line's, None of anything else."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
        made = Made(record.pop("id"), record.pop("sample"), Judgement(**record))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return made if made.judgement.rung in RUNGS else None
