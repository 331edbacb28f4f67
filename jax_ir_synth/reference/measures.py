"""Measures how far results are off, in units of what the caller allows.

A float32 program rounds each operation to 24 bits, one part in 1.7e7, and the errors of its
operations add up. So an error is measured against the size of the result: the largest element of an
output plus the amount by which the output moves when the arguments cross half their ranges. The
latter counts where the output itself is small because its parts cancel.

This module has no constants. Each user has its own, beside the code that it decides: `points` for
drawing, `verify.tolerance` for proofs, `evaluate.expectation` for scores.
"""

import numpy as np


def measure_size(output: np.ndarray, slope: np.ndarray | None) -> float:
    """Measure the size of an output; 0 for integers and booleans, which have no rounding.

    Args:
      output: the reference's array.
      slope: how its elements change along a random direction, None for integers.
    """
    if output.dtype.kind != "f":
        return 0.0
    size = np.abs(output).max(initial=0.0)
    if slope is not None:
        size += np.abs(slope).max(initial=0.0)
    return float(size)


def measure_error(got: np.ndarray, meant: np.ndarray, allowed: float) -> float:
    """Measure the largest error of an output's elements, in units of `allowed`.

    Integers and booleans must be equal, or the error is infinite.
    """
    if meant.dtype.kind != "f":
        return 0.0 if np.array_equal(got, meant) else np.inf
    return divide_error(float(np.abs(got - meant).max(initial=0.0)), allowed)


def divide_error(error: float, allowed: float) -> float:
    """Divide an error by what is allowed; infinite if it isn't finite, or if nothing is allowed."""
    if not np.isfinite(error):
        return np.inf
    return error / allowed if allowed else (0.0 if error == 0 else np.inf)
