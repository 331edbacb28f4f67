"""Puts an operation into a trace without the detours of `Primitive.bind`.

jax canonicalizes each operand, looks for meshes and leaks, sets and restores the current trace, and
asks the trace, which asks for tracers and rules. For a primitive with one result, without effects
and without rules of its own for staging, this comes down to an equation in the trace's frame.

The aval of a result is found once for the primitive, its parameters, the operands' avals and jax's
settings, on which alone it depends; for elementwise primitives, once for every shape. jax keeps it
too, but for one shape, and it forgets it whenever the lowering of rows leaves its caches.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from jax_ir_synth.lowering.fast.elementwise import (
    describe,
    find_elementwise,
    find_shape,
    reshape,
)
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut, find_settings

_PE = "jax._src.interpreters.partial_eval"
_CORE = "jax._src.core"
# Primitives with rules for staging that come down to the same for static shapes.
_STAGED_PLAINLY = ("broadcast_in_dim", "dynamic_slice", "iota", "reshape")
# A primitive whose own `bind_with_trace` comes down to the same, unless it is given a sharding.
_BOUND_PLAINLY = "convert_element_type"
# Primitives whose parameters can't be hashed, see `DynamicJaxprTrace.default_process_primitive`.
_UNHASHABLE = ("custom_lin", "call_hi_primitive_linearized", "call_hi_primitive")

RELIES_ON = (
    f"{_CORE}:Primitive",
    f"{_CORE}:JaxprEqnContext",
    f"{_PE}:DynamicJaxprTrace",
    f"{_PE}:JaxprStackFrame",
    f"{_PE}:TracingEqn",
    f"{_PE}:try_constant_folding",
    "jax._src.lax.lax:_broadcast_in_dim_staging_rule",
    "jax._src.lax.lax:_convert_element_type_bind_with_trace",
    "jax._src.lax.lax:_iota_staging_rule",
    "jax._src.lax.lax:_reshape_staging_rule",
    "jax._src.lax.slicing:_dynamic_slice_staging_rule",
)
# The avals are forgotten when there are so many.
_MOST = 8192


@functools.cache
def find_plain() -> frozenset[Any]:
    """Find the primitives that are staged here."""
    mlir = private("interpreters.mlir")

    return frozenset(filter(_is_plain, mlir._lowerings))


def _is_plain(primitive: Any) -> bool:
    core = private("core")
    partial_eval = private("interpreters.partial_eval")

    own = {"bind", "bind_with_trace", "is_high", "get_bind_params"} & primitive.__dict__.keys()
    if primitive.name == _BOUND_PLAINLY:
        own.discard("bind_with_trace")
    return (
        type(primitive) is core.Primitive
        and not own
        and not primitive.multiple_results
        and not primitive.call_primitive
        and not primitive.ref_primitive
        and not primitive.ref_allocating
        and not primitive.skip_canonicalization
        and primitive.name not in _UNHASHABLE
        and (
            primitive not in partial_eval.custom_staging_rules or primitive.name in _STAGED_PLAINLY
        )
    )


def is_open(trace: Any) -> bool:
    """Whether equations can be put into a trace directly.

    Inside `jax.ensure_compile_time_eval` values are computed instead.
    """
    if type(trace) is not private("interpreters.partial_eval").DynamicJaxprTrace:
        return False
    return not trace.requires_low and not private("config").eager_constant_folding.value


def _make_abstract_eval() -> Callable[[Any, tuple[Any, ...], Any], tuple[Any, Any]]:
    elementwise = find_elementwise()
    kept: dict[Any, tuple[Any, Any]] = {}

    def abstract_eval(primitive: Any, avals: tuple[Any, ...], params: Any) -> tuple[Any, Any]:
        """Return the result's aval and the effects."""
        shape = find_shape(avals) if primitive in elementwise else None
        described = avals if shape is None else describe(avals)
        key = primitive, described, *params.items(), find_settings()
        found = kept.get(key)
        if found is None:
            aval, effects = found = primitive.abstract_eval(*avals, **params)
            if shape is not None and aval.shape != shape:
                return aval, effects
            if len(kept) >= _MOST:
                kept.clear()
            kept[key] = found
        return found if shape is None else (reshape(found[0], shape), found[1])

    return abstract_eval


