"""The way to a kernel's IR that one writes first, by jax's public functions alone.

What `throughput.py` compares with, and what `tests/lowering/test_shortcuts.py` proves our texts
equal to.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax


def straightforward(source, platform: str) -> tuple[str, str]:
    """The texts of the forward and the backward module of a `KernelSource`, for a platform.

    The function is made anew, and each pass traced, lowered and printed by itself.
    """
    namespace = {"jax": jax, "jnp": jnp, "lax": lax}
    exec(source.python, namespace)
    kernel = namespace[source.name]
    avals = [jax.ShapeDtypeStruct(tuple(aval.shape), aval.dtype) for aval in source.in_avals]

    def loss(*args):
        leaves = jax.tree.leaves(kernel(*args))
        outputs = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]
        return functools.reduce(jnp.add, map(jnp.sum, outputs))

    loss.__name__ = loss.__qualname__ = f"{source.name}_loss"
    texts = []
    for fn in (kernel, jax.grad(loss, argnums=tuple(source.argnums))):
        traced = jax.jit(fn, keep_unused=True).trace(*avals)
        lowered = traced.lower(lowering_platforms=(platform,))
        texts.append(str(lowered.compiler_ir(dialect="stablehlo")))
    return texts[0], texts[1]
