"""Validates a printed program by a run: it must be finite, smooth and not degenerate.

Ranges and samples follow each element by itself. They can't see that a cross product of parallel
vectors vanishes, that a clip always clips, or that rounding decides a comparison. A run can.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import KernelSource, Rejected
from jax_ir_synth.reference.degenerate import find_degenerate
from jax_ir_synth.reference.inputs import DTYPES, HALF
from jax_ir_synth.reference.numpy_jax.arithmetic import DtypeUnknown, Noise
from jax_ir_synth.reference.numpy_jax.trace_recorder import Singular
from jax_ir_synth.reference.points import NoPoints, Point, evaluate_reference, list_slopes
from jax_ir_synth.reference.program import ReferenceProgram, direction

# Results beyond this are of no use to anyone who compares them.
_LARGEST = 1e7
# How many times as much an output has to vary here as a row's must. In 16 bits, rounding takes
# more of it.
_MARGIN, _MARGIN_OF_HALF = 3.0, 30.0
# How many times as much an output has to change with its arguments as by rounding to 16 bits, and
# some output with each argument alone. In 95 of 100 programs it is 10 times and more. What changes
# less has a gradient that is the small difference of larger parts, which rounding decides.
_VISIBLE = 4.0
# In a run whose operations round to 16 bits, _LEAST_SHARE of an output's elements must stay within
# _ROUNDED of what the output is and how far it moves. That is 128 roundings in bfloat16, 512 in
# float16: a program that loses its result in 16 bits isn't drawn.
_ROUNDED = {"bfloat16": 0.5, "float16": 0.25}
_LEAST_SHARE = 0.75


def require_sound(source: KernelSource) -> None:
    """Raises Rejected where the program can't be proven, or its row would be degenerate."""
    avals = [aval.described() for aval in source.in_avals]
    argnums = list(source.argnums)
    try:
        reference, points = evaluate_reference(source.python, source.name, avals, argnums)
    except (NoPoints, np.linalg.LinAlgError, DtypeUnknown) as error:
        raise Rejected(f"validation: {error}") from error
    for point in points:
        if any(np.abs(x).max(initial=0) > _LARGEST for x in point.outputs if x.dtype.kind == "f"):
            raise Rejected("validation: a result is too large")
    half = next((aval.dtype for aval in source.in_avals if aval.dtype in HALF), None)
    if half is not None and not any(
        _keeps_values(reference, point, avals, argnums, half) for point in points
    ):
        raise Rejected(f"validation: at no input its results survive the rounding of {half}")
    margin = _MARGIN if half is None else _MARGIN_OF_HALF
    try:
        found = find_degenerate(avals, argnums, reference, points, margin=margin)
    except Singular as error:
        raise Rejected(f"validation: {error}") from error
    if found:
        raise Rejected(f"validation: {'; '.join(found)}")


def _keeps_values(
    reference: ReferenceProgram,
    point: Point,
    avals: Sequence[dict[str, Any]],
    argnums: Sequence[int],
    half: str,
) -> bool:
    """Whether the outputs keep their values and their changes when each step rounds to 16 bits.

    Most elements must stay near what they are in float64; the proof of such a row compares it with
    itself in float32 likewise. And rounding must change an output much less than its arguments do
    when they cross half their ranges: where a function saturates, 16 bits make a constant of it,
    and zeros of its gradient. Both directions of rounding are tried. Each argument alone must move
    an output as much.
    """
    # Both runs take rounded inputs, or the rounding of these would count as an error.
    inputs = [
        x.astype(DTYPES[half]).astype(np.float32) if aval["dtype"] == half else x
        for x, aval in zip(point.inputs, avals, strict=True)
    ]
    exact = reference.outputs(inputs)
    sizes = [0.0 if x is None else float(np.abs(x).max(initial=0)) for x in point.slopes]
    roundings = dict.fromkeys(range(len(exact)), 0.0)
    for sign in (1, -1):
        try:
            noisy = reference.with_noise(inputs, Noise(0, sign, half))
        except (np.linalg.LinAlgError, Singular):
            return False
        for number, (x, y, size) in enumerate(zip(noisy, exact, sizes, strict=True)):
            if y.dtype.kind != "f":
                continue
            moved = float(np.abs(x - y).max(initial=0))
            roundings[number] = max(roundings[number], moved)
            if not _mostly_agree(x, y, size, _ROUNDED[half]) or not size >= _VISIBLE * moved:
                return False
    return len(argnums) == 1 or all(
        _moves_by(number, reference, point, avals, roundings) for number in argnums
    )


def _moves_by(
    number: int,
    reference: ReferenceProgram,
    point: Point,
    avals: Sequence[dict[str, Any]],
    roundings: Mapping[int, float],
) -> bool:
    """Whether an argument that crosses half its range moves an output, beside its rounding."""
    reference.resume(point.trace)
    move = direction(avals, [number], seed=0)
    derivative = reference.derivative(point.inputs, point.outputs, move)
    if derivative is None:
        return False
    slopes = list_slopes(point.outputs, derivative)
    return any(
        slope is not None and np.abs(slope).max(initial=0) >= _VISIBLE * roundings[k]
        for k, slope in enumerate(slopes)
    )


def _mostly_agree(rounded: np.ndarray, exact: np.ndarray, size: float, rate: float) -> bool:
    """Whether most elements of a run with rounding are near those of the exact run.

    Args:
      rounded: the result of the run with rounding.
      exact: the result of the exact run.
      size: how much the result moves when the arguments cross half their ranges.
      rate: how far an element may be off, as a part of the largest element and `size`.
    """
    near = np.abs(rounded - exact) <= rate * (np.abs(exact).max(initial=0.0) + size)
    return bool(near.mean() >= _LEAST_SHARE)
