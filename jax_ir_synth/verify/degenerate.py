"""The rule "no degenerate rows": what a row computes varies, is no zero, and hangs on every argument.

Models and scorers are misled by rows whose right answer is a constant: one that prints zeros would
be right.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jax_ir_synth.verify.inputs import FLOATS, random_input, random_inputs
from jax_ir_synth.verify.meaning import Meaning, direction
from jax_ir_synth.verify.points import Point

# An output is confined where all of it is within this of zero, nearly constant where all of it is
# within this part of its size; a gradient is zero where it is less than this part of the outputs
# that come of crossing half the argument's range.
CONFINED, CONSTANT, ZERO = 0.01, 1e-3, 1e-7
# What two inputs show may be chance: a flag that is off, a clip that cuts. So many more are tried.
MORE = 16
_SEED = 1000


def defects(
    avals: Sequence[Mapping],
    argnums: Sequence[int],
    meaning: Meaning,
    points: Sequence[Point],
    outputs: Sequence[Sequence[np.ndarray]],
    gradients: Sequence[Sequence[np.ndarray]],
) -> list[str]:
    """What is degenerate about a row; nothing about a good one.

    Args:
      points: where it was run.
      outputs, gradients: what its text computed at each point.

    The text has been proven to mean what the source means, so where more inputs are needed the
    source is run.
    """
    found = []
    others = None
    for number, values in enumerate(zip(*outputs, strict=True)):
        if reason := _flat(values):
            if others is None:
                others = [
                    meaning.outputs(random_inputs(avals, _SEED + k)) for k in range(MORE)
                ]
            if _flat([*values, *(other[number] for other in others)]):
                found.append(f"output {number} is {reason}")
    size = max((float(np.abs(np.float64(x)).max(initial=0)) for x in outputs[0]), default=0.0)
    slopes = dict(zip(argnums, zip(*gradients, strict=True), strict=True))
    for number, aval in enumerate(avals):
        half = (aval["high"] - aval["low"]) / 2
        moved = [np.abs(np.float64(x)).max(initial=0) * half for x in slopes.get(number, ())]
        if moved and max(moved) > ZERO * size:
            continue
        if not _matters(avals, number, meaning, points[0]):
            found.append(f"no output depends on {aval['name']}")
        elif moved and not _slopes(avals, number, meaning, size):
            found.append(f"the gradient by {aval['name']} is zero")
    return found


def _flat(values: Sequence[np.ndarray]) -> str | None:
    """In what way an output's values at several inputs are too much alike."""
    pooled = np.concatenate([np.ravel(np.float64(x)) for x in values])
    largest = np.abs(pooled).max(initial=0)
    if largest <= CONFINED:
        return f"within {CONFINED} of zero"
    return "nearly constant" if np.ptp(pooled) <= CONSTANT * largest else None


def _matters(avals: Sequence[Mapping], number: int, meaning: Meaning, point: Point) -> bool:
    """Does some other value of an argument change an output?"""
    for k in range(MORE):
        inputs = list(point.inputs)
        inputs[number] = random_input(avals[number], _SEED + k, number)
        changed = meaning.outputs(inputs)
        if any(not np.array_equal(x, y) for x, y in zip(point.outputs, changed, strict=True)):
            return True
    return False


def _slopes(avals: Sequence[Mapping], number: int, meaning: Meaning, size: float) -> bool:
    """Is the derivative by an argument of floats more than zero somewhere?"""
    wide = [{**aval, "dtype": "float32"} if aval["dtype"] in FLOATS else aval for aval in avals]
    for k in range(MORE):
        inputs = random_inputs(wide, _SEED + k)
        outputs = meaning.outputs(inputs)
        derivative = meaning.derivative(inputs, outputs, direction(avals, [number], _SEED + k))
        if derivative is not None and abs(derivative.value) > ZERO * size:
            return True
    return False
