"""How a run computes: which constants are rounded to 16 bits, and whether results are rounded."""

import contextlib
import contextvars

import ml_dtypes
import numpy as np

_DTYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
_half: contextvars.ContextVar[type | None] = contextvars.ContextVar("half", default=None)
_coarse: contextvars.ContextVar[bool] = contextvars.ContextVar("coarse", default=False)


@contextlib.contextmanager
def of(half: str | None, coarse: bool = False):
    """The arithmetic of a run.

    Args:
      half: the dtype of 16 bits that constants inside of the library's functions are rounded to,
        as JAX makes them where they meet such floats; None leaves them exact.
      coarse: whether each function's result is rounded to 20 bits: those of a float32 that are
        sure to be right after some more operations.
    """
    tokens = _half.set(_DTYPES.get(half)), _coarse.set(coarse)
    try:
        yield
    finally:
        _half.reset(tokens[0])
        _coarse.reset(tokens[1])


def constant(value: float) -> float:
    """The constant as the program's numbers let it be."""
    dtype = _half.get()
    return value if dtype is None else float(dtype(value))


def result(value: np.ndarray) -> np.ndarray:
    """A function's float64 result as this run has it."""
    if not _coarse.get():
        return value
    # Up from the half of the last bit that is kept; a carry goes on into the exponent.
    bits = value.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(8)) & np.uint32(0xFFFFFFF0)).view(np.float32).astype(np.float64)
