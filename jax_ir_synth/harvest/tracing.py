"""Finds out whether jax can trace a call, and whether anything of arrays is computed in it."""

from collections.abc import Callable
from typing import Any

import jax

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.harvest.arguments import Call, is_array


class NotTraced(JaxIrSynthError, ValueError):
    """A call can't be traced, or computes nothing of its arrays; the message says which."""


def check_traces(function: Callable[..., Any], call: Call) -> None:
    """Trace a call; what isn't an array stays a Python value. Nothing is computed.

    Raises:
      NotTraced: the function raises an error, has a result that is no array, or doesn't compute
        anything from its arrays.
    """
    run, arrays = take_arrays(function, call)
    try:
        traced = jax.make_jaxpr(run)(*arrays)
    # Whatever the function of somebody else raises.
    except Exception as error:
        raise NotTraced(f"{type(error).__name__}: {error}") from error
    if not traced.out_avals:
        raise NotTraced("it returns no array")
    if not traced.jaxpr.eqns:
        raise NotTraced("it computes nothing")
    used = {id(v) for equation in traced.jaxpr.eqns for v in equation.invars}
    if used.isdisjoint(id(v) for v in traced.jaxpr.invars):
        raise NotTraced("it uses none of its arrays")


def take_arrays(function: Callable[..., Any], call: Call) -> tuple[Callable[..., Any], list[Any]]:
    """Make a function of the arrays of a call alone, and return it with these."""
    leaves, tree = jax.tree.flatten((list(call.args), dict(call.kwargs)))
    places = [k for k, leaf in enumerate(leaves) if is_array(leaf)]

    def run(*arrays: Any) -> Any:
        filled = list(leaves)
        for k, array in zip(places, arrays, strict=True):
            filled[k] = array
        args, kwargs = jax.tree.unflatten(tree, filled)
        return function(*args, **kwargs)

    return run, [leaves[k] for k in places]
