"""Draws random arguments from a row's `in_avals`; equal seeds give equal arguments."""

from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from jax_ir_synth.reference.philox import make_generator

DTYPES = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "int32": np.dtype(np.int32),
    "uint32": np.dtype(np.uint32),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "bool": np.dtype(np.bool_),
}
FLOATS = ("float32", "float16", "bfloat16")
HALF = ("float16", "bfloat16")


def draw_inputs(in_avals: Sequence[Mapping[str, Any]], seed: int) -> list[np.ndarray]:
    """Draw one array for each argument, uniform over its range; integers include both ends."""
    return [draw_input(aval, seed, position) for position, aval in enumerate(in_avals)]


def draw_input(aval: Mapping[str, Any], seed: int, position: int) -> np.ndarray:
    """Draw only the argument at `position`, as `draw_inputs` draws it from the same seed."""
    draws = make_generator((seed, position))
    shape, dtype = tuple(aval["shape"]), DTYPES[aval["dtype"]]
    if aval["dtype"] in FLOATS:
        return round_array(draws.uniform(aval["low"], aval["high"], shape), aval)
    return draws.integers(int(aval["low"]), int(aval["high"]), shape, endpoint=True).astype(dtype)


def move_half_range(aval: Mapping[str, Any], drawn: np.ndarray) -> np.ndarray:
    """Move each element by half the range, into its other half; a flag becomes its opposite."""
    low, high = aval["low"], aval["high"]
    if aval["dtype"] in FLOATS:
        half, x = (high - low) / 2, drawn.astype(np.float64)
        return round_array(np.where(x + half > high, x - half, x + half), aval)
    low, number = int(low), int(high) - int(low) + 1
    moved = low + (drawn.astype(np.int64) - low + number // 2) % number
    return moved.astype(drawn.dtype)


def round_into_range(aval: Mapping[str, Any], value: float) -> np.ndarray:
    """Return the argument's value nearest to `value`; infinity means an end of its range."""
    within = np.asarray(np.clip(value, aval["low"], aval["high"]))
    if aval["dtype"] in FLOATS:
        return round_array(within, aval)
    return within.astype(DTYPES[aval["dtype"]])


def promote_avals(avals: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the arguments with float32 in place of each 16-bit float.

    A few float32 draws practically never lie on a jump of the program. 16-bit draws do: of 256
    bfloat16 values, one is 1.0.
    """
    return [{**aval, "dtype": "float32"} if aval["dtype"] in HALF else aval for aval in avals]


def round_array(x: np.ndarray, aval: Mapping[str, Any]) -> np.ndarray:
    """Round an array to an argument's dtype, its values within the argument's range."""
    dtype = DTYPES[aval["dtype"]]
    # Rounding to a short float can cross an end of the range.
    ends = _round_inwards(aval["low"], dtype, 1), _round_inwards(aval["high"], dtype, -1)
    return np.asarray(np.clip(x.astype(dtype), *ends)).astype(dtype)


def _round_inwards(end: float, dtype: np.dtype, inwards: int) -> np.generic:
    """Return the float inside the range that is nearest to one of its ends."""
    near: np.generic = dtype.type(end)
    if (float(near) - end) * inwards < 0:
        near = np.nextafter(near, dtype.type(inwards * np.inf), dtype=dtype)
    return near
