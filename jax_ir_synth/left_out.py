"""A command's account of defects: a line on stderr at once, counts, and a file beside the output."""

import collections
import json
import sys
from pathlib import Path

from jax_ir_synth import files
from jax_ir_synth.defects import Defect


def path_beside(output: Path) -> Path:
    """The file that says what was left out of the rows at `output`."""
    return output.with_name(f"{output.name}.defects.jsonl")


class LeftOut:
    """What was left out of a run so far; to be called with each defect, as a `defects.Tell`.

    Attributes:
      rows, candidates: for each category how many rows were left out, candidates dropped.

    Args:
      program: the command's name, which its lines on stderr begin with.
    """

    def __init__(self, program: str):
        self._program = program
        self._defects: list[Defect] = []
        self.rows: collections.Counter[str] = collections.Counter()
        self.candidates: collections.Counter[str] = collections.Counter()

    def __call__(self, defect: Defect) -> None:
        self._defects.append(defect)
        counts = self.candidates if defect.id is None else self.rows
        counts[defect.category] += 1
        print(f"{self._program}: {defect.line}", file=sys.stderr, flush=True)

    def __bool__(self) -> bool:
        return bool(self._defects)

    def __str__(self) -> str:
        """The counts in words."""
        counts = (
            (self.rows.total(), "row", "left out"),
            (self.candidates.total(), "candidate", "dropped"),
        )
        return ", ".join(
            f"{count} {noun}{'s' if count > 1 else ''} {verb}"
            for count, noun, verb in counts
            if count
        )

    def write(self, path: Path) -> None:
        """Write all that is known of each, a JSON object a line (see `defects.Defect`)."""
        with files.whole(path) as partial, open(partial, "w", encoding="utf-8") as file:
            for defect in self._defects:
                file.write(json.dumps(defect.described()) + "\n")
