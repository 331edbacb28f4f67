"""Draws the inputs that completions run on: all over the ranges, at their ends, at thresholds."""

import collections
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.inputs import DTYPES, FLOATS, round_array, round_into_range
from jax_ir_synth.reference.program import ReferenceProgram

Avals = Sequence[Mapping[str, Any]]
Arrays = list[np.ndarray]

# The number of inputs that fill the ranges, for so many elements at most. An error on a part of a
# range shows at one of many elements, or on one of many inputs.
_FILLING = ((64, 12), (math.inf, 10))
# Of an integer argument with at most so many values, the inputs have each value.
_COVERED = 16
# The part of an edge input's elements that are at the edge. If all were, a maximum or a variance
# over them would tell nothing.
_AT_THE_EDGE = 0.5
_EDGES = (0.0, -np.inf, np.inf)
# How far a nudge moves an input, as a part of half its range.
_STEP = 1e-6
# The most inputs, and the most elements in all of them, that are tried for branches not taken yet.
_TRIED = 400
_TRIED_ELEMENTS = 40_000
# The most comparisons whose thresholds are looked for, and how near an input gets to one, as a part
# of how far the compared values lie from each other on all inputs.
_COMPARISONS, _NEAR = 6, 0.01
_BISECTIONS = 12


class InputDraws:
    """Draws inputs for a row, the same ones every time.

    Args:
      avals: the row's `in_avals`.
      key: the seed, the row's `program_hash`.
    """

    def __init__(self, avals: Avals, key: str):
        self._avals = avals
        # A stranger's row may have any text there.
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16])
        self._stream = np.random.Generator(np.random.Philox(key=seed))

    def fill_ranges(self) -> list[Arrays]:
        """Draw inputs by Latin hypercube sampling (McKay, Beckman and Conover, 1979).

        If there are n inputs, an element's n values lie in n equal parts of its range, one in each.
        All are at the same place within their parts (systematic sampling), so that no gap between
        neighbours is wider than a part. The place is another for each element.
        """
        elements = sum(math.prod(aval["shape"]) for aval in self._avals)
        number = next(number for most, number in _FILLING if elements <= most)
        for aval in self._avals:
            values = aval["high"] - aval["low"] + 1
            if aval["dtype"] not in FLOATS and values <= _COVERED:
                number = max(number, int(values))
        columns = [self._fill(aval, number) for aval in self._avals]
        return [[column[k] for column in columns] for k in range(number)]

    def draw_edges(self) -> list[Arrays]:
        """Draw an input with zeros, one with the ranges' lower ends, and one with the upper ends.

        Half of an input's elements, drawn at random, have this value; the others are random. For a
        range without zero the end nearest to zero takes its place.
        """
        return [[self._draw_edge(aval, end) for aval in self._avals] for end in _EDGES]

    def draw_random(self, number: int) -> Iterator[Arrays]:
        """Draw random inputs."""
        for _ in range(number):
            yield [self._fill(aval, 1)[0] for aval in self._avals]

    def nudge(self, arrays: Sequence[np.ndarray]) -> list[Arrays]:
        """Make two inputs beside one, opposite each other; their floats are float64."""
        moves = [
            self._stream.choice((-1.0, 1.0), x.shape) * _STEP * (_half_range(aval) or 1.0)
            for aval, x in zip(self._avals, arrays, strict=True)
        ]
        return [
            [
                x.astype(np.float64) + side * move if aval["dtype"] in FLOATS else x
                for aval, x, move in zip(self._avals, arrays, moves, strict=True)
            ]
            for side in (1, -1)
        ]

    def draw_index(self, number: int) -> int:
        """Draw an integer from 0 to `number` - 1."""
        return int(self._stream.integers(number))

    def _fill(self, aval: Mapping[str, Any], number: int) -> np.ndarray:
        shape = tuple(aval["shape"])
        parts = np.arange(number).reshape(number, *(1 for _ in shape))
        parts = self._stream.permuted(np.broadcast_to(parts, (number, *shape)), axis=0)
        place = self._stream.random(shape)
        if aval["dtype"] in FLOATS:
            x = (parts + place) / number
            return round_array(aval["low"] + x * (aval["high"] - aval["low"]), aval)
        low, values = int(aval["low"]), int(aval["high"]) - int(aval["low"]) + 1
        # With as many parts as values, each value gets a part of its own.
        at = parts + (0.0 if number >= values else place)
        drawn = low + np.floor(at * (values / number)).astype(np.int64)
        return np.asarray(drawn, DTYPES[aval["dtype"]])

    def _draw_edge(self, aval: Mapping[str, Any], end: float) -> np.ndarray:
        drawn = self._fill(aval, 1)[0]
        at_the_edge = self._stream.random(drawn.shape) < _AT_THE_EDGE
        # A scalar is always at the edge.
        return np.where(at_the_edge | (drawn.ndim == 0), round_into_range(aval, end), drawn)


