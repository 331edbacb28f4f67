"""Writes a closed jaxpr as text, with the values of its constants."""

import re

import numpy as np
from jax.extend.core import ClosedJaxpr

# The address of a function that is a parameter. jax prints an X for each digit, and their number
# depends on the process.
_ADDRESS = re.compile(r" at 0xX+")


def format_jaxpr(closed: ClosedJaxpr) -> str:
    """Write a jaxpr as jax prints it, followed by a line for each constant, if it has any."""
    text = _ADDRESS.sub("", str(closed))
    if not closed.consts:
        return text
    values = [np.asarray(value).tolist() for value in closed.consts]
    return "\n".join([text, "consts:", *(f"  {value}" for value in values)])
