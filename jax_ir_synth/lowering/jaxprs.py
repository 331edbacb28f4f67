"""A closed jaxpr → text, with the values of its constants."""

import re

import numpy as np
from jax.extend.core import ClosedJaxpr

# Where a function that is a parameter stands in memory: jax prints an X for each digit, and how
# many those are depends on the process.
_ADDRESS = re.compile(r" at 0xX+")


def jaxpr_text(closed: ClosedJaxpr) -> str:
    """As jax prints it; then, where it has constants, a line for each of its constant variables."""
    text = _ADDRESS.sub("", str(closed))
    if not closed.consts:
        return text
    values = [np.asarray(value).tolist() for value in closed.consts]
    return "\n".join([text, "consts:", *(f"  {value}" for value in values)])
