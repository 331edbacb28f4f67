"""Sets the arithmetic of a run: constants rounded to 16 bits, and results with or without noise.

A program is run once exactly, in float64, and again in Monte Carlo arithmetic (D. S. Parker, "Monte
Carlo Arithmetic", 1997; Verificarlo and Verrou are tools for it). In the second run, each result
that the program's own floats can't represent gets a random error of the size of their rounding. An
output that ends far from the exact run depends on rounding. A result that the floats can represent
keeps its value. So operations that only select or move values change none, and equal values stay
equal. In one run of a pair, a result with an error becomes zero if it is subnormal: many
implementations flush such numbers, and their library functions return zero before they must.
"""

import contextlib
import contextvars
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.reference.philox import make_generator

_HALF = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
_DTYPES = {**_HALF, "float32": np.float32}
# The largest relative error of a result with noise. In float32 it is eight times the rounding error
# of one operation, since a library function consists of several. With 16-bit floats, a library
# function computes in float32 and rounds once.
_SIZES = {"float32": 2.0**-21, "bfloat16": 2.0**-8, "float16": 2.0**-11}
# The smallest normal numbers; subnormal float16 is flushed nowhere.
_SMALLEST = {"float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 0.0}
# The number of errors that are drawn for a kind of run.
_FACTORS = 4096


@functools.cache
def _factors(seed: int, sign: int, dtype: str) -> np.ndarray:
    """Draw factors near 1, cached for all runs of this kind: drawing takes as long as a run."""
    draws = make_generator((seed, 0))
    return 1.0 + sign * _SIZES[dtype] * draws.uniform(-1.0, 1.0, _FACTORS)


class Noise:
    """The random errors of one run.

    Attributes:
      dtype: as below.
      notes_comparisons: whether it is a run of `Comparisons`.

    Args:
      seed: the seed of the errors, from 0. Few different ones should be used, since each is cached.
      sign: 1, or -1 for the opposite errors. Whatever one operation's rounding decides comes out
        differently in one run of such a pair.
      dtype: the dtype whose rounding the errors stand for.
    """

    notes_comparisons = False

    def __init__(self, seed: int, sign: int, dtype: str = "float32") -> None:
        self.dtype = dtype
        self._dtype = _DTYPES[dtype]
        self._factors = _factors(seed, sign, dtype)
        self._flushed = _SMALLEST[dtype] if sign > 0 else 0.0
        self._next = 0
        self._literals: dict[float, float] = {}

    def perturb(self, value: np.ndarray) -> np.ndarray:
        """Return a float64 result with its random errors."""
        if self._dtype is np.float32 and not value.ndim:
            return self._perturb_scalar(value)
        # NaN differs from itself, and stays NaN.
        changed = value.astype(self._dtype).astype(np.float64) != value
        number = np.count_nonzero(changed)
        if not number:
            return value
        noisy: np.ndarray = value * self._take(value.size).reshape(value.shape)
        noisy = noisy.astype(self._dtype)
        if self._flushed:
            small = np.abs(noisy) < self._flushed
            if small.any():
                # The sign of zero stays.
                noisy[small] *= 0
        if number == value.size and value.ndim and value.flags.c_contiguous:
            return noisy.astype(np.float64)
        return np.where(changed, noisy, value)

    def _perturb_scalar(self, value: np.ndarray) -> np.ndarray:
        """Do what `perturb` does, for an array without dimensions in a run of float32.

        Python's floats take a fifth of the time of NumPy's arrays.
        """
        exact = float(value)
        if float(np.float32(exact)) == exact:
            return value
        noisy = float(np.float32(exact * float(self._take(1)[0])))
        return np.array(math.copysign(0.0, noisy) if abs(noisy) < self._flushed else noisy)

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

    notes_comparisons = True

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


_float_dtype: contextvars.ContextVar[list[str | None] | None] = contextvars.ContextVar(
    "float_dtype", default=None
)


@contextlib.contextmanager
def use(
    half: str | None, noise: Noise | None = None, float_dtype: str | None = "float32"
) -> Iterator[Any]:
    """Set the arithmetic of the run inside the `with` block.

    Args:
      half: the 16-bit dtype to which constants inside library functions are rounded, as JAX rounds
        them where they meet such floats. None leaves them exact.
      noise: the errors of the results; None for a run without noise.
      float_dtype: what a program is told that the dtype of its floats is, which are float64 here;
        None if they have several.
    """
    tokens = _half.set(_HALF[half] if half is not None else None), _noise.set(noise)
    named = _float_dtype.set([float_dtype])
    try:
        yield
    finally:
        _float_dtype.reset(named)
        _half.reset(tokens[0])
        _noise.reset(tokens[1])


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Run what is inside without noise."""
    token = _noise.set(None)
    try:
        yield
    finally:
        _noise.reset(token)


def round_constant(value: float) -> float:
    """Round a library function's constant to the run's 16-bit dtype, if it has one."""
    dtype = _half.get()
    return value if dtype is None else float(dtype(value))


class DtypeUnknown(JaxIrSynthError, TypeError):
    """A program asks for a dtype that this run can't tell."""


def name_float_dtype() -> str:
    """Name the dtype that the program's floats have in JAX. Raises DtypeUnknown."""
    kept = _float_dtype.get()
    name = "float32" if kept is None else kept[0]
    if name is None:
        raise DtypeUnknown("the dtype of a float isn't known in a program of 16-bit floats")
    return name


def note_float(name: str) -> None:
    """Note that a run makes floats of a dtype. From then on, not all have the same, perhaps."""
    kept = _float_dtype.get()
    if kept is not None and kept[0] != ("float32" if name == "float64" else name):
        kept[0] = None


# Returns the noise of this run; None without noise. Each operation calls it.
current_noise = _noise.get


def perturb(value: np.ndarray) -> np.ndarray:
    """Return a function's float64 result with the noise of this run."""
    errors = current_noise()
    return value if errors is None else errors.perturb(value)


_ORDERINGS = (np.greater, np.greater_equal, np.less, np.less_equal)


def note_comparison(run: Noise, function: Callable[..., Any], operands: Sequence[Any]) -> None:
    """Note a comparison of floats, in a run that is for that (see `Comparisons`)."""
    if isinstance(run, Comparisons) and function in _ORDERINGS:
        left, right = (np.asarray(x) for x in operands[:2])
        if "f" in (left.dtype.kind, right.dtype.kind):
            run.differences.append(np.subtract(left, right, dtype=np.float64))
