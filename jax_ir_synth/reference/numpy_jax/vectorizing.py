"""Implements `jnp.vectorize`: maps a function over the leading dimensions of its arguments."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import trees
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.bounds import step


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = frozenset(), signature: str | None = None
) -> Callable[..., Any]:
    """Maps a function over the broadcast arguments.

    Args:
      pyfunc: a function of scalars, or of arrays with the signature's dimensions.
      excluded: the positions of the arguments that are passed as they are.
      signature: the dimensions of arguments and results, such as `"(n,m),(m)->(n)"`.
    """
    cores = None
    if signature is not None:
        left = signature.replace(" ", "").split("->")[0]
        cores = [len(names.split(",")) if names else 0 for names in re.findall(r"\((.*?)\)", left)]

    def call(*args: Any) -> Any:
        mapped = [i for i in range(len(args)) if i not in excluded]
        arrays = {i: np.asarray(args[i]) for i in mapped}
        ranks = dict(zip(mapped, cores or [0] * len(mapped), strict=True))
        outer = {i: x.shape[: x.ndim - ranks[i]] for i, x in arrays.items()}
        shape = np.broadcast_shapes(*outer.values())
        spread = {
            i: np.broadcast_to(x, shape + x.shape[x.ndim - ranks[i] :]) for i, x in arrays.items()
        }
        results = [
            pyfunc(*(array(spread[i][place]) if i in spread else x for i, x in enumerate(args)))
            for place in np.ndindex(*shape)
            if step()
        ]

        def join(*parts: Any) -> Any:
            return array(np.stack(parts).reshape(shape + np.shape(parts[0])))

        return trees.map_leaves(join, results[0], *results[1:])

    return call
