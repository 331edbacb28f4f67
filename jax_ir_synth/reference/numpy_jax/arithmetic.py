"""Sets the arithmetic of a run: constants rounded to 16 bits, and results with or without noise.

A program is run once exactly, in float64, and again in Monte Carlo arithmetic (D. S. Parker, "Monte
Carlo Arithmetic", 1997; Verificarlo and Verrou are tools for it). In the second run, each result
that the program's own floats can't represent gets a random error of the size of their rounding. An
output that ends far from the exact run depends on rounding. A result that the floats can represent
keeps its value. So operations that only select or move values change none, and equal values stay
equal.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

_HALF = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
_DTYPES = {**_HALF, "float32": np.float32}
# The largest relative error of a result with noise. In float32 it is eight times the rounding error
# of one operation, since a library function consists of several. With 16-bit floats, a library
# function computes in float32 and rounds once.
_SIZES = {"float32": 2.0**-21, "bfloat16": 2.0**-8, "float16": 2.0**-11}
# The number of errors that are drawn for a kind of run.
_FACTORS = 4096


@functools.cache
def _factors(seed: int, sign: int, dtype: str) -> np.ndarray:
    """Draw factors near 1, cached for all runs of this kind: drawing takes as long as a run."""
    draws = np.random.Generator(np.random.Philox(key=[seed, 0]))
    return 1.0 + sign * _SIZES[dtype] * draws.uniform(-1.0, 1.0, _FACTORS)


class Noise:
    """The random errors of one run.

    Args:
      seed: the seed of the errors, from 0. Few different ones should be used, since each is cached.
      sign: 1, or -1 for the opposite errors. Whatever one operation's rounding decides comes out
        differently in one run of such a pair.
      dtype: the dtype whose rounding the errors stand for.
    """

    def __init__(self, seed: int, sign: int, dtype: str = "float32") -> None:
        self.dtype = dtype
        self._dtype = _DTYPES[dtype]
        self._factors = _factors(seed, sign, dtype)
        self._next = 0
        self._literals: dict[float, float] = {}

    def perturb(self, value: np.ndarray) -> np.ndarray:
        """Return a float64 result with its random errors."""
        rounded = value.astype(self._dtype).astype(np.float64)
        # NaN differs from itself, and stays NaN.
        changed = rounded != value
        if not changed.any():
            return value
        noisy = (value * self._take(value.size).reshape(value.shape)).astype(self._dtype)
        return np.where(changed, noisy, value)

    def _take(self, number: int) -> np.ndarray:
        """Take the next factors, one for each element; none of them soon returns."""
        if number > _FACTORS:
            return np.resize(self._factors, number)
        if self._next + number > _FACTORS:
            self._next = 0
        self._next += number
        return self._factors[self._next - number : self._next]

    def perturb_literal(self, value: float) -> float:
        """Return a literal with its error, which is the same wherever the literal occurs."""
        if value not in self._literals:
            self._literals[value] = float(self.perturb(np.array(value)))
        return self._literals[value]


class Comparisons(Noise):
    """A run without errors that notes how far apart the floats are that it compares.

    `differences` has an array for each comparison, in the order of the run.
    """

    def __init__(self) -> None:
        self.differences: list[np.ndarray] = []

    def perturb(self, value: np.ndarray) -> np.ndarray:
        """Return the value."""
        return value

    def perturb_literal(self, value: float) -> float:
        """Return the value."""
        return value


_half: contextvars.ContextVar[type | None] = contextvars.ContextVar("half", default=None)
_noise: contextvars.ContextVar[Noise | None] = contextvars.ContextVar("noise", default=None)


@contextlib.contextmanager
def use(half: str | None, noise: Noise | None = None) -> Iterator[Any]:
    """Set the arithmetic of the run inside the `with` block.

    Args:
      half: the 16-bit dtype to which constants inside library functions are rounded, as JAX rounds
        them where they meet such floats. None leaves them exact.
      noise: the errors of the results; None for a run without noise.
    """
    tokens = _half.set(_HALF[half] if half is not None else None), _noise.set(noise)
    try:
        yield
    finally:
        _half.reset(tokens[0])
        _noise.reset(tokens[1])


def round_constant(value: float) -> float:
    """Round a library function's constant to the run's 16-bit dtype, if it has one."""
    dtype = _half.get()
    return value if dtype is None else float(dtype(value))


def current_noise() -> Noise | None:
    """Return the noise of this run; None without noise."""
    return _noise.get()


def perturb(value: np.ndarray) -> np.ndarray:
    """Return a function's float64 result with the noise of this run."""
    errors = _noise.get()
    return value if errors is None else errors.perturb(value)


_ORDERINGS = (np.greater, np.greater_equal, np.less, np.less_equal)


def note_comparison(function: Callable[..., Any], operands: Sequence[Any]) -> None:
    """Note a comparison of floats, in a run that is for that (see `Comparisons`)."""
    run = _noise.get()
    if isinstance(run, Comparisons) and function in _ORDERINGS:
        left, right = (np.asarray(x) for x in operands[:2])
        if "f" in (left.dtype.kind, right.dtype.kind):
            run.differences.append(np.subtract(left, right, dtype=np.float64))
