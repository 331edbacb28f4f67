"""Adds up a function's outputs to the scalar that is differentiated."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering.arguments import WITHOUT_GRADIENT, is_inexact


def select_inexact(outputs: Sequence[Any], name: str) -> list[Any]:
    """Select the inexact outputs of the function `name`; UsageError if there are none."""
    found = [out for out in outputs if is_inexact(out)]
    if not found:
        raise UsageError(
            f"`{name}` has no floating-point or complex output, so there is nothing to "
            f"differentiate; {WITHOUT_GRADIENT}"
        )
    return found


def add_up(outputs: Sequence[Any]) -> Any:
    """Sum all elements of all arrays, of complex ones the real parts, to a scalar."""
    sums = [_sum(out.real if jnp.iscomplexobj(out) else out) for out in outputs]
    return functools.reduce(_add, sums)


def _sum(x: Any) -> Any:
    """Sum all elements by the operations of `jnp.sum`, which would be traced apart for each loss.

    Like it, a float of 16 bits is summed in 32.
    """
    if not isinstance(x, jax.core.Tracer):
        # A constant, which may be a Python number.
        return jnp.sum(x)
    dtype = x.dtype
    wide = jnp.float32 if dtype in (jnp.float16, jnp.bfloat16) else dtype
    axes = tuple(range(x.ndim))
    return lax.convert_element_type(lax.reduce_sum(lax.convert_element_type(x, wide), axes), dtype)


def _add(x: Any, y: Any) -> Any:
    """Add scalars by the operations of `jnp.add`."""
    return lax.add(x, y) if x.dtype == y.dtype else jnp.add(x, y)
