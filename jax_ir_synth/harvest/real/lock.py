"""The lock list: which functions are in the set, how they are called, and the hashes of their rows.

It is JSON lines, compressed by xz: one line for each row, in the order of the rows.
"""

import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.schema.row_view import IR_COLUMNS

LOCK = Path(__file__).with_name("real.lock")
_HASHED = ("python", *IR_COLUMNS)


class Entry(NamedTuple):
    """A row of the set.

    Attributes:
      package: the distribution.
      version: its version.
      module: the function's module.
      qualname: its qualified name.
      file: its file, relative to the folder with the package.
      first: its first line there.
      last: its last line.
      call: the written call, see `arguments`.
      sha256: the hashes of the row's columns `python`, `cpp` and `cuda`, by name.
    """

    package: str
    version: str
    module: str
    qualname: str
    file: str
    first: int
    last: int
    call: Any
    sha256: dict[str, str]

    @property
    def name(self) -> str:
        """The full name of the function."""
        return f"{self.module}.{self.qualname}"


def hash_row(row: Mapping[str, Any]) -> dict[str, str]:
    """Hash the text and the IR of a row; a column that is null has no hash."""
    return {
        name: hashlib.sha256(row[name].encode()).hexdigest()
        for name in _HASHED
        if row[name] is not None
    }


def find_change(entry: Entry, row: Mapping[str, Any]) -> str | None:
    """Find a column of a row that isn't what the list says; None if there is none."""
    for name, sha256 in hash_row(row).items():
        if entry.sha256.get(name) != sha256:
            kept = entry.sha256.get(name, "none")[:12]
            return f"its column {name} has the SHA-256 {sha256[:12]}…, and the lock list {kept}…"
    return None


def read_lock(path: Path | None = None) -> list[Entry]:
    """Read a lock list, by default that of this package. Raises UsageError if it can't be read."""
    path = LOCK if path is None else path
    try:
        with lzma.open(path, "rt", encoding="utf-8") as file:
            return [Entry(**json.loads(line)) for line in file]
    except (OSError, lzma.LZMAError, EOFError, ValueError, TypeError) as error:
        raise UsageError(f"`lock` (={path}) is no lock list: {error}") from error


def write_lock(path: Path, entries: Iterable[Entry]) -> None:
    """Write a lock list; the same entries give the same bytes."""
    lines = [json.dumps(entry._asdict(), separators=(",", ":")) + "\n" for entry in entries]
    path.write_bytes(lzma.compress("".join(lines).encode(), preset=9))
