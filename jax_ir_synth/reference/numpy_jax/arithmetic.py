"""How a run computes: which constants are rounded to 16 bits, and whether results have noise.

A program is run once exactly, in float64, and again in Monte Carlo arithmetic (D. S. Parker, "Monte
Carlo Arithmetic", 1997; Verificarlo and Verrou are tools for it). There each result that the
program's own floats can't hold is off by a random error of the size of their rounding. What then
comes out far from the exact run hangs on rounding. A result that they can hold keeps its value, so
that what only selects or moves values changes none, and what is equal stays equal.
"""

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

_HALF = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
_DTYPES = {**_HALF, "float32": np.float32}
# The largest relative error of a result with noise. Of float32 it is eight times what rounding one
# operation makes, since a function of the library is several; 16-bit floats are computed in float32
# inside of one, and rounded once.
_SIZES = {"float32": 2.0**-21, "bfloat16": 2.0**-8, "float16": 2.0**-11}
# How many errors are drawn for a kind of run.
_FACTORS = 4096


@functools.cache
def _factors(seed: int, sign: int, dtype: str) -> np.ndarray:
    """Factors near 1, kept for all runs like this one: to draw them takes as long as a run."""
    draws = np.random.Generator(np.random.Philox(key=[seed, 0]))
    return 1.0 + sign * _SIZES[dtype] * draws.uniform(-1.0, 1.0, _FACTORS)


class Noise:
    """The random errors of one run.

    Args:
      seed: of the errors, one of few: an integer from 0.
      sign: 1, or -1 for the opposite errors of those that 1 gives. What one operation's rounding
        decides differs in one of such a pair.
      dtype: whose rounding is meant.
    """

    def __init__(self, seed: int, sign: int, dtype: str = "float32") -> None:
        self.dtype = dtype
        self._dtype = _DTYPES[dtype]
        self._factors = _factors(seed, sign, dtype)
        self._next = 0
        self._literals: dict[float, float] = {}

    def result(self, value: np.ndarray) -> np.ndarray:
        """A result of float64, with its errors."""
        held = value.astype(self._dtype).astype(np.float64)
        # NaN too, which differs from itself, is what it was then.
        changed = held != value
        if not changed.any():
            return value
        noisy = (value * self._take(value.size).reshape(value.shape)).astype(self._dtype)
        return np.where(changed, noisy, value)

    def _take(self, number: int) -> np.ndarray:
        """The factors of so many elements: the next ones, of which none soon comes again."""
        if number > _FACTORS:
            return np.resize(self._factors, number)
        if self._next + number > _FACTORS:
            self._next = 0
        self._next += number
        return self._factors[self._next - number : self._next]

    def literal(self, value: float) -> float:
        """A number in the program's text, the same error wherever it stands."""
        if value not in self._literals:
            self._literals[value] = float(self.result(np.array(value)))
        return self._literals[value]


_half: contextvars.ContextVar[type | None] = contextvars.ContextVar("half", default=None)
_noise: contextvars.ContextVar[Noise | None] = contextvars.ContextVar("noise", default=None)


@contextlib.contextmanager
def of(half: str | None, noise: Noise | None = None) -> Iterator[Any]:
    """The arithmetic of a run.

    Args:
      half: the dtype of 16 bits that constants inside of the library's functions are rounded to,
        as JAX makes them where they meet such floats; None leaves them exact.
      noise: the errors of results; None: there are none.
    """
    tokens = _half.set(_HALF[half] if half is not None else None), _noise.set(noise)
    try:
        yield
    finally:
        _half.reset(tokens[0])
        _noise.reset(tokens[1])


def constant(value: float) -> float:
    """The constant as the program's numbers let it be."""
    dtype = _half.get()
    return value if dtype is None else float(dtype(value))


def noise() -> Noise | None:
    """That of this run."""
    return _noise.get()


def result(value: np.ndarray) -> np.ndarray:
    """A function's float64 result as this run has it."""
    errors = _noise.get()
    return value if errors is None else errors.result(value)
