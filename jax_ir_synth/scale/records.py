"""What a folder's rows lack, as files: one of the plan and one of each shard that met defects."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jax_ir_synth.generate.defects import Defect, count_words
from jax_ir_synth.storage import atomic_write

FOLDER = "defects"


def path(folder: Path, task: str) -> Path:
    """The record of the plan or of a shard."""
    return folder / FOLDER / f"{task}.jsonl"


def write(path: Path, defects: Sequence[Defect]) -> None:
    """Write what a task met, a JSON object a line; without any there is no file."""
    if not defects:
        # Of an earlier try.
        path.unlink(missing_ok=True)
        return
    with atomic_write.atomic_write(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for defect in defects:
            file.write(json.dumps(defect.described()) + "\n")


def read(path: Path) -> list[Defect]:
    """What `write` wrote."""
    if not path.exists():
        return []
    return [Defect(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


class Watch:
    """Says each defect that turns up in a folder once, as a line on stderr.

    Args:
      folder: of the run.
      program: that the lines begin with.
    """

    def __init__(self, folder: Path, program: str):
        self._folder = folder
        self._program = program
        self._seen: set[Path] = set()

    def look(self) -> None:
        """Say what is new."""
        for path in sorted(set((self._folder / FOLDER).glob("*.jsonl")) - self._seen):
            self._seen.add(path)
            for defect in read(path):
                print(f"{self._program}: {defect.line}", file=sys.stderr, flush=True)


def summary(folder: Path) -> str:
    """All records of a folder summed up, for the end of a line; empty where there are none."""
    found = [defect for path in (folder / FOLDER).glob("*.jsonl") for defect in read(path)]
    if not found:
        return ""
    rows = sum(defect.id is not None for defect in found)
    words = count_words(rows, len(found) - rows)
    return f"; {words}: {folder / FOLDER} says which and why"