@functools.cache
def get_stage() -> Callable[..., Any]:
    """Return the function that puts one operation into a trace."""
    core = private("core")
    dtypes = private("dtypes")
    partial_eval = private("interpreters.partial_eval")

    abstract_eval = _make_abstract_eval()
    canonicalize = dtypes.canonicalize_value
    tracer_class, equation_class = partial_eval.DynamicJaxprTracer, partial_eval.TracingEqn
    folded, forwarding = partial_eval.const_fold_rules, partial_eval.forwarding_rules

    def stage(trace: Any, primitive: Any, args: Sequence[Any], params: Any, source: Any) -> Any:
        """Put an operation into a trace and return its result; NotImplemented leaves it to jax."""
        if params.get("sharding") is not None:
            return NotImplemented
        lift = trace.to_jaxpr_tracer
        tracers = [
            x if type(x) is tracer_class and x._trace is trace else lift(canonicalize(x), source)
            for x in args
        ]
        try:
            aval, effects = abstract_eval(primitive, tuple([t.aval for t in tracers]), params)
        except TypeError:
            # jax says which parameter can't be hashed, or which operand doesn't fit.
            return NotImplemented
        # `bind` moves operands between meshes.
        if effects or not aval.sharding.mesh.empty:
            return NotImplemented
        if primitive in folded:
            found = partial_eval.try_constant_folding(primitive, tracers, params, [aval])
            if found is not None:
                return trace.new_const(found[0], source_info=source, aval=aval)
        variable = trace.frame.gensym(aval)
        context = core.current_jaxpr_eqn_context()
        equation = equation_class(tracers, [variable], primitive, params, effects, source, context)
        if primitive in forwarding:
            forwarded, left = forwarding[primitive](equation)
            if forwarded[0] is not None:
                if left is not None:
                    trace.frame.add_eqn(left)
                return tracers[forwarded[0]]
        result = tracer_class(trace, aval, variable, source, equation)
        trace.frame.add_eqn(equation)
        return result

    return stage


def _make_bind(original: Function) -> Function:
    core = private("core")
    source_info_util = private("source_info_util")
    partial_eval = private("interpreters.partial_eval")

    plain, stage, state = find_plain(), get_stage(), core.trace_ctx
    open_class, evaluates = partial_eval.DynamicJaxprTrace, private("config").eager_constant_folding

    def bind(self: Any, *args: Any, **params: Any) -> Any:
        trace = state.trace
        if (
            type(trace) is open_class
            and self in plain
            and not trace.requires_low
            and not evaluates.value
        ):
            result = stage(trace, self, args, params, source_info_util.current())
            if result is not NotImplemented:
                return result
        return original(self, *args, **params)

    return bind


def _make_process(original: Function) -> Function:
    """Make what other traces come to that compute with values which this one knows."""
    source_info_util = private("source_info_util")

    plain, stage = find_plain(), get_stage()

    def process(
        self: Any, primitive: Any, tracers: Any, params: Any, source_info: Any = None
    ) -> Any:
        if primitive in plain and is_open(self):
            source = source_info or source_info_util.current()
            result = stage(self, primitive, tracers, params, source)
            if result is not NotImplemented:
                return result
        return original(self, primitive, tracers, params, source_info)

    return process


SHORTCUT = Shortcut(
    "staging",
    RELIES_ON,
    {
        f"{_CORE}:Primitive.bind": _make_bind,
        f"{_PE}:DynamicJaxprTrace.default_process_primitive": _make_process,
    },
)
