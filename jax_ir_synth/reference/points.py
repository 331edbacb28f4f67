"""Chooses the points at which a row is run: random inputs and the reference's results for them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.reference.inputs import draw_inputs, move_half_range, promote_avals
from jax_ir_synth.reference.measures import measure_error, measure_size
from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.numpy_jax.trace_recorder import Singular, Trace
from jax_ir_synth.reference.program import Derivative, ReferenceProgram, direction

# The number of inputs that a program is run on. A program whose arguments have at most FEW elements
# gets one more: each input shows little of it, and costs little.
INPUTS, INPUTS_OF_FEW, FEW = 2, 3, 64
# At most so many more inputs are added to reach branches that the first ones don't take.
MORE_FOR_BRANCHES = 2
# How far rounding may move an output, as a part of its size (see `measures`). It is 21 times the
# largest noise of one operation, 2**-21. An input on which rounding moves an output farther is
# passed over, and a program with too few others isn't drawn. A proof runs on the same inputs, but
# this follows none of its tolerances: a wide tolerance would then let in inputs with larger errors,
# and a measurement of these would justify it. With 1e-3 the same programs are drawn (none of 1,500
# differs), but errors on the inputs that it lets in are 3 to 13 times larger.
STEADY = 1e-5
# A function that jumps at many numbers, such as `floor`, often has an operand near a jump if it has
# many elements. Errors of float32, some 2**-24 of the operand, may put it on the other side, and
# those of a run with noise may by chance leave it.
_NEAR_A_JUMP = 2.0**-20
# A gradient so much smaller than at other points is the small difference of larger parts. In a
# program of 16-bit floats such a gradient depends on the constants of JAX's derivatives (2/√π in
# that of erf), which are rounded to 8 or 11 bits.
_SMALL_DIFFERENCE = 1 / 8
# The number of inputs that are tried to find the points.
TRIED = 12


# Inputs, outputs, the run that gave them, a direction, and the derivative along it.
_Found = tuple[list[np.ndarray], list[np.ndarray], Trace, list[np.ndarray | None], Derivative]


class NoPoints(JaxIrSynthError, ValueError):
    """The program is not finite, smooth and steady at enough inputs from its ranges."""


class Largest(NamedTuple):
    """The largest absolute values over all points: of each output, and of the derivative."""

    outputs: list[float]
    derivative: float


class Point(NamedTuple):
    """Inputs, and the reference's results for them.

    Attributes:
      inputs: an array for each argument; float32 where the program takes 16-bit floats.
      outputs: the program's outputs; floats are float64.
      trace: the run that gave them, for `ReferenceProgram.resume`.
      move: a direction: an array for each differentiable argument, None for the others.
      derivative: the derivative of the sum of the outputs along that direction.
      largest: the largest values over all points of the program.
    """

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    trace: Trace
    move: list[np.ndarray | None]
    derivative: Derivative
    largest: Largest

    @property
    def slopes(self) -> list[np.ndarray | None]:
        """How each output's elements change along the direction; None for integer outputs."""
        return list_slopes(self.outputs, self.derivative)


# A program's reference, and the points to run it at.
Evaluation = tuple[ReferenceProgram, list[Point]]

# What a program is cached by: its text, its name, its arguments, and the differentiable ones.
_Key = tuple[str, str, tuple[tuple[Any, ...], ...], tuple[int, ...]]
_last: tuple[_Key, Evaluation] | None = None


def evaluate_reference(
    python: str, name: str, avals: Sequence[Mapping[str, Any]], argnums: Sequence[int]
) -> Evaluation:
    """Return a program's reference and the points to run it at; see `find_points`.

    The last program's result is cached, since a row is validated and proven one right after the
    other.
    """
    key = _make_key(python, name, avals, argnums)
    # Read once, since other threads may set it.
    last = _last
    if last is not None and last[0] == key:
        reference, points = last[1]
        return reference, list(points)
    keys = ("name", "shape", "dtype", "low", "high")
    own = [dict(zip(keys, aval, strict=True)) for aval in key[2]]
    reference = ReferenceProgram(python, name, own)
    points = find_points(reference, own, key[3])
    _keep(key, (reference, points))
    return reference, list(points)


def keep_evaluation(
    python: str,
    name: str,
    avals: Sequence[Mapping[str, Any]],
    argnums: Sequence[int],
    evaluation: Evaluation,
) -> None:
    """Put into the cache what `evaluate_reference` has returned for a program in another process.

    An evaluation can be pickled.
    """
    _keep(_make_key(python, name, avals, argnums), evaluation)


