"""How far what a text computes may be from what its source means, and why that far.

A float32 program rounds each operation to 24 bits, one part in 1.7e7, and its errors add up with
the operations that it makes. So an error is measured against the size of the result: the largest
element of an output, or, where that is small because its parts cancel, how much the output moves
when the arguments cross half their ranges.

These figures decide which rows are proven and which completions pass; FORWARD and ROUNDED also
decide which programs are drawn. CONTRIBUTING.md, "Change a tolerance", says what a change entails.
"""

import numpy as np

from jax_ir_synth.reference.program import Derivative

# `python benchmarks/tolerances.py 1500 --seed 7` on 2026-11-29: of 3,990 float32 outputs half are
# within 3.2e-8 of their size, 999 of 1,000 within 1.1e-6, all within 6e-6.
FORWARD = 2e-5
# Of 3,420 gradients of the same programs, along a direction, half are within 9e-9, and 999 of 1,000
# within 1.5e-6. One is beyond the tolerance: that of a saturated sigmoid, zero but for rounding.
BACKWARD = 1e-4
# And of what the outputs are in all: a function that saturates has a gradient that is the small
# difference of numbers of the outputs' size.
SATURATED = 1e-6
# And of the second derivative: rounding moves the place where a gradient is taken by some parts in
# 1.7e7, which matters where the gradient changes as fast as that of a chaotic iteration.
MOVED = 5e-7
# And of what the result is on other inputs: the variance of equal numbers is zero, and in float32
# what rounding them leaves.
ELSEWHERE = 1e-6
# Rounding alone takes a small difference of large numbers beyond these. Such a result is recomputed
# in float64 and must then be within EXACT_RATE; the rest is what 24-bit constants leave. Beyond
# ROUGH_FACTOR times the tolerance it is refused at once.
EXACT_RATE = 1e-6
ROUGH_FACTOR = 100.0
# A program of 16-bit floats, read as float32 (see `promote`): its constants are still rounded to
# 8 or 11 bits, and those inside of a library's function are not the source's to round.
CONSTANTS = {"bfloat16": 2**-7, "float16": 2**-10}
# The same program as it stands, against itself in float32. Each operation is rounded to 8 or 11
# bits, a sum of hundreds loses its last terms whole, and near a jump some elements differ wholly:
# this shows that the program works with 16 bits, the run in float32 that it is right. LEAST_SHARE
# of the elements must be within ROUNDED.
ROUNDED = {"bfloat16": 0.5, "float16": 0.25}
LEAST_SHARE = 0.75


def measure_output_error(
    got: np.ndarray,
    meant: np.ndarray,
    slope: np.ndarray | None,
    rate: float,
    largest: float = 0.0,
) -> float:
    """Measure the error of an output in units of its tolerance: above 1 it is wrong.

    The tolerance is `rate * (max|meant| + max|slope|) + ELSEWHERE * largest`.

    Args:
      got: an array of what the text computes; integers and booleans must be equal.
      meant: an array of the same shape, of what the Python means.
      slope: how the output's elements change along a random direction, None for integers.
      rate: one of the figures above.
      largest: element of the output on any of the inputs that it is compared on.
    """
    if meant.dtype.kind != "f":
        return 0.0 if np.array_equal(got, meant) else np.inf
    scale = np.abs(meant).max(initial=0.0)
    if slope is not None:
        scale += np.abs(slope).max(initial=0.0)
    return _ratio(np.abs(got - meant).max(initial=0.0), rate * scale + ELSEWHERE * largest)


def measure_gradient_error(
    parts: list[np.ndarray],
    derivative: Derivative,
    outputs: float,
    rate: float,
    largest: float = 0.0,
) -> float:
    """Measure the error of a gradient in units of its tolerance: above 1 it is wrong.

    The tolerance is `rate * (derivative.scale + root of the sum of squares of parts) + SATURATED *
    outputs + MOVED * derivative.curvature + ELSEWHERE * largest`.

    Args:
      parts: the gradient times the direction, element by element, for each argument.
      derivative: of the sum of the outputs, along the direction.
      outputs: the sum of the outputs' absolute values.
      rate: one of the figures above.
      largest: `derivative.scale` on any of the inputs that it is compared on.
    """
    got = sum(float(part.sum()) for part in parts)
    # Each element's error is its own: together they are as their root of squares.
    size = np.sqrt(sum(float(np.square(part).sum()) for part in parts))
    allowed = rate * (derivative.scale + size) + SATURATED * outputs + MOVED * derivative.curvature
    return _ratio(abs(got - derivative.value), allowed + ELSEWHERE * largest)


def mostly_agree(rounded: np.ndarray, exact: np.ndarray, size: float, rate: float) -> bool:
    """Are most elements of a 16-bit result near the float32 one's?

    Args:
      rounded: the result as the program rounds it.
      exact: the same result in float32.
      rate: one of the figures above.
      size: how much the result moves when the arguments cross half their ranges.
    """
    near = np.abs(rounded - exact) <= rate * (np.abs(exact).max(initial=0.0) + size)
    return bool(near.mean() >= LEAST_SHARE)


def _ratio(error: float, allowed: float) -> float:
    if not np.isfinite(error):
        return np.inf
    return error / allowed if allowed else (0.0 if error == 0 else np.inf)
