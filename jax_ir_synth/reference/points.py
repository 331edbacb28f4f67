"""Where a row is run: random inputs from its ranges, and what its Python means there."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.reference.inputs import opposite, random_inputs, wide
from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.numpy_jax.trace_recorder import Singular
from jax_ir_synth.reference.program import Derivative, ReferenceProgram, direction
from jax_ir_synth.reference.tolerance import FORWARD, measure_output_error

# Inputs that a program is run on. One of few numbers shows little at each, and costs little.
INPUTS, INPUTS_OF_FEW, FEW = 2, 3, 64
# Where they leave a branch untaken, so many more at most.
MORE_FOR_BRANCHES = 2
# What rounding may change of an output, as a part of what is allowed to be wrong.
_STEADY = 0.5
# A gradient that is so much smaller than elsewhere is the small difference of larger parts. In a
# program of 16-bit floats it depends on the constants of JAX's derivatives (2/√π in that of erf),
# which are rounded to 8 or 11 bits.
_SMALL_DIFFERENCE = 1 / 8
# How many inputs are tried to find these.
TRIED = 12


# Inputs, outputs, a direction, and the derivative along it.
_Found = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray | None], Derivative]


class NoPoints(JaxIrSynthError, ValueError):
    """The program is not finite, or not smooth, where it would be run."""


class Largest(NamedTuple):
    """What the outputs and the derivative come to at the point where they are largest."""

    outputs: list[float]
    derivative: float


class Point(NamedTuple):
    """Inputs, and what the program means there.

    Attributes:
      inputs: an array for each argument; of float32 where the program takes 16-bit floats.
      outputs: of the program, floats of float64.
      move: a direction, with an array for each argument, None where it is not one to differentiate
        by.
      derivative: of the sum of the outputs along it.
      largest: of all the points.
    """

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    move: list[np.ndarray | None]
    derivative: Derivative
    largest: Largest

    @property
    def slopes(self) -> list[np.ndarray | None]:
        """For each output how its elements change along the direction; None for integers."""
        return slopes_of(self.outputs, self.derivative)


def evaluate_reference(
    python: str, name: str, avals: Sequence[Mapping[str, Any]], argnums: Sequence[int]
) -> tuple[ReferenceProgram, list[Point]]:
    """A program's reference, and the points to run it at: see `find_points`.

    The last program's are kept: a row is tried when it is written, and proven right after.
    """
    described = tuple(
        (aval["name"], tuple(aval["shape"]), aval["dtype"], aval["low"], aval["high"])
        for aval in avals
    )
    reference, found_points = _evaluate_reference(python, name, described, tuple(argnums))
    return reference, list(found_points)


@functools.lru_cache(maxsize=1)
def _evaluate_reference(
    python: str, name: str, described: tuple[tuple[Any, ...], ...], argnums: tuple[int, ...]
) -> tuple[ReferenceProgram, list[Point]]:
    keys = ("name", "shape", "dtype", "low", "high")
    avals = [dict(zip(keys, aval, strict=True)) for aval in described]
    reference = ReferenceProgram(python, name, avals)
    return reference, find_points(reference, avals, argnums)


def find_points(
    reference: ReferenceProgram, avals: Sequence[Mapping[str, Any]], argnums: Sequence[int]
) -> list[Point]:
    """Points at which the outputs are finite, smooth and steady, the same for a row every time.

    Two or three, and more that take branches which those leave untaken: an error in a branch that
    no point takes would not be seen.

    Raises NoPoints where there are not so many.
    """
    found: list[_Found] = []
    taken: set[tuple[int, int]] = set()
    few = sum(math.prod(aval["shape"]) for aval in avals) <= FEW
    wanted = INPUTS_OF_FEW if few else INPUTS
    for seed, inputs in enumerate(_inputs(wide(avals)), start=1):
        try:
            outputs = reference.outputs(inputs)
        except Singular as error:
            raise NoPoints(f"its gradient is not finite: {error} (seed {seed})") from None
        branches = reference.branches
        if not all(np.isfinite(x).all() for x in outputs):
            raise NoPoints(f"its python is not finite on inputs from its ranges (seed {seed})")
        if len(found) >= wanted and branches <= taken:
            continue
        move = direction(avals, argnums, seed)
        derivative = reference.derivative(inputs, outputs, move)
        if derivative is None:
            continue
        slopes = slopes_of(outputs, derivative)
        # Rounding decides: which of two values that are both 1.0 in float32 is the greater.
        if unsteadiness(reference, inputs, outputs, slopes, seed) > _STEADY:
            continue
        found = _without_small_differences(reference, [*found, (inputs, outputs, move, derivative)])
        taken |= branches
        if len(found) == wanted + (MORE_FOR_BRANCHES if taken else 0):
            break
    if len(found) < wanted:
        raise NoPoints(
            f"its python is smooth and steady at {len(found)} of {TRIED} inputs from its ranges"
        )
    by_output = zip(*(outputs for _, outputs, _, _ in found), strict=True)
    largest = Largest(
        [
            max(float(np.abs(np.asarray(x, np.float64)).max(initial=0.0)) for x in each)
            for each in by_output
        ],
        max(derivative.scale for *_, derivative in found),
    )
    return [Point(*each, largest) for each in found]


def _without_small_differences(reference: ReferenceProgram, found: list[_Found]) -> list[_Found]:
    """Those at which constants of 16 bits don't decide the gradient."""
    if not reference.is_half:
        return found
    largest = max(derivative.scale for *_, derivative in found)
    return [each for each in found if each[-1].scale >= _SMALL_DIFFERENCE * largest]


def unsteadiness(
    reference: ReferenceProgram,
    inputs: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    slopes: Sequence[np.ndarray | None],
    seed: int,
) -> float:
    """How far rounding may move an output, in units of what is allowed to be wrong.

    Of two runs with opposite noise: what one operation's error decides differs in one of them.
    """
    moved = 0.0
    for sign in (1, -1):
        try:
            noisy = reference.with_noise(inputs, Noise(seed, sign))
        except (np.linalg.LinAlgError, Singular):
            # A matrix is singular or has no root, or a root is zero, by rounding alone.
            return math.inf
        for x, output, slope in zip(noisy, outputs, slopes, strict=True):
            moved = max(moved, measure_output_error(x, output, slope, FORWARD))
    return moved


def _inputs(avals: Sequence[Mapping[str, Any]]) -> Iterator[list[np.ndarray]]:
    """Random inputs by pairs that lie opposite in their ranges, so that two show much."""
    for seed in range(TRIED // 2):
        inputs = random_inputs(avals, seed)
        yield inputs
        yield [opposite(aval, x) for aval, x in zip(avals, inputs, strict=True)]


def slopes_of(outputs: Sequence[np.ndarray], derivative: Derivative) -> list[np.ndarray | None]:
    """A derivative's slopes with None in the places of outputs that are integers."""
    slopes = iter(derivative.slopes)
    return [next(slopes) if x.dtype.kind == "f" else None for x in outputs]