def find_branches(
    found: list[Arrays], draws: InputDraws, program: ReferenceProgram
) -> list[Arrays]:
    """Find inputs that take those branches of the program that no input found so far takes."""
    taken: set[int] = set()
    offered: set[int] = set()

    def run(inputs: Arrays) -> bool:
        """Whether the inputs take a branch that none took before; False if the program fails."""
        try:
            program.outputs(inputs)
        # At ends of ranges there are roots of zero and singular matrices.
        except (ArithmeticError, np.linalg.LinAlgError):
            return False
        now, all_ = program.branch_functions
        new = not now <= taken
        taken.update(now)
        offered.update(all_)
        return new

    for inputs in found:
        run(inputs)
    more = []
    elements = sum(x.size for x in found[0])
    for inputs in draws.draw_random(min(_TRIED, _TRIED_ELEMENTS // max(1, elements))):
        if offered <= taken:
            break
        if run(inputs):
            more.append(inputs)
    return more


def find_thresholds(
    found: Sequence[Arrays], avals: Avals, draws: InputDraws, program: ReferenceProgram
) -> list[Arrays]:
    """Find inputs near the thresholds of the program's comparisons, one on either side of each.

    On the line between two inputs that compare an element differently lies one where both sides of
    the comparison are equal. Bisection finds it.
    """
    known = [_measure_differences(program, inputs) for inputs in found]
    shapes = [tuple(x.shape for x in each) for each in known]
    # Only runs that make the same comparisons can be compared.
    way, _ = collections.Counter(shapes).most_common(1)[0]
    same = [k for k, each in enumerate(shapes) if each == way]
    near: list[Arrays] = []
    for number in range(min(_COMPARISONS, len(way))):
        values = np.stack([known[k][number] for k in same]).reshape(len(same), -1)
        crossing = np.flatnonzero((values > 0).any(axis=0) & (values < 0).any(axis=0))
        if not crossing.size:
            continue
        element = int(crossing[draws.draw_index(crossing.size)])
        column = values[:, element]
        ends = [found[same[int(np.argmax(sign * column))]] for sign in (1, -1)]
        near += _bisect(ends, avals, program, number, element, _NEAR * float(np.abs(column).max()))
    return near


def _bisect(
    ends: list[Arrays],
    avals: Avals,
    program: ReferenceProgram,
    number: int,
    element: int,
    near: float,
) -> list[Arrays]:
    """Find the inputs nearest to a threshold on either side, on the line between two inputs."""
    sides = list(ends)
    distances = [np.inf, np.inf]
    for _ in range(_BISECTIONS):
        middle = [
            round_array((x.astype(np.float64) + y.astype(np.float64)) / 2, aval)
            if aval["dtype"] in FLOATS
            else x
            for aval, x, y in zip(avals, *sides, strict=True)
        ]
        differences = _measure_differences(program, middle)
        if number >= len(differences) or element >= differences[number].size:
            break
        distance = float(differences[number].flat[element])
        if not np.isfinite(distance):
            break
        side = 0 if distance > 0 else 1
        sides[side], distances[side] = middle, abs(distance)
        if max(distances) <= near:
            break
    return [side for side, distance in zip(sides, distances, strict=True) if distance < np.inf]


def _measure_differences(program: ReferenceProgram, inputs: Arrays) -> list[np.ndarray]:
    """Measure how far apart the compared floats are; an empty list if the program fails."""
    try:
        return program.measure_differences(inputs)
    except (ArithmeticError, np.linalg.LinAlgError):
        return []


def _half_range(aval: Mapping[str, Any]) -> float:
    return float(aval["high"] - aval["low"]) / 2
