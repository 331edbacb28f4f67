"""Stage 2: decides by the rule of `plan` which drawn candidates become rows, and writes the plan.

The rule takes candidates in order, so a single process applies it, in a few microseconds each. Many
processes have drawn the candidates before, which takes milliseconds each.
"""

import contextlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.generate import defects
from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.plan import CategoryPlan, Drawn, GrammarExhausted, PlannedRow, places
from jax_ir_synth.request.config import Request
from jax_ir_synth.scale import ScaleError, draws, records
from jax_ir_synth.scale.draws import Range
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import atomic_write

# The candidates of one task, half a minute's work.
CANDIDATES_A_TASK = 5000
# Of the first thousands of candidates, 96 % or more become rows, so some more than the rows needed
# are drawn at once.
_MORE = 1.1
_SLACK = 8
# The lowest rate that is assumed. If fewer candidates become rows, more ranges follow.
_LEAST_RATE = 0.05

_PLAN, _MANIFEST, _RECORD = "plan.npy", "plan.json", "plan"
_ENTRY = np.dtype([("candidate", "<u8"), ("split", "u1")])


class _NotDrawn(JaxIrSynthError):
    """A candidate of a range that has no file yet."""


def plan(folder: Path, request: Request, draw: Callable[[list[Range]], None]) -> None:
    """Write the folder's plan, unless it is there.

    Args:
      folder: the run's folder.
      request: the request.
      draw: has ranges drawn by `draws.draw`, and returns when they are.

    Raises ScaleError if a category has fewer distinct programs than the requested rows.
    """
    if is_planned(folder):
        return
    work = Planning(folder, request)
    while ranges := work.find_missing():
        draw(ranges)
    work.write()


class Planning:
    """The plan of a request, as far as the candidates that are drawn in a folder allow."""

    def __init__(self, folder: Path, request: Request):
        self._folder = folder
        self._request = request
        # The rows of a category, rounded up. A row more doesn't matter here.
        self._rows = -(-request.count // len(request.categories))
        self._size = min(CANDIDATES_A_TASK, _enough(self._rows, rate=1))
        self._plans = {
            category: CategoryPlan(category, request.seed) for category in request.categories
        }
        self._drawn = {
            category: _FromFiles(folder, category, self._size) for category in request.categories
        }

    def find_missing(self) -> list[Range]:
        """Find the ranges that must be drawn next; none once the plan is complete.

        Raises ScaleError if a category has fewer distinct programs than the requested rows.
        """
        return [part for category in self._plans for part in self._find_missing_of(category)]

    def _find_missing_of(self, category: str) -> list[Range]:
        plan = self._plans[category]
        try:
            with contextlib.suppress(_NotDrawn):
                plan.extend(self._rows, self._drawn[category])
        except GrammarExhausted as error:
            raise ScaleError(str(error)) from error
        lacking = self._rows - len(plan)
        if not lacking:
            return []
        seen = plan.candidates
        rate = max(_LEAST_RATE, len(plan) / seen) if seen else 1
        first, stop = seen // self._size, -(-(seen + _enough(lacking, rate)) // self._size)
        parts = [_range(category, number, self._size) for number in range(first, stop)]
        # The first one counts as missing in any case. An orphan may have drawn it meanwhile.
        return [
            part for part in parts if part == parts[0] or draws.load(self._folder, part) is None
        ]

    def write(self) -> None:
        """Write the plan, once nothing is missing, and then remove the drawn candidates.

        Candidates that can't be drawn are recorded (see `records`). For a strict request, they
        raise RowError.
        """
        entries = np.empty(self._request.count, _ENTRY)
        dropped: list[Defect] = []
        for number, (_, category, index) in enumerate(places(self._request)):
            candidate, split = self._plans[category].row(index)
            entries[number] = candidate, SPLITS.index(split)
            for defect in self._plans[category].defects(index):
                defects.handle(defect, self._request.strict, dropped.append)
        records.write(records.path(self._folder, _RECORD), dropped)
        with (
            atomic_write.atomic_write(self._folder / _PLAN) as partial,
            open(partial, "wb") as file,
        ):
            np.save(file, entries)
        manifest = {
            "rows": len(entries),
            "sha256": atomic_write.hash_file(self._folder / _PLAN),
            "candidates": {category: plan.candidates for category, plan in self._plans.items()},
        }
        # Written last, since it says that the plan is complete.
        atomic_write.write_json(self._folder / _MANIFEST, manifest)
        shutil.rmtree(self._folder / draws.FOLDER, ignore_errors=True)


def is_planned(folder: Path) -> bool:
    """Whether the folder's plan is written and undamaged."""
    manifest = atomic_write.read_json(folder / _MANIFEST)
    plan = folder / _PLAN
    return (
        manifest is not None
        and plan.exists()
        and atomic_write.hash_file(plan) == manifest["sha256"]
    )


def read_plan(folder: Path, request: Request, start: int, stop: int) -> list[PlannedRow]:
    """Read the rows with numbers from `start` to before `stop` of the folder's plan."""
    entries = np.load(folder / _PLAN, mmap_mode="r")[start:stop].tolist()
    return [
        PlannedRow(id, category, candidate, SPLITS[split])
        for (id, category, _), (candidate, split) in zip(
            places(request, start, stop), entries, strict=True
        )
    ]


class _FromFiles:
    """Reads a category's candidates in order from the files of ranges, one file at a time."""

    def __init__(self, folder: Path, category: str, size: int):
        self._folder = folder
        self._category = category
        self._size = size
        self._number: int | None = None
        self._found: list[Drawn | Defect] = []

    def __call__(self, category: str, seed: int, candidate: int) -> Drawn | Defect:
        number, place = divmod(candidate, self._size)
        if number != self._number:
            found = draws.load(self._folder, _range(self._category, number, self._size))
            if found is None:
                raise _NotDrawn
            self._number, self._found = number, found
        return self._found[place]


def _range(category: str, number: int, size: int) -> Range:
    return Range(category, number * size, (number + 1) * size)


def _enough(rows: int, rate: float) -> int:
    """Estimate how many candidates give `rows` rows, if a share of `rate` of them become rows."""
    return math.ceil(rows / rate * _MORE) + _SLACK
