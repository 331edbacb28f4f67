"""Differentiates a row's Python twice, by finite differences."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jax_ir_synth.reference.program import ReferenceProgram

# The step, as a fraction of the directions: a larger one meets more kinks. Truncation errors are
# about 1e-9 of the derivative, and rounding errors 1e-7 of the outputs.
_STEP = 2e-5
# How far differences with half the step may be from these, as a part of their size, and as a part
# of the outputs.
_SMOOTH, _ROUNDED = 1e-3, 1e-6

Direction = Sequence[np.ndarray | None]


class SecondDerivative(NamedTuple):
    """How the sum of the float outputs curves along two directions.

    Attributes:
      value: the mixed second derivative.
      scale: the sum of the elements' absolute ones, which may cancel in `value`.
    """

    value: float
    scale: float


def differentiate_twice(
    reference: ReferenceProgram,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    directions: tuple[Direction, Direction],
) -> SecondDerivative | None:
    """Compute the mixed second derivative of the sum of all float outputs.

    Args:
      reference: the program.
      inputs: the point, which must be that of the last call of `reference.outputs`, or that of the
        trace given to `reference.resume`.
      outputs: the outputs there.
      directions: how each argument moves, twice; None for those that don't.

    Returns None if a jump or a kink is too near for finite differences.
    """
    first, second = (_difference(reference, inputs, directions, x) for x in (_STEP, _STEP / 2))
    if first is None or second is None:
        return None
    size = sum(float(np.abs(x).sum()) for x in outputs if x.dtype.kind == "f")
    if abs(first.value - second.value) > _SMOOTH * second.scale + _ROUNDED * size:
        return None
    # With half the step, the truncation error is a fourth.
    value = (4 * second.value - first.value) / 3
    return SecondDerivative(value, second.scale) if math.isfinite(value) else None


def _difference(
    reference: ReferenceProgram,
    inputs: Sequence[np.ndarray],
    directions: tuple[Direction, Direction],
    step: float,
) -> SecondDerivative | None:
    total: list[np.ndarray] = []
    for one in (1, -1):
        for other in (1, -1):
            outputs = reference.replay(
                [
                    x
                    if move is None or along is None
                    else x.astype(np.float64) + step * (one * move + other * along)
                    for x, move, along in zip(inputs, *directions, strict=True)
                ]
            )
            if outputs is None:
                return None
            floats = [one * other * x for x in outputs if x.dtype.kind == "f"]
            total = [x + y for x, y in zip(total, floats, strict=True)] if total else floats
    curved = [x / (4 * step**2) for x in total]
    value = sum(float(x.sum()) for x in curved)
    return SecondDerivative(value, sum(float(np.abs(x).sum()) for x in curved))
