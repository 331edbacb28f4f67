"""Plans rows: assigns a distinct candidate to each row, and a split (no jax, no datasets here).

A category's candidates 0, 1, 2, ... are drawn in turn. A candidate is dropped if it repeats a
planned program, if its skeleton is already planned often enough, or if it can't be drawn (see
`defects`). So a category's k-th row depends only on the seed and the category. A larger count
extends a smaller one, and a category's own config has the same rows as `all`.
"""

import array
import collections
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from jax_ir_synth import kernels
from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.generate import defects
from jax_ir_synth.generate.defects import Defect, Tell
from jax_ir_synth.request import categories
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.isolation import isolated
from jax_ir_synth.schema.splits import SPLITS, split_of

# How many rows of a category may share a skeleton. Programs that differ only in constants, sizes or
# names are near-duplicates. They inflate a dataset and teach a model nothing new.
MAX_PER_SKELETON = 1

# A grammar counts as exhausted once it yields nothing new this many times in a row.
MAX_DROPPED_IN_A_ROW = 10_000


class GrammarExhausted(JaxIrSynthError, RuntimeError):
    """A category has fewer distinct programs than rows are asked for."""


class Drawn(NamedTuple):
    """The part of a candidate that the plan needs: 64 bits of each of its two hashes."""

    program: int
    skeleton: int


class Place(NamedTuple):
    """A row's place: its `id`, its category, and its number among the category's rows."""

    id: int
    category: str
    # A tuple has a method of this name, which a place has no use for.
    index: int  # type: ignore[assignment]


class PlannedRow(NamedTuple):
    """A row to be made: its `id`, its program's coordinates (without the seed), and its split."""

    id: int
    category: str
    candidate: int
    split: str


@isolated
def draw_candidate(category: str, seed: int, candidate: int) -> Drawn | Defect:
    """Draw a candidate, and keep the first 16 hex digits of its hashes.

    If two hashes agree in 64 bits by chance, this only costs a candidate.
    """
    try:
        spec = kernels.draw(category, seed, candidate)
    except Exception as error:
        if defects.is_of_the_machine(error):
            error.add_note(f"while drawing category={category!r} seed={seed} candidate={candidate}")
            raise
        return Defect(None, category, seed, candidate, defects.describe(error))
    return Drawn(int(spec.program_key[:16], 16), int(spec.skeleton_hash[:16], 16))


# Draws a candidate by its category, seed and number.
Draw = Callable[[str, int, int], Drawn | Defect]


class CategoryPlan:
    """The plan of one category and seed, extended as far as it is needed.

    Args:
      category: one of `categories.CATEGORIES`.
      seed: 0 to 2**64 - 1.
    """

    def __init__(self, category: str, seed: int):
        self._category = category
        self._seed = seed
        # A plan of a million rows must stay small: 9 bytes for a row, and 64 bits for each hash.
        self._candidates = array.array("Q")
        self._splits = array.array("B")
        self._programs: set[int] = set()
        self._skeletons: collections.Counter[int] = collections.Counter()
        # The defects by the number of the row that takes their place.
        self._defects: dict[int, list[Defect]] = {}
        self._next = 0
        # How many candidates in succession were dropped.
        self._dropped = 0

    def __len__(self) -> int:
        """The number of rows planned so far."""
        return len(self._candidates)

    @property
    def candidates(self) -> int:
        """The number of candidates drawn so far."""
        return self._next

    def extend(self, length: int, draw: Draw = draw_candidate) -> None:
        """Draw until `length` rows are planned. Raises GrammarExhausted if nothing new turns up.

        Args:
          length: the total number of rows to plan.
          draw: draws the candidates, by successive numbers. An error that it raises ends the call,
            which may then be repeated; nothing is lost.
        """
        while len(self) < length:
            found = draw(self._category, self._seed, self._next)
            if isinstance(found, Defect):
                self._dropped += 1
                self._defects.setdefault(len(self), []).append(found)
            elif self._is_known(found):
                self._dropped += 1
            else:
                program, skeleton = found
                self._dropped = 0
                self._programs.add(program)
                self._skeletons[skeleton] += 1
                self._candidates.append(self._next)
                self._splits.append(SPLITS.index(split_of(f"{skeleton:016x}")))
            self._next += 1
            if self._dropped >= MAX_DROPPED_IN_A_ROW:
                raise GrammarExhausted(
                    f"category {self._category!r}, seed {self._seed}: the grammar is exhausted "
                    f"at {len(self)} distinct programs ({self._dropped} candidates in a row "
                    f"brought nothing new), {length} were asked for"
                )

    def _is_known(self, found: Drawn) -> bool:
        program, skeleton = found
        return program in self._programs or self._skeletons[skeleton] >= MAX_PER_SKELETON

    def defects(self, index: int) -> list[Defect]:
        """Return the candidates between row `index` and the row before it that can't be drawn."""
        return self._defects.get(index, [])

    def row(self, index: int, draw: Draw = draw_candidate) -> tuple[int, str]:
        """Return candidate and split of the category's row `index`; for `draw` see `extend`."""
        self.extend(index + 1, draw)
        return self._candidates[index], SPLITS[self._splits[index]]


@functools.lru_cache(maxsize=64)
def get_category_plan(category: str, seed: int) -> CategoryPlan:
    """Return this process's only plan for a category and seed, so that shards share it."""
    return CategoryPlan(category, seed)


def places(request: Request, start: int = 0, stop: int | None = None) -> Iterator[Place]:
    """List the places of the rows with numbers from `start` to before `stop` (default: the count).

    Row number r is of category r % n, where n is the number of requested categories. Its id is its
    number in the order of `all`, whatever the request, so that subsets join on it.
    """
    number_of_kinds = len(categories.CATEGORIES)
    wanted = [(categories.CATEGORIES.index(category), category) for category in request.categories]
    for number in range(start, request.count if stop is None else min(stop, request.count)):
        index, turn = divmod(number, len(wanted))
        position, category = wanted[turn]
        yield Place(index * number_of_kinds + position, category, index)


def plan_rows(
    request: Request,
    start: int = 0,
    stop: int | None = None,
    draw: Draw = draw_candidate,
    tell: Tell = defects.log,
) -> Iterator[PlannedRow]:
    """Plan the rows with numbers from `start` to before `stop` (see `places`), lazily.

    Args:
      request: the request.
      start: the first row's number.
      stop: the number after the last row's; None for all rows.
      draw: draws candidates that aren't known yet: `draw_candidate`, or the method of workers.
      tell: called with each candidate that can't be drawn.

    Raises RowError for the first such candidate if the request is strict.
    """
    plans = {category: get_category_plan(category, request.seed) for category in request.categories}
    for id, category, index in places(request, start, stop):
        candidate, split = plans[category].row(index, draw)
        for defect in plans[category].defects(index):
            defects.handle(defect, request.strict, tell)
        yield PlannedRow(id, category, candidate, split)
