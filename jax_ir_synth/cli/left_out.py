"""Reports what a run leaves out: a line on stderr at once, counts, and a file beside the output."""

import collections
import json
import sys
from pathlib import Path

from jax_ir_synth.generate.defects import Defect, count_words
from jax_ir_synth.storage import outputs


def path_beside(output: Path) -> Path | None:
    """Return the path of the record of rows left out of `output`; None for a stream."""
    return outputs.path_beside(output, ".defects.jsonl")


class LeftOut:
    """The defects of a run so far. It is a `defects.Tell`: call it with each defect.

    Attributes:
      rows: for each category, the number of rows left out.
      candidates: for each category, the number of candidates dropped.

    Args:
      program: the command's name, with which its lines on stderr begin.
    """

    def __init__(self, program: str):
        self._program = program
        self._defects: list[Defect] = []
        self.rows: collections.Counter[str] = collections.Counter()
        self.candidates: collections.Counter[str] = collections.Counter()

    def __call__(self, defect: Defect) -> None:
        """Count a defect, and report it."""
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
        """Raise outputs.OutputError if another run's file is in the way."""
        if (path := path_beside(output)) is not None:
            outputs.check_new("--output", outputs.locate("--output", path), overwrite)

    def record(self, output: Path, overwrite: bool) -> None:
        """Write the full description of each defect, as a JSON object on a line (see `Defect`).

        It goes to the file beside the output, or to stderr if the output is a stream. If nothing
        was left out there is no file, and that of an earlier run, whose rows were replaced, is
        removed.
        """
        path = path_beside(output)
        lines = [json.dumps(defect.to_json()) + "\n" for defect in self._defects]
        if path is None:
            sys.stderr.writelines(lines)
        elif lines:
            outputs.write_text(path, "".join(lines), overwrite)
        elif overwrite and _is_ours(path):
            path.unlink()


def _is_ours(path: Path) -> bool:
    """Whether `LeftOut.record` wrote the file."""
    if not path.is_file() or path.is_symlink():
        return False
    with open(path, "rb") as file:
        first = file.readline()
    try:
        return set(json.loads(first)) == set(Defect._fields)
    except (ValueError, TypeError):
        return False
