"""Proves one row: executes its IR texts, and compares the results with its Python's reference."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.reference.degenerate import find_degenerate
from jax_ir_synth.reference.inputs import DTYPES, FLOATS
from jax_ir_synth.reference.numpy_jax.bounds import MAX_ELEMENTS
from jax_ir_synth.reference.numpy_jax.error_functions import vary_derivatives
from jax_ir_synth.reference.points import Point, evaluate_reference
from jax_ir_synth.reference.program import ReferenceProgram, direction
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.schema.ir_section import BACKENDS, read_section, read_sections
from jax_ir_synth.schema.verification import CUDA_PARSED, OF_STABLEHLO, PARSED, RUN_BY
from jax_ir_synth.verify import NotProven, tolerance
from jax_ir_synth.verify.execution import Results, execute, execute_exactly, find_shortest_float
from jax_ir_synth.verify.interpreter import CannotRun, Refused
from jax_ir_synth.verify.signature import Signature, Tensor, list_tensors

# The platform for which each IR column was lowered.
PLATFORMS = {"cpp": "cpu", "cuda": "cuda"}
# The columns that a proof needs.
NEEDED = ("python", "kernel_name", "in_avals", "argnums", *PLATFORMS)
# The number of elements of a wrong array that a message shows.
_SHOWN = 6


@pause_gc()
def prove(row: Mapping[str, Any]) -> str:
    """See `verify.prove`."""
    missing = [name for name in NEEDED if not isinstance(row, Mapping) or name not in row]
    if missing:
        raise NotProven(f"a row must be a mapping with the column {missing[0]}")
    try:
        return _prove(row)
    # The row's Python may raise anything, including an AssertionError.
    except Exception as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        values = getattr(error, "values", None)
        raise NotProven(" ".join(reason.split()), values) from error


def _prove(row: Mapping[str, Any]) -> str:
    avals, argnums = row["in_avals"], list(row["argnums"])
    _check_avals(avals)
    reference, points = evaluate_reference(row["python"], row["kernel_name"], avals, argnums)
    ways: dict[tuple[str, str], str] = {}
    mixed = False
    for name, platform in PLATFORMS.items():
        if row[name] is None:
            continue
        sections = read_sections(row[name])
        mixed |= len(sections) > 1
        column = read_section(row[name], "stablehlo")
        if column.backend != BACKENDS[platform] or list(column.argnums) != argnums:
            raise ValueError(
                f"its {name} is headed backend={column.backend}, argnums={column.argnums}; "
                f"that must be {BACKENDS[platform]} and {tuple(argnums)}"
            )
        modules = column.forward, column.backward
        # CUDA's text nearly always equals the CPU's, and needs no proof of its own then.
        if modules not in ways:
            ways[modules] = _prove_modules(
                name, platform, modules, avals, argnums, reference, points
            )
    if not ways:
        raise ValueError("it has no IR column that is filled")
    prefix = OF_STABLEHLO if mixed else ""
    run = [way for way in ways.values() if way != PARSED]
    if not run:
        return prefix + PARSED
    return prefix + max(run, key=RUN_BY.index) + (CUDA_PARSED if len(run) < len(ways) else "")


def _check_avals(avals: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError unless inputs can be drawn for each argument."""
    for aval in avals:
        name, shape, dtype = aval["name"], aval["shape"], aval["dtype"]
        if dtype not in DTYPES:
            raise ValueError(f"its in_avals give {name} a dtype (={dtype!r:.40}) that no row has")
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError(f"its in_avals give {name} a shape (={shape!r:.80}) that is none")
        if (elements := math.prod(shape)) > MAX_ELEMENTS:
            raise ValueError(
                f"its in_avals give {name} {elements:.3g} elements, too many to run it"
            )
        if not aval["low"] <= aval["high"]:
            raise ValueError(
                f"its in_avals give {name} the range {aval['low']} to {aval['high']}, "
                f"which is empty"
            )


