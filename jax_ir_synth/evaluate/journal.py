"""Writes judgements to disk as they are made, so that a killed run can resume where it stopped."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.evaluate.judgement import RUNGS, UNJUDGED, Judgement
from jax_ir_synth.storage.line_journal import LineJournal

# The version of the file's format, so that an older journal isn't misread.
_FORM = 1


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
        head = json.dumps({"form": _FORM, "key": key}).encode() + b"\n"
        self._lines = LineJournal(path, head)

    def __enter__(self) -> "Journal":
        self._lines.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._lines.__exit__(*raised)

    def replay(self, labels: Iterable[tuple[int, int]]) -> Iterator[Judged]:
        """Replay earlier judgements in order, as long as they are for these ids and samples.

        Whatever follows, such as an unfinished line, is cut off, and `add` continues there.
        """
        # The labels are read no further than the lines.
        with contextlib.closing(self._lines.replay()) as lines:
            for line, label in zip(lines, labels, strict=False):
                judged = _parse_line(line)
                if judged is None or (judged.id, judged.sample) != label:
                    break
                yield judged

    def add(self, judged: Judged) -> None:
        """Write a judgement, so that it survives if this process is killed right after."""
        self._lines.add(judged.line().encode())

    def remove(self) -> None:
        """Delete the file, once all judgements are written elsewhere."""
        self._lines.remove()


def _parse_line(line: bytes) -> Judged | None:
    """Parse a line; None unless it is valid."""
    try:
        record = json.loads(line)
        judged = Judged(record.pop("id"), record.pop("sample"), Judgement(**record))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return judged if judged.judgement.rung in (*RUNGS, UNJUDGED) else None
