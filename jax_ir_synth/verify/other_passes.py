"""Proves a row's passes besides the forward and the backward one, against its Python's reference.

Each pass is run on the points at which the row is proven. What it takes besides the function's
arguments (cotangents, tangents, a batch) is made here; what it must give follows from the
reference's outputs and differences at these points.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jax_ir_synth.reference.inputs import FLOATS
from jax_ir_synth.reference.measures import divide_error, measure_error, measure_size
from jax_ir_synth.reference.philox import make_generator
from jax_ir_synth.reference.points import Point
from jax_ir_synth.reference.program import direction
from jax_ir_synth.reference.second_differences import SecondDerivative, differentiate_twice
from jax_ir_synth.request.passes import AXIS_SIZE
from jax_ir_synth.verify import tolerance
from jax_ir_synth.verify.execution import Results, execute, execute_exactly
from jax_ir_synth.verify.signature import KINDS, Signature, Tensor
from jax_ir_synth.verify.subject import Subject

_SIGNS = np.array([-1.0, 1.0])
# Keeps the tangents of a Hessian's product apart from the direction along which it is compared.
_ANOTHER = 1_000


class _Tensors(NamedTuple):
    """A shape, and the dtypes that a tensor of that shape may have."""

    shape: tuple[int, ...]
    dtypes: tuple[str, ...]

    def __str__(self) -> str:
        return str(Tensor(self.shape, " or ".join(self.dtypes)))


class _Run(NamedTuple):
    """One run of a pass: its inputs, and the error of its results in units of the tolerance."""

    inputs: list[np.ndarray]
    measure: Callable[[Results, tuple[float, float]], float]


class _Plan(NamedTuple):
    """What a pass takes and gives, and the runs that show what it computes."""

    taken: list[_Tensors]
    returned: list[_Tensors]
    runs: list[_Run]


def prove_pass(
    name: str, kind: str, text: str, subject: Subject, rates: tuple[float, float]
) -> str:
    """Prove the text of a pass; return how it was run (see `interpreter.Program.how`).

    Args:
      name: the row's column, for messages.
      kind: one of "vjp", "jvp", "hessian_vp" and "vmap".
      text: the module.
      subject: what the pass is made of.
      rates: the tolerances of outputs and of derivatives; see `tolerance`.

    Raises:
      ValueError: the text isn't a module of the pass's signature, or computes something else.
      interpreter.CannotRun: nothing here can run it.
    """
    plan = _PLANS[kind](subject)

    def check(found: Signature) -> None:
        _check_tensors(f"{name}, {kind}: its arguments", found.taken, plan.taken)
        _check_tensors(f"{name}, {kind}: its results", found.returned, plan.returned)

    has_halves = subject.reference.has_halves
    inputs = [run.inputs for run in plan.runs]
    found = execute(text, inputs, check, has_halves, subject.executor)
    for run, results in zip(plan.runs, found.results, strict=True):
        ratio = run.measure(results, rates)
        if ratio <= 1:
            continue
        second = ""
        # Rounding alone may be the reason; see `tolerance.EXACT_RATE`.
        if ratio <= tolerance.ROUGH_FACTOR and not has_halves:
            (exact,) = execute_exactly(text, [run.inputs])
            again = run.measure(exact, (tolerance.EXACT_RATE, tolerance.EXACT_RATE))
            if again <= 1:
                continue
            second = f"; read as float64 it is {again:.3g} times"
        raise ValueError(
            f"{name}, {kind}: its results are wrong, the error is {ratio:.3g} times the "
            f"tolerance{second}"
        )
    return found.how


def _check_tensors(what: str, found: Sequence[Tensor], wanted: Sequence[_Tensors]) -> None:
    fits = len(found) == len(wanted) and all(
        tensor.shape == each.shape and tensor.dtype in each.dtypes
        for tensor, each in zip(found, wanted, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{what} are ({', '.join(map(str, found))}), they must be "
            f"({', '.join(map(str, wanted))})"
        )


def _plan_vjp(subject: Subject) -> _Plan:
    """The products of cotangents and the Jacobian: each direction's slopes, weighted alike."""
    arguments, outputs = _list_arguments(subject), _list_outputs(subject.points[0].outputs)
    floats = [each for each in outputs if each.dtypes == FLOATS]
    runs = []
    for number, point in enumerate(subject.points):
        draws = make_generator((number, len(floats)))
        cotangents = [_draw_signed(draws, each.shape) for each in floats]

        def measure(
            results: Results,
            rates: tuple[float, float],
            at: Point = point,
            by: list[np.ndarray] = cotangents,
        ) -> float:
            slopes = [x * slope for x, slope in zip(by, at.derivative.slopes, strict=True)]
            value = sum(float(slope.sum()) for slope in slopes)
            meant = at.derivative._replace(value=value, slopes=slopes)
            return tolerance.measure_gradient_error(
                _multiply(results, at.move, subject.argnums),
                meant,
                _sum_sizes(at.outputs),
                rates[1],
                at.largest.derivative,
            )

        runs.append(_Run([*point.inputs, *cotangents], measure))
    return _Plan(arguments + floats, [arguments[k] for k in subject.argnums], runs)


