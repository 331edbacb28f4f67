"""Finds what a row's forward and backward module compute that its Python doesn't mean."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jax_ir_synth.reference.numpy_jax.error_functions import vary_derivatives
from jax_ir_synth.reference.points import Point
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.verify import NotProven, tolerance
from jax_ir_synth.verify.execution import Results, execute_exactly

# The number of elements of a wrong array that a message shows.
_SHOWN = 6


class Fault(NamedTuple):
    """An error beyond its tolerance.

    Attributes:
      section: forward or backward.
      what: the wrong result, in words.
      ratio: the error in units of its tolerance.
      rate: the tolerance as a fraction of the result's size.
      shown: both values, in words.
      got: the value that the IR text computes.
      meant: the reference's value.
    """

    section: str
    what: str
    ratio: float
    rate: float
    shown: str
    got: np.ndarray | float
    meant: np.ndarray | float

    def refusal(self, name: str, second: str = "", ratio_again: float = math.inf) -> NotProven:
        """Make the exception that reports the fault.

        Args:
          name: the column's name.
          second: the finding of the second comparison, in words.
          ratio_again: the error in the second comparison, in units of its tolerance; infinite if
            there was none.
        """
        values = {
            "got": np.asarray(self.got).tolist(),
            "meant": np.asarray(self.meant).tolist(),
            # JSON has no infinity.
            "ratio": None if math.isinf(self.ratio) else self.ratio,
            "ratio_again": None if math.isinf(ratio_again) else ratio_again,
        }
        if np.asarray(self.meant).dtype.kind == "f":
            error = (
                f"the error is {self.ratio:.3g} times the tolerance ({self.rate:.3g} of its size)"
            )
        else:
            error = "integers and booleans must be equal"
        return NotProven(
            f"{name}, {self.section}: {self.what} is wrong, {error}{second}: {self.shown}", values
        )


def find_fault(
    point: Point,
    argnums: Sequence[int],
    got: Sequence[Results],
    rates: tuple[float, float],
) -> Fault | None:
    """Find the worst fault at a point; None if the outputs and the gradient are right.

    Args:
      point: the point at which the modules were run.
      argnums: the differentiable arguments; none without a backward pass.
      got: the outputs, and the gradients by each argument of `argnums`.
      rates: the tolerances of the forward and of the backward pass; see `tolerance`.
    """
    (outputs, gradients), (forward, backward) = got, rates
    faults = []
    for number, (x, meant, slope, largest) in enumerate(
        zip(outputs, point.outputs, point.slopes, point.largest.outputs, strict=True)
    ):
        x = x.astype(meant.dtype)
        ratio = float(tolerance.measure_output_error(x, meant, slope, forward, largest))
        if not ratio <= 1:
            shown = (
                f"it is {_format_differing(x, meant)}, its python's {_format_differing(meant, x)}"
            )
            what = f"output {number}"
            faults.append(Fault("forward", what, ratio, forward, shown, x, meant))
    if not argnums:
        return max(faults, key=lambda fault: fault.ratio, default=None)
    parts = _list_gradient_parts(gradients, point, argnums)
    size = sum(float(np.abs(x).sum()) for x in point.outputs if x.dtype.kind == "f")
    ratio = float(
        tolerance.measure_gradient_error(
            parts, point.derivative, size, backward, point.largest.derivative
        )
    )
    if not ratio <= 1:
        along, differences = sum(float(part.sum()) for part in parts), point.derivative.value
        shown = f"it is {along:.9g}, by differences of its python {differences:.9g}"
        what = "the gradient along a random direction"
        faults.append(Fault("backward", what, ratio, backward, shown, along, differences))
    return max(faults, key=lambda fault: fault.ratio, default=None)


def find_in_float64(
    modules: tuple[str, str], point: Point, argnums: Sequence[int], gradient_rate: float
) -> Fault | None:
    """Find the worst fault with the texts read as float64, where rounding can't be the reason.

    Raises ValueError if they can't be run in float64, so that nothing shows it was rounding.
    """
    exact = [execute_exactly(text, [point.inputs])[0] if text else [] for text in modules]
    return find_fault(
        point, argnums, exact, (tolerance.EXACT_RATE, max(gradient_rate, tolerance.EXACT_RATE))
    )


def find_with_free_constants(
    point: Point,
    argnums: Sequence[int],
    reference: ReferenceProgram,
    got: Sequence[Results],
    rates: tuple[float, float],
) -> Fault | None:
    """Find the worst fault that remains if any of the constants may be unrounded.

    The reference rounds all constants to 16 bits, but JAX doesn't round those that meet a float32.
    JAX rounds constants of derivatives, too, and the reference has no such constants.

    Raises ValueError if the unrounded program has no derivative at the point.
    """
    exact = reference.unrounded()
    outputs = exact.outputs(point.inputs)
    derivatives = [point.derivative.value]
    # A constant is rounded by at most half the rate.
    for error in (0.0, rates[1] / 2, -rates[1] / 2):
        with vary_derivatives(error):
            derivative = exact.derivative(point.inputs, exact.outputs(point.inputs), point.move)
        if derivative is None:
            raise ValueError("its python has no derivative then")
        derivatives.append(derivative.value)
    results, gradients = got
    along = sum(float(part.sum()) for part in _list_gradient_parts(gradients, point, argnums))
    between = point._replace(
        outputs=[
            _clip_between(x, *ends)
            for x, *ends in zip(results, point.outputs, outputs, strict=True)
        ],
        derivative=point.derivative._replace(
            value=float(np.clip(along, min(derivatives), max(derivatives)))
        ),
    )
    return find_fault(between, argnums, got, rates)


def _clip_between(x: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Find the value nearest to x between two arrays of floats; for others, the first array."""
    if np.asarray(one).dtype.kind != "f":
        return one
    return np.clip(np.asarray(x, np.float64), np.minimum(one, other), np.maximum(one, other))


def _list_gradient_parts(
    gradients: Sequence[np.ndarray], point: Point, argnums: Sequence[int]
) -> list[np.ndarray]:
    """Multiply the gradient by the point's direction, element by element."""
    return [
        np.asarray(x, np.float64) * np.asarray(point.move[number])
        for x, number in zip(gradients, argnums, strict=True)
    ]


def _format_differing(x: np.ndarray, other: np.ndarray) -> str:
    """Format the elements of `x` that differ most from those of `other`."""
    order = np.argsort(
        -np.abs(np.asarray(x, np.float64) - np.asarray(other, np.float64)), axis=None
    )[:_SHOWN]
    more = ", ..." if x.size > _SHOWN else ""
    values = np.ravel(np.asarray(x, np.float64))[order]
    return f"[{', '.join(f'{value:.6g}' for value in values)}{more}]"