def _prove_modules(
    name: str,
    platform: str,
    modules: tuple[str, str],
    avals: Sequence[Mapping[str, Any]],
    argnums: Sequence[int],
    reference: ReferenceProgram,
    points: Sequence[Point],
) -> str:
    """Prove a column's forward and backward module; return how they were run."""
    taken = list_tensors(avals)
    inputs = [point.inputs for point in points]
    wanted = [taken[number] for number in argnums]

    def check_forward(found: Signature) -> None:
        _check_tensors(f"{name}, forward: its arguments", found.taken, taken)
        _check_results(f"{name}, forward", found.returned, points[0].outputs)

    def check_backward(found: Signature) -> None:
        _check_tensors(f"{name}, backward: its arguments", found.taken, taken)
        _check_tensors(f"{name}, backward: its results", found.returned, wanted)

    forward, backward = modules
    try:
        outputs = execute(forward, inputs, check_forward, reference.has_halves)
        gradients = execute(
            backward,
            inputs,
            check_backward,
            reference.has_halves,
            lambda: [_measure_parts(avals, number, reference, points) for number in argnums],
        )
    except CannotRun as error:
        if platform == "cpu":
            raise ValueError(f"{name} can't be run: {error}") from None
        return PARSED
    except Refused as error:
        raise ValueError(f"{name} can't be run: {error}") from None
    rate = 0.0
    if reference.has_halves:
        dtypes = filter(None, map(find_shortest_float, modules))
        rate = max((tolerance.CONSTANTS[dtype] for dtype in dtypes), default=0.0)
    # JAX reduces the gradient's precision as well; its differences don't.
    gradient_rate = max(rate, reference.reduced_precision)
    for point, *got in zip(points, outputs.results, gradients.results, strict=True):
        rates = max(rate, tolerance.FORWARD), max(gradient_rate, tolerance.BACKWARD)
        fault = _find_fault(point, argnums, got, rates)
        if fault is None:
            continue
        if not fault.ratio <= tolerance.ROUGH_FACTOR:
            raise fault.refusal(name)
        how = "with any of its constants unrounded" if rate else "read as float64"
        try:
            if rate:
                again = _find_fault_with_free_constants(point, argnums, reference, got, rates)
            else:
                again = _find_fault_in_float64(modules, point, argnums, gradient_rate)
        except ValueError as error:
            raise fault.refusal(name, f"; {how} it can't be compared ({error})") from error
        if again is not None:
            whose = "it" if again.what == fault.what else f"that of {again.what}"
            second = f"; {how} {whose} is {again.ratio:.3g} times ({again.rate:.3g})"
            raise fault.refusal(name, second, again.ratio)
    found = find_degenerate(avals, argnums, reference, points, gradients.results)
    if found:
        raise ValueError(f"{name} is degenerate: {'; '.join(found)}")
    return max(outputs.how, gradients.how, key=RUN_BY.index)


def _measure_parts(
    avals: Sequence[Mapping[str, Any]],
    number: int,
    reference: ReferenceProgram,
    points: Sequence[Point],
) -> float:
    """Measure how large the outputs' derivatives are of which an element of a gradient is the sum.

    It is their mean over the argument's elements, and the largest one over the points.
    """
    found = 0.0
    for seed, point in enumerate(points):
        moves = direction(avals, [number], seed)
        move = moves[number]
        outputs = reference.outputs(point.inputs)
        derivative = reference.derivative(point.inputs, outputs, moves)
        if derivative is not None and move is not None:
            found = max(found, derivative.scale / float(np.abs(move).sum()))
    return found


def _check_tensors(what: str, found: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
    if list(found) != list(wanted):
        raise ValueError(
            f"{what} are {_format_tensors(found)}, they must be {_format_tensors(wanted)}"
        )


def _format_tensors(tensors: Sequence[Tensor]) -> str:
    return f"({', '.join(map(str, tensors))})"


def _check_results(what: str, found: Sequence[Tensor], outputs: Sequence[np.ndarray]) -> None:
    """Raise ValueError unless shapes and kinds of dtypes agree.

    The exact dtypes of results are unknown, since no column has them.
    """
    kinds = [_KINDS[x.dtype.kind] for x in outputs]
    if [tensor.shape for tensor in found] != [x.shape for x in outputs] or any(
        tensor.dtype not in kind for tensor, kind in zip(found, kinds, strict=True)
    ):
        meant = [f"{kind[0]}{list(x.shape)}" for x, kind in zip(outputs, kinds, strict=True)]
        raise ValueError(f"{what}: its results are {_format_tensors(found)}, its python's {meant}")


_KINDS = {"f": FLOATS, "i": ("int32", "int8"), "u": ("uint32", "uint8"), "b": ("bool",)}


class _Fault(NamedTuple):
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


def _find_fault(
    point: Point,
    argnums: Sequence[int],
    got: Sequence[Results],
    rates: tuple[float, float],
) -> _Fault | None:
    """Find the worst fault at a point; None if the outputs and the gradient are right.

    Args:
      point: the point at which the modules were run.
      argnums: the differentiable arguments.
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
            faults.append(_Fault("forward", what, ratio, forward, shown, x, meant))
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
        faults.append(_Fault("backward", what, ratio, backward, shown, along, differences))
    return max(faults, key=lambda fault: fault.ratio, default=None)


def _find_fault_in_float64(
    modules: tuple[str, str], point: Point, argnums: Sequence[int], gradient_rate: float
) -> _Fault | None:
    """Find the worst fault with the texts read as float64, where rounding can't be the reason.

    Raises ValueError if they can't be run in float64, so that nothing shows it was rounding.
    """
    exact = [execute_exactly(text, [point.inputs])[0] for text in modules]
    return _find_fault(
        point, argnums, exact, (tolerance.EXACT_RATE, max(gradient_rate, tolerance.EXACT_RATE))
    )


def _find_fault_with_free_constants(
    point: Point,
    argnums: Sequence[int],
    reference: ReferenceProgram,
    got: Sequence[Results],
    rates: tuple[float, float],
) -> _Fault | None:
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
    return _find_fault(between, argnums, got, rates)


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
