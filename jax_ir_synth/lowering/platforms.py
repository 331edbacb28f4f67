"""Checks platforms' names, and finds out whether two platforms share a lowering."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, JaxprEqn

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.describing import describe
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
    allowed = ", ".join(repr(name) for name in BACKENDS)
    if not isinstance(platforms, Iterable):
        raise UsageError(
            f"`platforms` ({describe(platforms)}) must be a tuple with one or more of {allowed}"
        )
    platforms = tuple(platforms)
    if not platforms:
        raise UsageError(f"`platforms` (={platforms}) must name one or more of {allowed}")
    for platform in platforms:
        if not isinstance(platform, str) or platform not in BACKENDS:
            # Short, since what isn't a name may have a long text.
            given = describe(platform).removeprefix("=")
            raise UsageError(f"`platforms` (has {given}) must hold only {allowed}")
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
    and `scatter-sub` differ only for complex numbers. Both have the same rule for convolutions,
    which are expanded if they are complex. CUDA's rule for `fft` does otherwise only for inverse
    transforms to real numbers along several dimensions, and that for `cumsum` where a function of
    jax's says so.
    """
    name = eqn.primitive.name
    if name == "dot_general":
        precision = eqn.params.get("precision")
        return precision is None or isinstance(precision, tuple)
    if name in ("conv_general_dilated", "scatter-add", "scatter-sub"):
        return bool(cast(ShapedArray, eqn.invars[0].aval).dtype.kind != "c")
    if name == "fft":
        return eqn.params["fft_type"].name != "IRFFT" or len(eqn.params["fft_lengths"]) == 1
    if name == "cumsum":
        is_special = _find_special_cumsum()
        return is_special is not None and not is_special(eqn.invars[0].aval, **eqn.params)
    return False


def _find_special_cumsum() -> Callable[..., bool] | None:
    """Find jax's function that says whether CUDA has its own `cumsum`; None if it is elsewhere."""
    from jax._src.lax.control_flow import loops

    return getattr(loops, "_is_supported_cumred", None)


def same_on_every_platform(jaxpr: ClosedJaxpr) -> bool:
    """Whether all platforms share the CPU's lowering of this jaxpr (False if this isn't known)."""
    tables = _rule_tables()
    if tables is None:
        return False
    uniform = _find_uniform(tuple(len(tables.get(platform, ())) for platform in BACKENDS))
    pending = list(_inner_jaxprs(jaxpr))
    seen = {id(inner) for inner in pending}
    while pending:
        for eqn in pending.pop().eqns:
            if eqn.primitive.name not in uniform and not _same_rule_for_these_operands(eqn):
                return False
            for found in _inner_jaxprs(tuple(eqn.params.values())):
                if id(found) not in seen:
                    seen.add(id(found))
                    pending.append(found)
    return True


@functools.lru_cache(maxsize=8)
def _find_uniform(sizes: tuple[int, ...]) -> frozenset[str]:
    """Find the primitives without a platform's own rule; `sizes` are those of jax's tables.

    A rule that is registered later changes a size.
    """
    tables = _rule_tables() or {}
    return UNIFORM - {p.name for platform in BACKENDS for p in tables.get(platform, ())}
