"""Tells which primitives are elementwise, and what they are applied to but for the shape.

What is known of an elementwise primitive for one shape is true for every shape, of any number of
dimensions but none.
"""

import functools
from collections.abc import Hashable, Sequence
from typing import Any

from jax_ir_synth.lowering.fast.private import private

Shape = tuple[int, ...]

# Elementwise primitives beside those that jax lowers by one operation for each element: those with
# a derivative, and others.
_WITH_DERIVATIVE = frozenset(
    "atan2 clamp cos exp2 integer_pow logistic max min pow select_n sin square".split()
)
_OTHERS = frozenset("add_any convert_element_type eq ge gt le lt ne sign".split())
_MOST_RESHAPED = 8192
_reshaped: dict[Any, Any] = {}


@functools.cache
def find_differentiable() -> frozenset[Any]:
    """Find the elementwise primitives whose derivatives are elementwise, too."""
    ad = private("interpreters.ad")
    mlir = private("interpreters.mlir")
    lax = private("lax.lax")

    lowered = {
        primitive
        for primitive, entry in mlir._lowerings.items()
        if isinstance(entry.rule, functools.partial) and entry.rule.func is lax._nary_lower_hlo
    }
    return frozenset(lowered | {p for p in ad.primitive_jvps if p.name in _WITH_DERIVATIVE})


@functools.cache
def find_elementwise() -> frozenset[Any]:
    """Find the primitives whose result has the operands' shape, whatever it is."""
    mlir = private("interpreters.mlir")

    return find_differentiable() | {p for p in mlir._lowerings if p.name in _OTHERS}


def find_shape(avals: Sequence[Any]) -> Shape | None:
    """Find the shape of elementwise operands, some of which may be scalars.

    None if they differ, or if an operand is sharded, since an aval of another shape would be, too.
    """
    shape: Shape = ()
    for aval in avals:
        if aval.shape and aval.shape != shape:
            if shape:
                return None
            shape = aval.shape
        if not aval.sharding.mesh.empty:
            return None
    return shape


def describe(avals: Sequence[Any]) -> tuple[Hashable, ...]:
    """Describe elementwise operands but for their shape; scalars are told from others."""
    return tuple(
        [(aval.dtype, aval.weak_type, not aval.shape, aval.memory_space) for aval in avals]
    )


def reshape(aval: Any, shape: Shape) -> Any:
    """Return an aval that isn't sharded with another shape; a scalar's stays as it is."""
    core = private("core")

    if not aval.shape or aval.shape == shape:
        return aval
    found = _reshaped.get((aval, shape))
    if found is None:
        if len(_reshaped) >= _MOST_RESHAPED:
            _reshaped.clear()
        found = _reshaped[aval, shape] = core.ShapedArray(
            shape, aval.dtype, aval.weak_type, memory_space=aval.memory_space
        )
    return found