def _plan_jvp(subject: Subject) -> _Plan:
    """The outputs, and their tangents along a point's direction, which are its slopes."""
    arguments, outputs = _list_arguments(subject), _list_outputs(subject.points[0].outputs)
    floats = [each for each in outputs if each.dtypes == FLOATS]
    runs = []
    for point in subject.points:

        def measure(results: Results, rates: tuple[float, float], at: Point = point) -> float:
            worst = _measure_outputs(results[: len(outputs)], at, rates[0])
            derivative = at.derivative
            elsewhere = (
                tolerance.SATURATED * _sum_sizes(at.outputs)
                + tolerance.MOVED * derivative.curvature
                + tolerance.ELSEWHERE * at.largest.derivative
            )
            for tangent, slope in zip(results[len(outputs) :], derivative.slopes, strict=True):
                allowed = rates[1] * measure_size(slope, None) + elsewhere
                worst = max(worst, measure_error(tangent, slope, allowed))
            return worst

        tangents = _round([point.move[k] for k in subject.argnums])
        runs.append(_Run([*point.inputs, *tangents], measure))
    taken = arguments + [arguments[k] for k in subject.argnums]
    return _Plan(taken, outputs + floats, runs)


def _plan_hessian_vp(subject: Subject) -> _Plan:
    """The products of the Hessian and tangents: along a direction, a second difference."""
    arguments = _list_arguments(subject)
    runs = []
    for number, point in enumerate(subject.points):
        along = direction(subject.avals, subject.argnums, _ANOTHER + number)
        subject.reference.resume(point.trace)
        meant = differentiate_twice(
            subject.reference, point.inputs, point.outputs, (point.move, along)
        )
        # A kink or a jump is near.
        if meant is None:
            continue

        def measure(
            results: Results,
            rates: tuple[float, float],
            at: Point = point,
            meant: SecondDerivative = meant,
        ) -> float:
            parts = _multiply(results, at.move, subject.argnums)
            size = float(np.sqrt(sum(float(np.square(part).sum()) for part in parts)))
            allowed = (
                rates[1] * (meant.scale + size)
                + tolerance.SATURATED * _sum_sizes(at.outputs)
                + tolerance.ELSEWHERE * at.largest.derivative
            )
            got = sum(float(part.sum()) for part in parts)
            return divide_error(abs(got - meant.value), allowed)

        tangents = _round([along[k] for k in subject.argnums])
        runs.append(_Run([*point.inputs, *tangents], measure))
    if not runs:
        raise ValueError("its python has no second difference at any of its points")
    own = [arguments[k] for k in subject.argnums]
    return _Plan(arguments + own, own, runs)


def _plan_vmap(subject: Subject) -> _Plan:
    """A batch of the points, of which each gives its own outputs."""
    points = [subject.points[k % len(subject.points)] for k in range(AXIS_SIZE)]

    def measure(results: Results, rates: tuple[float, float]) -> float:
        return max(
            _measure_outputs([x[k] for x in results], point, rates[0])
            for k, point in enumerate(points)
        )

    inputs = [np.stack(each) for each in zip(*(point.inputs for point in points), strict=True)]
    taken, returned = _list_arguments(subject), _list_outputs(points[0].outputs)
    return _Plan(_batch(taken), _batch(returned), [_Run(inputs, measure)])


def _batch(tensors: Sequence[_Tensors]) -> list[_Tensors]:
    return [each._replace(shape=(AXIS_SIZE, *each.shape)) for each in tensors]


_PLANS: dict[str, Callable[[Subject], _Plan]] = {
    "vjp": _plan_vjp,
    "jvp": _plan_jvp,
    "hessian_vp": _plan_hessian_vp,
    "vmap": _plan_vmap,
}


def _list_arguments(subject: Subject) -> list[_Tensors]:
    return [_Tensors(tuple(aval["shape"]), (aval["dtype"],)) for aval in subject.avals]


def _list_outputs(outputs: Sequence[np.ndarray]) -> list[_Tensors]:
    return [_Tensors(x.shape, KINDS[x.dtype.kind]) for x in outputs]


def _measure_outputs(results: Sequence[np.ndarray], point: Point, rate: float) -> float:
    errors = [
        tolerance.measure_output_error(x.astype(meant.dtype), meant, slope, rate, largest)
        for x, meant, slope, largest in zip(
            results, point.outputs, point.slopes, point.largest.outputs, strict=True
        )
    ]
    return max(errors, default=0.0)


def _multiply(
    results: Sequence[np.ndarray], move: Sequence[np.ndarray | None], argnums: Sequence[int]
) -> list[np.ndarray]:
    """Multiply what a pass gives for each argument by a direction, element by element."""
    return [
        np.asarray(x, np.float64) * np.asarray(move[number])
        for x, number in zip(results, argnums, strict=True)
    ]


def _sum_sizes(outputs: Sequence[np.ndarray]) -> float:
    return sum(float(np.abs(x).sum()) for x in outputs if x.dtype.kind == "f")


def _draw_signed(draws: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of both signs that aren't small, so that each element counts."""
    size = draws.uniform(0.5, 1.0, shape) * _SIGNS[draws.integers(0, len(_SIGNS), shape)]
    return np.asarray(size, np.float32)


def _round(arrays: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    return [np.asarray(x, np.float32) for x in arrays]
