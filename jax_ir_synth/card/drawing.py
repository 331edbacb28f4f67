"""Draws the plan of a seed again, and makes complete rows again, to compare the saved rows."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jax_ir_synth.card.errors import SeedMismatch
from jax_ir_synth.generate.defects import Defect
from jax_ir_synth.generate.plan import (
    CategoryPlan,
    Drawn,
    Place,
    PlannedRow,
    draw_candidate,
    places,
)
from jax_ir_synth.request.config import Request

# The digits of a skeleton's hash that the plan keeps.
_DIGITS = 16
# The advice for a row that differs from the saved one when it is made again.
_WHY = "is the seed right, and are package, jax, numpy and scipy those that made the rows?"


class Count(NamedTuple):
    """The numbers of a category's candidates, of distinct programs among them, and of rows."""

    candidates: int
    programs: int
    rows: int


class Redrawn:
    """The plan of a request, drawn again.

    Attributes:
      places: each row's place, by its id.
      counts: a `Count` for each category that has rows.
    """

    def __init__(self, request: Request):
        self._request = request
        self._drawn: dict[str, list[Drawn | Defect]] = {
            category: [] for category in request.categories
        }
        self._plans = {
            category: CategoryPlan(category, request.seed) for category in request.categories
        }
        self.places: dict[int, Place] = {place.id: place for place in places(request)}
        for place in self.places.values():
            self._plans[place.category].row(place.index, self._draw)
        self.counts = {
            category: Count(
                plan.candidates,
                len({found.program for found in self._drawn[category] if isinstance(found, Drawn)}),
                len(plan),
            )
            for category, plan in self._plans.items()
            if len(plan)
        }

    def _draw(self, category: str, seed: int, number: int) -> Drawn | Defect:
        candidate: Drawn | Defect = draw_candidate(category, seed, number)
        self._drawn[category].append(candidate)
        return candidate

    def check_skeletons(self, skeletons: Mapping[int, str]) -> None:
        """Compare the rows' skeleton hashes, by id, with those of the seed's programs.

        A missing row must be one that is left out (see `defects`), which is tried.

        Raises:
          SeedMismatch: a hash differs, or a row is missing.
        """
        for number, place in sorted(self.places.items()):
            candidate, _ = self._plans[place.category].row(place.index)
            if number not in skeletons:
                self._check_left_out(place)
                continue
            found = self._drawn[place.category][candidate]
            # The plan has only candidates that could be drawn.
            assert isinstance(found, Drawn)
            planned = f"{found.skeleton:0{_DIGITS}x}"
            if skeletons[number][:_DIGITS] != planned:
                raise SeedMismatch(
                    f"row {number} is not that of seed {self._request.seed}: its skeleton_hash "
                    f"begins with {skeletons[number][:_DIGITS]}, not {planned}; {_WHY}"
                )

    def check_rows(self, saved: Iterable[Mapping[str, Any]]) -> int:
        """Make each row again, and compare it; return the number of rows.

        Raises:
          SeedMismatch: a row differs in a byte.
        """
        number = 0
        for row in saved:
            place = self.places[row["id"]]
            made = self._remake(place)
            if isinstance(made, Defect):
                raise SeedMismatch(f"row {place.id} can't be made anew: {made.line}")
            differ = [name for name in made if _bytes(made[name]) != _bytes(row.get(name))]
            if differ:
                raise SeedMismatch(
                    f"row {place.id}, made anew from seed {self._request.seed}, is not the saved "
                    f"one: {', '.join(differ)} differ{'s' if len(differ) == 1 else ''}; {_WHY}"
                )
            number += 1
        return number

    def _remake(self, place: Place) -> dict[str, Any] | Defect:
        # Imported late, since it imports jax.
        from jax_ir_synth.generate.rows import make_or_leave_out

        candidate, split = self._plans[place.category].row(place.index)
        planned = PlannedRow(place.id, place.category, candidate, split)
        return make_or_leave_out(self._request, planned)

    def _check_left_out(self, place: Place) -> None:
        if not isinstance(self._remake(place), Defect):
            request = self._request
            raise SeedMismatch(
                f"the rows are not the first {request.count} of the config {request.category}: "
                f"row {place.id} should be of {place.category}, and is missing"
            )


def choose_ids(categories: Mapping[int, str], number: int) -> list[int]:
    """Choose ids: the first, the last, others evenly between, and one of each category.

    Args:
      categories: each row's category, by its id, in any order.
      number: the number of ids, in addition to one of each category that would be missing.
    """
    ids = sorted(categories)
    last, steps = len(ids) - 1, max(1, min(number, len(ids)) - 1)
    chosen = {ids[round(step * last / steps)] for step in range(steps + 1)}
    there = {categories[id] for id in chosen}
    middle = len(ids) // 2
    for id in ids[middle:] + ids[:middle]:
        if categories[id] not in there:
            there.add(categories[id])
            chosen.add(id)
    return sorted(chosen)


def _bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
