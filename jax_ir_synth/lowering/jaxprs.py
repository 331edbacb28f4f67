"""Writes a closed jaxpr as text, with the values of its constants."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

# The address of a function that is a parameter. jax prints an X for each digit, and their number
# depends on the process.
_ADDRESS = re.compile(r" at 0xX+")


def format_jaxpr(closed: ClosedJaxpr, elide_above: int | None = None) -> str:
    """Write a jaxpr as jax prints it, followed by a line for each constant, if it has any.

    That of a constant with more than `elide_above` elements is `<elided>`.
    """
    text = _ADDRESS.sub("", str(closed))
    if not closed.consts:
        return text
    lines = []
    for constant in closed.consts:
        is_long = elide_above is not None and np.size(constant) > elide_above
        lines.append("<elided>" if is_long else str(np.asarray(_unwrap(constant)).tolist()))
    return "\n".join([text, "consts:", *(f"  {line}" for line in lines)])


def _unwrap(value: Any) -> Any:
    """Return a key's integers; any other constant as it is."""
    is_key = jnp.issubdtype(jnp.result_type(value), jax.dtypes.prng_key)
    return jax.random.key_data(value) if is_key else value
