"""Checks platforms' names, and finds out whether two platforms share a lowering."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, JaxprEqn

from jax_ir_synth.errors import UsageError
from jax_ir_synth.schema.ir_section import BACKENDS

# Primitives with a single lowering rule for all platforms, which introduces no other primitive
# that has a platform's own rule. All other primitives (linear algebra, random numbers, callbacks,
# `platform_index`, those of later versions of jax) are lowered for each platform separately.
UNIFORM = frozenset(
    """
    abs acos acosh add add_any and argmax argmin asin asinh atan atan2 atanh bessel_i0e bessel_i1e
    bitcast_convert_type broadcast_in_dim cbrt ceil clamp clz complex concatenate cond
    conj convert_element_type copy cos cosh cummax cummin cumprod custom_jvp_call custom_vjp_call
    digamma div dynamic_slice dynamic_update_slice empty2 eq erf erf_inv erfc exp exp2 expm1 floor
    gather ge gt igamma igamma_grad_a igammac imag integer_pow iota is_finite jit le lgamma log
    log1p logistic lt max min mul ne neg nextafter not optimization_barrier or pad polygamma
    population_count pow real reduce reduce_and reduce_max reduce_min reduce_or reduce_precision
    reduce_prod reduce_sum reduce_window reduce_window_max reduce_window_min reduce_window_sum
    reduce_xor regularized_incomplete_beta rem remat2 reshape rev round rsqrt scan scatter
    scatter-max scatter-min scatter-mul select_n shift_left shift_right_arithmetic
    shift_right_logical sign sin sinh slice sort split sqrt square squeeze stack stop_gradient sub
    tan tanh tile top_k transpose unstack while xor zeta
    """.split()
)


def check_platforms(platforms: Iterable[str]) -> tuple[str, ...]:
    """Return the platforms as a tuple. Raises ValueError if one is unknown or there are none."""
    if isinstance(platforms, str):
        raise UsageError(f"`platforms` (={platforms!r}) must be a tuple such as ({platforms!r},)")
    platforms = tuple(platforms)
    allowed = ", ".join(repr(name) for name in BACKENDS)
    if not platforms:
        raise UsageError(f"`platforms` (={platforms}) must name one or more of {allowed}")
    for platform in platforms:
        if platform not in BACKENDS:
            raise UsageError(f"`platforms` (has {platform!r}) must hold only {allowed}")
    return platforms


def _rule_tables() -> dict[str, Any] | None:
    """Return jax's lowering rules by platform; None if this version of jax keeps them elsewhere."""
    from jax._src.interpreters import mlir

    return getattr(mlir, "_platform_specific_lowerings", None)


def _inner_jaxprs(value: object) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _inner_jaxprs(item)
    elif hasattr(value, "jaxpr"):  # a ClosedJaxpr (which also has `eqns`)
        yield from _inner_jaxprs(value.jaxpr)
    elif hasattr(value, "eqns"):
        yield value


def _same_rule_for_these_operands(eqn: JaxprEqn) -> bool:
    """Whether an equation lowers alike although its primitive has a platform's own rule.

    The CPU's rule for `dot_general` only refuses some algorithms. CUDA's rules for `scatter-add`
    and `scatter-sub` differ only for complex numbers.
    """
    name = eqn.primitive.name
    if name == "dot_general":
        precision = eqn.params.get("precision")
        return precision is None or isinstance(precision, tuple)
    if name in ("scatter-add", "scatter-sub"):
        return bool(cast(ShapedArray, eqn.invars[0].aval).dtype.kind != "c")
    return False


def same_on_every_platform(jaxpr: ClosedJaxpr) -> bool:
    """Whether all platforms share the CPU's lowering of this jaxpr (False if this isn't known)."""
    tables = _rule_tables()
    if tables is None:
        return False
    special = {p.name for platform in BACKENDS for p in tables.get(platform, ())}
    pending = list(_inner_jaxprs(jaxpr))
    seen = {id(inner) for inner in pending}
    while pending:
        for eqn in pending.pop().eqns:
            name = eqn.primitive.name
            uniform = name in UNIFORM and name not in special
            if not (uniform or _same_rule_for_these_operands(eqn)):
                return False
            for found in _inner_jaxprs(tuple(eqn.params.values())):
                if id(found) not in seen:
                    seen.add(id(found))
                    pending.append(found)
    return True
