"""The error function and its kind, whose derivatives have a constant that JAX rounds to 16 bits.

The constant, 2/√π, is in no program's text, and finite differences don't round it. So a run may
make the derivatives larger or smaller by as much as its rounding: it scales the functions.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import special

_error: contextvars.ContextVar[float] = contextvars.ContextVar("error", default=0.0)


@contextlib.contextmanager
def vary_derivatives(error: float) -> Iterator[None]:
    """Make all derivatives of these functions larger by this part of them, inside."""
    token = _error.set(error)
    try:
        yield
    finally:
        _error.reset(token)


def _scaled(function: Callable[..., Any], middle: float) -> Callable[..., Any]:
    """Return the function, scaled about its value in the middle if the run says so."""

    def call(x: Any) -> np.ndarray:
        value = np.asarray(function(x))
        error = _error.get()
        return value + error * (value - middle) if error else value

    return call


erf = _scaled(special.erf, 0.0)
erfc = _scaled(special.erfc, 1.0)
erf_inv = _scaled(special.erfinv, 0.0)
ndtr = _scaled(special.ndtr, 0.5)
