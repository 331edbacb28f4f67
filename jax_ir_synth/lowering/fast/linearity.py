"""Tells which primitives are linear, and which have no derivative, by jax's own rules."""

import functools
from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.lowering.fast.private import private

# jax's functions that are the rules, or what they come down to.
RELIES_ON = (
    "jax._src.interpreters.ad:linear_jvp",
    "jax._src.interpreters.ad:zero_jvp",
    "jax._src.lax.lax:_broadcast_in_dim_jvp_rule",
    "jax._src.lax.lax:_convert_element_type_jvp_rule",
    "jax._src.lax.slicing:_slice_jvp_rule",
)
# Primitives that are linear in their one operand, by rules of their own.
_LINEAR = frozenset({"broadcast_in_dim", "slice"})
# This one is linear if its result has a tangent.
_CONVERSION = "convert_element_type"


def is_linear(primitive: Any, nonzeros: Sequence[bool], params: Any) -> bool:
    """Whether a primitive of one result does to the tangents what it does to the operands."""
    if primitive in _find_linear():
        return all(nonzeros)
    return primitive.name == _CONVERSION and _is_inexact(params["new_dtype"])


@functools.cache
def _find_linear() -> frozenset[Any]:
    """Find the primitives of one result that are linear in all operands."""
    return _find_by_rule("linear_jvp", _LINEAR)


@functools.cache
def find_constant() -> frozenset[Any]:
    """Find the primitives of one result whose derivative is zero."""
    return _find_by_rule("zero_jvp")


def _find_by_rule(name: str, others: Container[str] = ()) -> frozenset[Any]:
    """Find the primitives of one result with a rule of jax's, and others by name."""
    ad = private("interpreters.ad")
    wanted = getattr(ad, name)
    return frozenset(
        primitive
        for primitive, rule in ad.primitive_jvps.items()
        if (isinstance(rule, functools.partial) and rule.func is wanted) or primitive.name in others
        if not primitive.multiple_results
    )


@functools.cache
def _is_inexact(dtype: Any) -> bool:
    dtypes = private("dtypes")

    return isinstance(dtype, np.dtype) and bool(dtypes.issubdtype(dtype, np.inexact))
