"""Draws the five inputs that a completion is run on, from a row's ranges, with edge values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.inputs import (
    FLOATS,
    draw_inputs,
    move_half_range,
    promote_avals,
    round_into_range,
)

# Different from the seeds that validation and proofs use.
_SEED = 2_000_000
# The share of an edge input's elements that are at the edge. If all were, a maximum or a variance
# over them would be trivial.
_AT_THE_EDGE = 0.5
# How far an input is moved to see whether it lies on a jump, as a fraction of half its range.
_STEP = 1e-6
PLAIN = 2


def draw_edge_inputs(avals: Sequence[Mapping[str, Any]]) -> list[list[np.ndarray]]:
    """Draw five inputs, each with an array for each argument; a row always gets the same ones.

    The first two (`PLAIN`) are random, from opposite halves of each range. In each of the other
    three, half of the elements, drawn at random, have an edge value: zero (or the end nearest to
    zero, if the range excludes zero), the range's lower end, or its upper end. The rest are random.
    16-bit floats are given as float32.
    """
    avals = promote_avals(avals)
    first = draw_inputs(avals, _SEED)
    second = [move_half_range(aval, x) for aval, x in zip(avals, first, strict=True)]
    edges = [
        [_draw_edge(aval, x, end, draws) for aval, x in zip(avals, drawn, strict=True)]
        for number, end in enumerate((0.0, -np.inf, np.inf), start=1)
        for drawn in (draw_inputs(avals, _SEED + number),)
        for draws in (np.random.Generator(np.random.Philox(key=[_SEED, number])),)
    ]
    return [first, second, *edges]


def draw_plain_inputs(avals: Sequence[Mapping[str, Any]], number: int) -> list[list[np.ndarray]]:
    """Draw `number` random inputs, for programs that can't be judged at edge values."""
    return [draw_inputs(promote_avals(avals), _SEED + 10 + k) for k in range(number)]


def nudge_inputs(
    avals: Sequence[Mapping[str, Any]], arrays: Sequence[np.ndarray]
) -> list[list[np.ndarray]]:
    """Return two inputs beside the given one, in opposite directions; floats are float64."""
    draws = np.random.Generator(np.random.Philox(key=[_SEED, len(avals)]))
    moves = [
        draws.choice((-1.0, 1.0), x.shape) * _STEP * ((aval["high"] - aval["low"]) / 2 or 1.0)
        for aval, x in zip(avals, arrays, strict=True)
    ]
    return [
        [
            x.astype(np.float64) + side * move if aval["dtype"] in FLOATS else x
            for aval, x, move in zip(avals, arrays, moves, strict=True)
        ]
        for side in (1, -1)
    ]


def _draw_edge(
    aval: Mapping[str, Any], drawn: np.ndarray, end: float, draws: np.random.Generator
) -> np.ndarray:
    at_the_edge = draws.random(drawn.shape) < _AT_THE_EDGE
    # A scalar is always at the edge.
    return np.where(at_the_edge | (drawn.ndim == 0), round_into_range(aval, end), drawn)
