"""Writes what a harvest has found to disk at once, so that a killed run can resume."""

import contextlib
import json
import threading
from pathlib import Path
from typing import Any

from jax_ir_synth.storage.line_journal import LineJournal

# The version of the file's format, so that an older journal isn't misread.
_FORM = 1
_HEAD = json.dumps({"form": _FORM, "what": "harvest"}).encode() + b"\n"


class Journal:
    """A context manager that holds a file of records, each of which has a key.

    Any thread may add records. A record's key says all that it depends on, so that a record of
    another version of a package, or by other options, is never found.

    Args:
      path: the file's path; None keeps nothing.

    Raises:
      JournalError: on entry, if another process has the file open, or it can't be opened.
      JournalLost: by `add`, if it can't be written any further.
    """

    def __init__(self, path: Path | None):
        self._lines = None if path is None else LineJournal(path, _HEAD)
        self._lock = threading.Lock()
        self._records: dict[str, Any] = {}

    def __enter__(self) -> "Journal":
        if self._lines is not None:
            self._lines.__enter__()
            with contextlib.closing(self._lines.replay()) as lines:
                for line in lines:
                    try:
                        entry = json.loads(line)
                        self._records[entry["key"]] = entry["record"]
                    except (ValueError, KeyError, TypeError):
                        break
        return self

    def __exit__(self, *raised: object) -> None:
        if self._lines is not None:
            self._lines.__exit__(*raised)

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: str) -> Any:
        """Return the record with a key; None if there is none."""
        return self._records.get(key)

    def add(self, key: str, record: Any) -> None:
        """Write a record, so that it survives if this process is killed right after."""
        with self._lock:
            self._records[key] = record
            if self._lines is not None:
                self._lines.add(json.dumps({"key": key, "record": record}).encode() + b"\n")

    def remove(self) -> None:
        """Delete the file, once all records are written elsewhere."""
        if self._lines is not None:
            self._lines.remove()
