"""The rule "no degenerate rows": results vary, aren't zero, and depend on every argument.

Rows whose right answer is a constant mislead models and scorers: one that prints zeros would be
right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.inputs import random_input, random_inputs, wide
from jax_ir_synth.reference.points import Point
from jax_ir_synth.reference.program import ReferenceProgram, direction

# An output is confined where all of it is within this of zero, nearly constant where all of it is
# within this part of its size; a gradient is zero where crossing half the argument's range would
# change the outputs by less than this part of their size.
CONFINED, CONSTANT, ZERO = 0.01, 1e-3, 1e-7
# What two inputs show may be chance: a flag that is off, a clip that cuts. So many more are tried.
MORE = 16
_SEED = 1000


def find_degenerate(
    avals: Sequence[Mapping[str, Any]],
    argnums: Sequence[int],
    meaning: ReferenceProgram,
    points: Sequence[Point],
    gradients: Sequence[Sequence[np.ndarray]] | None = None,
    margin: float = 1.0,
) -> list[str]:
    """Say what is degenerate about a program, in a line for each fault; a good one has none.

    Args:
      avals: the program's arguments, as in `in_avals`.
      argnums: the differentiable ones.
      meaning: the program, run by NumPy.
      points: where it was run.
      gradients: at each point, by each argument of `argnums`, where they are known; otherwise
        derivatives are taken by differences.
      margin: how much more than the least an output must vary.
    """
    found = []
    others = None
    for number, values in enumerate(zip(*(point.outputs for point in points), strict=True)):
        if not _flat(values, margin):
            continue
        if others is None:
            others = [meaning.outputs(random_inputs(avals, _SEED + k)) for k in range(MORE)]
        if reason := _flat([*values, *(other[number] for other in others)], margin):
            found.append(f"output {number} is {reason}")
    size = max(float(np.abs(np.asarray(x, np.float64)).max(initial=0)) for x in points[0].outputs)
    slopes = dict(zip(argnums, zip(*gradients, strict=True), strict=True)) if gradients else {}
    for number, aval in enumerate(avals):
        half = (aval["high"] - aval["low"]) / 2
        if any(
            np.abs(np.asarray(x, np.float64)).max() * half > ZERO * size
            for x in slopes.get(number, ())
        ):
            continue
        if number in argnums and _slopes(avals, number, meaning, points, size):
            continue
        if not _matters(avals, number, meaning, points[0]):
            found.append(f"no output depends on {aval['name']}")
        elif number in argnums:
            found.append(f"the gradient by {aval['name']} is zero")
    return found


def _flat(values: Sequence[np.ndarray], margin: float) -> str | None:
    """In what way an output's values at several inputs are too much alike."""
    pooled = np.concatenate([np.ravel(np.asarray(x, np.float64)) for x in values])
    largest = np.abs(pooled).max(initial=0)
    if largest <= CONFINED * margin:
        return f"within {CONFINED} of zero"
    return "nearly constant" if np.ptp(pooled) <= CONSTANT * margin * largest else None


def _matters(
    avals: Sequence[Mapping[str, Any]], number: int, meaning: ReferenceProgram, point: Point
) -> bool:
    """Does some other value of an argument change an output?"""
    for k in range(MORE):
        inputs = list(point.inputs)
        inputs[number] = random_input(avals[number], _SEED + k, number)
        changed = meaning.outputs(inputs)
        if any(not np.array_equal(x, y) for x, y in zip(point.outputs, changed, strict=True)):
            return True
    return False


def _slopes(
    avals: Sequence[Mapping[str, Any]],
    number: int,
    meaning: ReferenceProgram,
    points: Sequence[Point],
    size: float,
) -> bool:
    """Is the derivative by an argument of floats more than zero somewhere?"""
    tried = [point.inputs for point in points]
    for k in range(len(tried) + MORE):
        inputs = tried[k] if k < len(tried) else random_inputs(wide(avals), _SEED + k)
        outputs = meaning.outputs(inputs)
        derivative = meaning.derivative(inputs, outputs, direction(avals, [number], _SEED + k))
        if derivative is not None and abs(derivative.value) > ZERO * size:
            return True
    return False