def _keep(key: _Key, evaluation: Evaluation) -> None:
    global _last
    _last = key, evaluation


def _make_key(
    python: str, name: str, avals: Sequence[Mapping[str, Any]], argnums: Sequence[int]
) -> _Key:
    frozen_avals = tuple(
        (aval["name"], tuple(aval["shape"]), aval["dtype"], aval["low"], aval["high"])
        for aval in avals
    )
    return python, name, frozen_avals, tuple(argnums)


def find_points(
    reference: ReferenceProgram, avals: Sequence[Mapping[str, Any]], argnums: Sequence[int]
) -> list[Point]:
    """Find points at which the outputs are finite, smooth and steady.

    There are two or three points, and more if these leave a branch untaken: an error in a branch
    that no point takes would go unnoticed. A row always gets the same points.

    Raises NoPoints if too few of the inputs qualify.
    """
    found: list[_Found] = []
    taken: set[tuple[int, int]] = set()
    few = sum(math.prod(aval["shape"]) for aval in avals) <= FEW
    wanted = INPUTS_OF_FEW if few else INPUTS
    for seed, inputs in enumerate(_draw_pairs(promote_avals(avals)), start=1):
        try:
            outputs = reference.outputs(inputs)
        except Singular as error:
            raise NoPoints(f"its gradient is not finite: {error} (seed {seed})") from None
        branches = reference.branches
        if not all(np.isfinite(x).all() for x in outputs):
            raise NoPoints(f"its python is not finite on inputs from its ranges (seed {seed})")
        if len(found) >= wanted and branches <= taken:
            continue
        if reference.nearest_jump < _NEAR_A_JUMP:
            continue
        move = direction(avals, argnums, seed)
        derivative = reference.derivative(inputs, outputs, move)
        if derivative is None:
            continue
        slopes = list_slopes(outputs, derivative)
        # Rounding decides something here, such as which of two values that are both 1.0 in float32
        # is the greater one.
        if measure_unsteadiness(reference, inputs, outputs, slopes, seed) > 1:
            continue
        new = inputs, outputs, reference.trace, move, derivative
        found = _drop_small_differences(reference, [*found, new])
        taken |= branches
        if len(found) == wanted + (MORE_FOR_BRANCHES if taken else 0):
            break
    if len(found) < wanted:
        raise NoPoints(
            f"its python is smooth and steady at {len(found)} of {TRIED} inputs from its ranges"
        )
    by_output = zip(*(outputs for _, outputs, *_ in found), strict=True)
    largest = Largest(
        [
            max(float(np.abs(np.asarray(x, np.float64)).max(initial=0.0)) for x in each)
            for each in by_output
        ],
        max(derivative.scale for *_, derivative in found),
    )
    return [Point(*each, largest) for each in found]


def _drop_small_differences(reference: ReferenceProgram, found: list[_Found]) -> list[_Found]:
    """Keep the points at which the rounding of 16-bit constants doesn't decide the gradient."""
    if not reference.is_half:
        return found
    largest = max(derivative.scale for *_, derivative in found)
    return [each for each in found if each[-1].scale >= _SMALL_DIFFERENCE * largest]


def measure_unsteadiness(
    reference: ReferenceProgram,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    slopes: Sequence[np.ndarray | None],
    seed: int,
) -> float:
    """Measure how far rounding may move an output, in units of STEADY times its size.

    The program runs twice, with opposite noise: whatever an operation's error decides comes out
    differently in one of the runs.
    """
    moved = 0.0
    for sign in (1, -1):
        try:
            noisy = reference.with_noise(inputs, Noise(seed, sign))
        except (np.linalg.LinAlgError, Singular):
            # Rounding alone makes a matrix singular or indefinite, or a root zero.
            return math.inf
        for x, output, slope in zip(noisy, outputs, slopes, strict=True):
            moved = max(moved, measure_error(x, output, STEADY * measure_size(output, slope)))
    return moved


def _draw_pairs(avals: Sequence[Mapping[str, Any]]) -> Iterator[list[np.ndarray]]:
    """Draw inputs in pairs from opposite halves of their ranges, so that two already show much."""
    for seed in range(TRIED // 2):
        inputs = draw_inputs(avals, seed)
        yield inputs
        yield [move_half_range(aval, x) for aval, x in zip(avals, inputs, strict=True)]


def list_slopes(outputs: Sequence[np.ndarray], derivative: Derivative) -> list[np.ndarray | None]:
    """List a derivative's slopes by output, with None for integer outputs."""
    slopes = iter(derivative.slopes)
    return [next(slopes) if x.dtype.kind == "f" else None for x in outputs]
