"""What a run leaves out: a line on stderr at once, counts, and a file beside the output."""

import collections
import json
import sys
from pathlib import Path

from jax_ir_synth.generate.defects import Defect, count_words
from jax_ir_synth.storage import outputs


def path_beside(output: Path) -> Path | None:
    """The path of the record of rows left out of `output`; None for a stream."""
    return outputs.path_beside(output, ".defects.jsonl")


class LeftOut:
    """The defects of a run so far. It is a `defects.Tell`: call it with each defect.

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
        """Takes account of a defect, and reports it."""
        self._defects.append(defect)
        counts = self.candidates if defect.id is None else self.rows
        counts[defect.category] += 1
        print(f"{self._program}: {defect.line}", file=sys.stderr, flush=True)

    def __bool__(self) -> bool:
        return bool(self._defects)

    def __str__(self) -> str:
        """The counts in words."""
        return count_words(self.rows.total(), self.candidates.total())

    def check(self, output: Path, overwrite: bool) -> None:
        """Raises outputs.OutputError where another run's file is in the place of this one's."""
        if (path := path_beside(output)) is not None:
            outputs.check_new("--output", outputs.locate("--output", path), overwrite)

    def record(self, output: Path, overwrite: bool) -> None:
        """Say all that is known of each, a JSON object a line (see `defects.Defect`).

        In the file beside the output; beside a stream on stderr. Where nothing was left out there
        is no file, and an earlier run's goes if its rows were replaced.
        """
        path = path_beside(output)
        lines = [json.dumps(defect.described()) + "\n" for defect in self._defects]
        if path is None:
            sys.stderr.writelines(lines)
        elif lines:
            outputs.write_text(path, "".join(lines), overwrite)
        elif overwrite and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    """Whether it is a file that `LeftOut.record` wrote."""
    if not path.is_file() or path.is_symlink():
        return False
    with open(path, "rb") as file:
        first = file.readline()
    try:
        return set(json.loads(first)) == set(Defect._fields)
    except (ValueError, TypeError):
        return False
