"""Reads and writes a folder's records of defects: one for the plan, and one for each such shard."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jax_ir_synth.generate.defects import Defect, count_words
from jax_ir_synth.storage import atomic_write

FOLDER = "defects"


def path(folder: Path, task: str) -> Path:
    """Return the path of the record of the plan or of a shard."""
    return folder / FOLDER / f"{task}.jsonl"


def write(path: Path, defects: Sequence[Defect]) -> None:
    """Write a task's defects, with a JSON object in each line; without defects there is no file."""
    if not defects:
        # An earlier try may have left one.
        path.unlink(missing_ok=True)
        return
    with atomic_write.atomic_write(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for defect in defects:
            file.write(json.dumps(defect.to_json()) + "\n")


def read(path: Path) -> list[Defect]:
    """Read the defects that `write` wrote."""
    if not path.exists():
        return []
    return [Defect(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


class Watch:
    """Prints each defect that is recorded in a folder once, as a line on stderr.

    Args:
      folder: the run's folder.
      program: the program's name, with which the lines begin.
    """

    def __init__(self, folder: Path, program: str):
        self._folder = folder
        self._program = program
        self._seen: set[Path] = set()

    def look(self) -> None:
        """Print the new defects."""
        for path in sorted(set((self._folder / FOLDER).glob("*.jsonl")) - self._seen):
            self._seen.add(path)
            for defect in read(path):
                print(f"{self._program}: {defect.line}", file=sys.stderr, flush=True)


def summarize(folder: Path) -> str:
    """Sum up all records of a folder, for the end of a line; empty if there are none."""
    found = [defect for path in (folder / FOLDER).glob("*.jsonl") for defect in read(path)]
    if not found:
        return ""
    rows = sum(defect.id is not None for defect in found)
    words = count_words(rows, len(found) - rows)
    return f"; {words}: {folder / FOLDER} says which and why"
