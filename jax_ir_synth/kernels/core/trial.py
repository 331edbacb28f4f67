"""Tries a written program: where it is to be proven it must be finite, smooth and not degenerate.

Intervals and samples follow each element by itself: they can't see that a cross product of parallel
vectors vanishes, that a clip always clips, or that rounding decides a comparison. A run can.
"""

import numpy as np

from jax_ir_synth.kernels.core.values import KernelSource, Undrawable
from jax_ir_synth.meaning.degenerate import defects
from jax_ir_synth.meaning.points import NoPoints, understood
from jax_ir_synth.meaning.standin.tape import Singular

# Results beyond this are of no use to anyone who compares them.
_LARGEST = 1e7
# How much more an output has to vary here than a row must: in 16 bits, rounding takes the rest.
_MARGIN, _MARGIN_OF_HALF = 3.0, 30.0


def require_sound(source: KernelSource) -> None:
    """Raises Undrawable where the program could not be proven, or would be a degenerate row."""
    avals = [aval.described() for aval in source.in_avals]
    argnums = list(source.argnums)
    try:
        meaning, where = understood(source.python, source.name, avals, argnums)
    except (NoPoints, np.linalg.LinAlgError) as error:
        raise Undrawable(f"trial: {error}") from error
    for point in where:
        if any(np.abs(x).max(initial=0) > _LARGEST for x in point.outputs if x.dtype.kind == "f"):
            raise Undrawable("trial: a result is too large")
    half = any(aval.dtype in ("float16", "bfloat16") for aval in source.in_avals)
    margin = _MARGIN_OF_HALF if half else _MARGIN
    try:
        found = defects(avals, argnums, meaning, where, margin=margin)
    except Singular as error:
        raise Undrawable(f"trial: {error}") from error
    if found:
        raise Undrawable(f"trial: {'; '.join(found)}")
