"""Checks the rule "no degenerate rows": results vary, aren't zero, and depend on every argument.

A row whose right answer is a constant misleads models and scorers, since a model that prints zeros
would be right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.inputs import draw_input, draw_inputs, promote_avals
from jax_ir_synth.reference.points import Point
from jax_ir_synth.reference.program import ReferenceProgram, direction

# An output is confined if no element is farther than CONFINED from zero. It is nearly constant if
# its elements differ by at most CONSTANT times its size. A gradient is zero if crossing half the
# argument's range would change the outputs by less than ZERO times their size.
CONFINED, CONSTANT, ZERO = 0.01, 1e-3, 1e-7
# Two inputs may look degenerate by chance, as with a flag that is off. So many more are tried then.
MORE = 16
_SEED = 1000


def find_degenerate(
    avals: Sequence[Mapping[str, Any]],
    argnums: Sequence[int],
    reference: ReferenceProgram,
    points: Sequence[Point],
    gradients: Sequence[Sequence[np.ndarray]] | None = None,
    margin: float = 1.0,
) -> list[str]:
    """Find what is degenerate about a program.

    Args:
      avals: the program's arguments, as in `in_avals`.
      argnums: the differentiable ones.
      reference: the program, run by NumPy.
      points: the points at which it was run.
      gradients: for each point, the gradients by the arguments of `argnums`. Without them,
        derivatives are taken by finite differences.
      margin: the factor by which an output must vary more than the minimum.

    Returns:
      One line for each fault; an empty list for a sound program.
    """
    found = []
    others = None
    for number, values in enumerate(zip(*(point.outputs for point in points), strict=True)):
        if not _describe_flatness(values, margin):
            continue
        if others is None:
            others = [reference.outputs(draw_inputs(avals, _SEED + k)) for k in range(MORE)]
        if reason := _describe_flatness([*values, *(other[number] for other in others)], margin):
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
        if number in argnums and (
            # The points' own derivatives are by this argument, if there is no other.
            (len(argnums) == 1 and any(abs(p.derivative.value) > ZERO * size for p in points))
            or _has_slope(avals, number, reference, points, size)
        ):
            continue
        if not _has_effect(avals, number, reference, points[0]):
            found.append(f"no output depends on {aval['name']}")
        elif number in argnums:
            found.append(f"the gradient by {aval['name']} is zero")
    return found


def _describe_flatness(values: Sequence[np.ndarray], margin: float) -> str | None:
    """Say in what way an output's values at several inputs are too much alike, if they are."""
    pooled = np.concatenate([np.ravel(np.asarray(x, np.float64)) for x in values])
    largest = np.abs(pooled).max(initial=0)
    if largest <= CONFINED * margin:
        return f"within {CONFINED} of zero"
    return "nearly constant" if np.ptp(pooled) <= CONSTANT * margin * largest else None


def _has_effect(
    avals: Sequence[Mapping[str, Any]], number: int, reference: ReferenceProgram, point: Point
) -> bool:
    """Whether some other value of the argument changes an output."""
    for k in range(MORE):
        inputs = list(point.inputs)
        inputs[number] = draw_input(avals[number], _SEED + k, number)
        changed = reference.outputs(inputs)
        if any(not np.array_equal(x, y) for x, y in zip(point.outputs, changed, strict=True)):
            return True
    return False


def _has_slope(
    avals: Sequence[Mapping[str, Any]],
    number: int,
    reference: ReferenceProgram,
    points: Sequence[Point],
    size: float,
) -> bool:
    """Whether the derivative by a floating-point argument is nonzero somewhere."""
    for k in range(len(points) + MORE):
        if k < len(points):
            inputs, outputs, trace, *_ = points[k]
            reference.resume(trace)
        else:
            inputs = draw_inputs(promote_avals(avals), _SEED + k)
            outputs = reference.outputs(inputs)
        derivative = reference.derivative(inputs, outputs, direction(avals, [number], _SEED + k))
        if derivative is not None and abs(derivative.value) > ZERO * size:
            return True
    return False
