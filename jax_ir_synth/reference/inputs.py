"""Random arguments from a row's `in_avals`, the same from the same seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

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


def random_inputs(in_avals: Sequence[Mapping[str, Any]], seed: int) -> list[np.ndarray]:
    """One array for each argument, uniform over its range; integers include both ends."""
    return [random_input(aval, seed, position) for position, aval in enumerate(in_avals)]


def random_input(aval: Mapping[str, Any], seed: int, position: int) -> np.ndarray:
    """The argument at `position` alone, as `random_inputs` of the same seed draws it."""
    draws = np.random.Generator(np.random.Philox(key=[seed, position]))
    shape, dtype = tuple(aval["shape"]), DTYPES[aval["dtype"]]
    if aval["dtype"] in FLOATS:
        return _round(draws.uniform(aval["low"], aval["high"], shape), aval)
    return draws.integers(int(aval["low"]), int(aval["high"]), shape, endpoint=True).astype(dtype)


def opposite(aval: Mapping[str, Any], drawn: np.ndarray) -> np.ndarray:
    """Each element half a range on: in the other half of it, a flag the other way."""
    low, high = aval["low"], aval["high"]
    if aval["dtype"] in FLOATS:
        half, x = (high - low) / 2, drawn.astype(np.float64)
        return _round(np.where(x + half > high, x - half, x + half), aval)
    low, number = int(low), int(high) - int(low) + 1
    moved = low + (drawn.astype(np.int64) - low + number // 2) % number
    return moved.astype(drawn.dtype)


def nearest(aval: Mapping[str, Any], value: float) -> np.ndarray:
    """The value of an argument that is nearest to `value`; infinity means an end of its range."""
    within = np.asarray(np.clip(value, aval["low"], aval["high"]))
    if aval["dtype"] in FLOATS:
        return _round(within, aval)
    return within.astype(DTYPES[aval["dtype"]])


def wide(avals: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The arguments with float32 for each 16-bit float.

    Its values are so many that none of a few draws lies on a jump; 1.0 is one bfloat16 of 256.
    """
    return [{**aval, "dtype": "float32"} if aval["dtype"] in HALF else aval for aval in avals]


def _round(x: np.ndarray, aval: Mapping[str, Any]) -> np.ndarray:
    dtype = DTYPES[aval["dtype"]]
    # Rounding to a short float can step over an end of the range.
    ends = _within(aval["low"], dtype, 1), _within(aval["high"], dtype, -1)
    return np.asarray(np.clip(x.astype(dtype), *ends)).astype(dtype)


def _within(end: float, dtype: np.dtype, inwards: int) -> np.generic:
    """The float nearest to an end of a range that does not lie outside."""
    near: np.generic = dtype.type(end)
    if (float(near) - end) * inwards < 0:
        near = np.nextafter(near, dtype.type(inwards * np.inf), dtype=dtype)
    return near
