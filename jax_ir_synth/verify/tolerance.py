"""Defines how far a row's results may be from the reference, with the measurements behind it.

An error is measured against the size of the result, as `reference.measures` says. These figures
decide which rows are proven, and nothing else: drawing and scores have constants of their own.
CONTRIBUTING.md, "Change a tolerance", lists them all and says what a change entails.
"""

import numpy as np

from jax_ir_synth.reference.measures import divide_error, measure_error, measure_size
from jax_ir_synth.reference.program import Derivative

# `python benchmarks/tolerances.py 1500 --seed 7` on 2026-11-29: of 3,990 float32 outputs half are
# within 3.2e-8 of their size, 999 of 1,000 within 1.1e-6, all within 6e-6.
FORWARD = 2e-5
# Of 3,420 gradients of the same programs, along a direction, half are within 9e-9, and 999 of 1,000
# within 1.5e-6. One is beyond the tolerance, in the row that the benchmark names as that of the
# largest error. It is the gradient of a saturated sigmoid, which is zero but for rounding. For such
# gradients there is SATURATED.
BACKWARD = 1e-4
# A gradient's tolerance has more terms. This one is a fraction of the sum of the outputs: a
# saturated function has a gradient that is the small difference of numbers of the outputs' size.
SATURATED = 1e-6
# This one is a fraction of the second derivative. Rounding moves the point at which a gradient is
# taken by some parts in 1.7e7, which matters if the gradient changes as fast as that of a chaotic
# iteration.
MOVED = 5e-7
# This term, for outputs and gradients, is a fraction of the result's size at other inputs: the
# variance of equal numbers is zero, but in float32 rounding leaves a remainder of it.
ELSEWHERE = 1e-6
# Rounding alone can take a small difference of large numbers beyond the tolerance. Such a result is
# recomputed in float64 and must then be within EXACT_RATE, which allows for 24-bit constants. A
# result beyond ROUGH_FACTOR times the tolerance is refused at once.
EXACT_RATE = 1e-6
ROUGH_FACTOR = 100.0
# For a program of 16-bit floats that is read as float32 (see `promote`). Its constants are still
# rounded to 8 or 11 bits, and those inside library functions are not part of the source.
CONSTANTS = {"bfloat16": 2**-7, "float16": 2**-10}
# For the same program run with its 16-bit floats, compared with its run in float32. Each operation
# is rounded to 8 or 11 bits, a sum of hundreds of terms loses its last ones, and near a jump some
# elements differ completely. So each element must on one input at least be within this part of the
# sum of itself and the largest element. All of 332 modules of 166 programs are within a quarter of
# this part (the lines `as written` of the benchmark).
AS_WRITTEN = {"bfloat16": 0.25, "float16": 0.125}
# Where the derivatives of several outputs cancel in a gradient, their rounding is left. So an
# element may also be off by this part of what is added up to it, which is eight roundings.
PARTS = {"bfloat16": 2**-5, "float16": 2**-8}


def measure_output_error(
    got: np.ndarray,
    meant: np.ndarray,
    slope: np.ndarray | None,
    rate: float,
    largest: float = 0.0,
) -> float:
    """Measure the error of an output in units of its tolerance; above 1, the output is wrong.

    The tolerance is `rate * (max|meant| + max|slope|) + ELSEWHERE * largest`.

    Args:
      got: the array that the IR text computes; integers and booleans must be equal.
      meant: the reference's array, of the same shape.
      slope: how the output's elements change along a random direction, None for integers.
      rate: one of the figures above.
      largest: the output's largest element over all inputs on which it is compared.
    """
    allowed = rate * measure_size(meant, slope) + ELSEWHERE * largest
    return measure_error(got, meant, allowed)


def measure_gradient_error(
    parts: list[np.ndarray],
    derivative: Derivative,
    outputs: float,
    rate: float,
    largest: float = 0.0,
) -> float:
    """Measure the error of a gradient in units of its tolerance; above 1, the gradient is wrong.

    The tolerance is `rate * (derivative.scale + root of the sum of squares of parts) + SATURATED *
    outputs + MOVED * derivative.curvature + ELSEWHERE * largest`.

    Args:
      parts: the gradient times the direction, element by element, for each argument.
      derivative: the derivative of the sum of the outputs along the direction.
      outputs: the sum of the outputs' absolute values.
      rate: one of the figures above.
      largest: the largest `derivative.scale` over all inputs on which it is compared.
    """
    # A wrong gradient may be infinite, which is no right one's size.
    with np.errstate(invalid="ignore", over="ignore"):
        got = sum(float(part.sum()) for part in parts)
        # The elements' errors are independent, so they add up as the root of the sum of squares.
        size = np.sqrt(sum(float(np.square(part).sum()) for part in parts))
    allowed = rate * (derivative.scale + size) + SATURATED * outputs + MOVED * derivative.curvature
    return divide_error(abs(got - derivative.value), allowed + ELSEWHERE * largest)


def find_near(rounded: np.ndarray, exact: np.ndarray, half: str, parts: float = 0.0) -> np.ndarray:
    """Find the elements of a 16-bit result that are near those of the float32 result.

    Args:
      rounded: the result of the run with 16-bit floats.
      exact: the result of the run in float32.
      half: the dtype of 16 bits.
      parts: the size of the parts that add up to an element.
    """
    size = np.abs(exact)
    most = AS_WRITTEN[half] * (size + size.max(initial=0.0)) + PARTS[half] * parts
    with np.errstate(invalid="ignore"):
        near = np.abs(rounded - exact) <= most
    return np.asarray(near | (rounded == exact))
