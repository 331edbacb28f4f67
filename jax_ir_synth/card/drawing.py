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
from jax_ir_synth.request.categories import CATEGORIES
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
            _check_skeleton(number, skeletons[number], found, self._request.seed)

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


def check_first_row(row: Mapping[str, Any], seed: int, count: int) -> None:
    """Compare a row's skeleton hash with that of the seed's program, before all other work.

    Only the candidates up to the row's are drawn, so that a wrong seed is noticed at once. A row
    that can't be placed is passed over; a later check says what is wrong with it.

    Args:
      row: a row of the dataset.
      seed: the seed that it should be of.
      count: the number of rows in the dataset, which bounds the drawing.

    Raises:
      SeedMismatch: the hash differs.
    """
    number, category = row.get("id"), str(row.get("type")).removeprefix("generate_")
    skeleton = row.get("skeleton_hash")
    if type(number) is not int or number < 0 or not isinstance(skeleton, str):
        return
    index, turn = divmod(number, len(CATEGORIES))
    if category != CATEGORIES[turn] or index >= count:
        return
    candidate, _ = CategoryPlan(category, seed).row(index)
    _check_skeleton(number, skeleton, draw_candidate(category, seed, candidate), seed)


def _check_skeleton(number: int, skeleton: str, planned: Drawn | Defect, seed: int) -> None:
    # The plan has only candidates that could be drawn.
    assert isinstance(planned, Drawn)
    digits = f"{planned.skeleton:0{_DIGITS}x}"
    if skeleton[:_DIGITS] != digits:
        raise SeedMismatch(
            f"row {number} is not that of seed {seed}: its skeleton_hash begins with "
            f"{skeleton[:_DIGITS]}, not {digits}; {_WHY}"
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
