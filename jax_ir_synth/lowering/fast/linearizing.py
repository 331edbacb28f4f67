"""Linearizes primitives and jaxprs by recordings.

To linearize a primitive, jax runs its derivative's rule with tracers that tell known values from
tangents, makes a jaxpr of what depends on the tangents, and evaluates it. What comes out depends on
the primitive, its parameters and its operands' avals alone. So it is recorded once, and later put
into the traces. Primitives that are linear are put into both traces at once. And jaxprs are walked
directly, as `eval_jaxpr` does, without a `bind` for each equation.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.lowering.fast import staging
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.recording import (
    Constant,
    Recording,
    Shape,
    Unfit,
    record,
    reshape,
)
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut, find_settings

_AD = "jax._src.interpreters.ad"
_PE = "jax._src.interpreters.partial_eval"
# Recordings are forgotten when there are so many.
_MOST = 4096
# Elementwise primitives beside those that jax lowers by one operation for each element.
_ELEMENTWISE = frozenset(
    "atan2 clamp cos exp2 integer_pow logistic max min pow select_n sin square".split()
)


class _Linearization(NamedTuple):
    """A primitive's linearization.

    Attributes:
      known: what is computed of the operands: the results, and the residuals behind them.
      results: how many of these are the primitive's results.
      tangents_in: for each operand, whether its tangent is used.
      tangents_out: for each result, whether it has a tangent.
      avals_out: the avals of the results' tangents.
      linear: what is computed of the residuals and the operands' tangents.
    """

    known: Recording
    results: int
    tangents_in: list[bool]
    tangents_out: list[bool]
    avals_out: list[Any]
    linear: Recording


def _make_linearize(original: Function) -> Function:
    core = private("core")
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")

    linear, elementwise = _find_linear(), _find_elementwise()
    kept: dict[Any, _Linearization | None] = {}

    def find(key: Any, make: Callable[[], _Linearization]) -> _Linearization | None:
        if key not in kept:
            if len(kept) >= _MOST:
                kept.clear()
            try:
                kept[key] = make()
            except Unfit:
                kept[key] = None
        return kept[key]

    def linearize(primitive: Any, is_vjp: Any, nonzeros: Any, *primals: Any, **params: Any) -> Any:
        parent = core.trace_ctx.trace
        if not staging.is_open(parent):
            return original(primitive, is_vjp, nonzeros, *primals, **params)
        if primitive in linear and len(primals) == 1:
            return primitive.bind(*primals, **params), True, [], _bind_alone(primitive, params)
        avals = [core.typeof(x) for x in primals]
        shape: Shape = ()
        found = None
        # The rules may call functions that depend on settings, such as the precision of products.
        settings = find_settings()
        try:
            if primitive in elementwise and (common := _find_shape(avals)) is not None:
                kinds = [(aval.dtype, aval.weak_type, not aval.shape) for aval in avals]
                key = (primitive, *nonzeros, len(common), *kinds, *params.items(), settings)
                found = find(key, lambda: _record(primitive, nonzeros, avals, params, common))
                shape = common
            if found is None:
                key = (primitive, *nonzeros, *avals, *params.items(), settings)
                found = find(key, lambda: _record(primitive, nonzeros, avals, params, None))
                shape = ()
        except TypeError:
            # The parameters can't be hashed.
            return original(primitive, is_vjp, nonzeros, *primals, **params)
        if found is None:
            return original(primitive, is_vjp, nonzeros, *primals, **params)
        given = [dtypes.canonicalize_value(x) for x in primals]
        made = found.known.put(parent, source_info_util.current(), given, shape)
        results, residuals = made[: found.results], made[found.results :]
        apply = _make_linearized(primitive, found, shape)
        if primitive.multiple_results:
            return results, found.tangents_out, residuals, apply
        return results[0], found.tangents_out[0], residuals, apply

    return linearize


def _bind_alone(primitive: Any, params: Any) -> Callable[..., Any]:
    return lambda residuals, tangent: primitive.bind(tangent, **params)


def _make_linearized(primitive: Any, found: _Linearization, shape: Shape) -> Callable[..., Any]:
    """Make the function of residuals and tangents that gives the results' tangents."""
    core = private("core")
    source_info_util = private("source_info_util")
    Zero = private("ad_util").Zero

    def linearized(residuals: Sequence[Any], *tangents: Any) -> Any:
        used = [t for t, is_used in zip(tangents, found.tangents_in, strict=True) if is_used]
        trace = core.trace_ctx.trace
        if not staging.is_open(trace):
            raise NotImplementedError(f"a linearization in a {type(trace).__name__}")
        given = (*residuals, *used)
        made = iter(found.linear.put(trace, source_info_util.current(), given, shape))
        results = [
            next(made) if has_tangent else Zero(reshape(aval, shape) if shape else aval)
            for aval, has_tangent in zip(found.avals_out, found.tangents_out, strict=True)
        ]
        return results if primitive.multiple_results else results[0]

    return linearized


def _record(
    primitive: Any, nonzeros: Sequence[bool], avals: Sequence[Any], params: Any, shape: Shape | None
) -> _Linearization:
    """Record a primitive's linearization, as `linearize_from_jvp` finds it. Raises Unfit.

    Args:
      primitive: the primitive.
      nonzeros: for each operand, whether it has a tangent.
      avals: the operands' avals.
      params: the primitive's parameters.
      shape: the operands' shape, to record for every shape; None to record for this one.
    """
    core = private("core")
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")
    linear_util = private("linear_util")
    Zero = private("ad_util").Zero
    ad = private("interpreters.ad")
    partial_eval = private("interpreters.partial_eval")

    jvp = ad.primitive_jvps.get(primitive)
    if jvp is None:
        raise Unfit
    debug = ad.debug_info("linearize_prim_jvp", jvp, avals, {})
    trace, source = partial_eval.DynamicJaxprTrace(debug), source_info_util.current()
    primals = [trace.new_arg(aval, source_info=source) for aval in avals]
    with core.set_current_trace(trace):
        splitting = partial_eval.JaxprTrace(
            trace, source_info_util.current_name_stack(), core.TraceTag()
        )
        tangent_avals = [aval.to_tangent_aval() for aval in avals]
        used = [
            bool(nonzero) and aval.dtype != dtypes.float0
            for aval, nonzero in zip(tangent_avals, nonzeros, strict=True)
        ]
        with core.set_current_trace(splitting):
            tangents = [
                splitting.new_arg(partial_eval.PartialVal.unknown(aval)) if is_used else Zero(aval)
                for aval, is_used in zip(tangent_avals, used, strict=True)
            ]
            outs, out_tangents = linear_util.wrap_init(jvp, debug_info=debug).call_wrapped(
                tuple(primals), tuple(tangents), **params
            )
        if not primitive.multiple_results:
            outs, out_tangents = [outs], [out_tangents]
        outs = [splitting.to_jaxpr_tracer(x).pval.get_known() for x in outs]
        if any(x is None for x in outs):
            raise Unfit
        has_tangent = [
            type(t) is not Zero and not splitting.to_jaxpr_tracer(t).is_known()
            for t in out_tangents
        ]
        out_avals = [core.typeof(x).to_tangent_aval() for x in outs]
        jaxpr, residuals, _ = partial_eval.tracers_to_jaxpr(
            [t for t, is_used in zip(tangents, used, strict=True) if is_used],
            [
                splitting.to_jaxpr_tracer(t)
                for t, has in zip(out_tangents, has_tangent, strict=True)
                if has
            ],
            splitting.effect_handles,
            debug.with_unknown_names(),
        )
        jaxpr, kept, _ = partial_eval.dce_jaxpr_consts(
            jaxpr,
            [True] * len(jaxpr.outvars),
            [False] * len(jaxpr.constvars) + [True] * len(jaxpr.invars),
        )
        residuals = [x for is_kept, x in zip(kept, residuals) if is_kept]  # noqa: B905
    found = [*outs, *residuals]
    tracers = [trace.to_jaxpr_tracer(x, source) for x in found]
    known, constants = trace.to_jaxpr(tracers, debug.with_unknown_names(), source)
    trace.invalidate()
    if constants:
        raise Unfit
    first = record(known)
    results = [
        at if isinstance(x, core.Tracer) else Constant(x)
        for at, x in zip(first.results, found, strict=True)
    ]
    first, second = first._replace(results=results), record(jaxpr)
    if shape is not None:
        first, second = first.resized(shape), second.resized(shape)
    return _Linearization(first, len(outs), used, has_tangent, out_avals, second)


def _find_shape(avals: Sequence[Any]) -> Shape | None:
    """Find the shape of elementwise operands, some of which may be scalars.

    None if they differ, or if an operand is sharded, since an aval of another shape would be, too.
    """
    shapes = {aval.shape for aval in avals if aval.shape}
    if len(shapes) > 1 or not all(aval.sharding.mesh.empty for aval in avals):
        return None
    return next(iter(shapes), ())


@functools.cache
def _find_linear() -> frozenset[Any]:
    """Find the primitives of one result that are linear in their one operand."""
    ad = private("interpreters.ad")

    return frozenset(
        primitive
        for primitive, rule in ad.primitive_jvps.items()
        if isinstance(rule, functools.partial)
        and rule.func is ad.linear_jvp
        and not primitive.multiple_results
    )


@functools.cache
def _find_elementwise() -> frozenset[Any]:
    ad = private("interpreters.ad")
    mlir = private("interpreters.mlir")
    lax = private("lax.lax")

    lowered = {
        primitive
        for primitive, entry in mlir._lowerings.items()
        if isinstance(entry.rule, functools.partial) and entry.rule.func is lax._nary_lower_hlo
    }
    return frozenset(lowered | {p for p in ad.primitive_jvps if p.name in _ELEMENTWISE})


def _make_eval_jaxpr(original: Function) -> Function:
    core = private("core")
    ad = private("interpreters.ad")

    def eval_jaxpr(jaxpr: Any, consts: Any, *args: Any, propagate_source_info: bool = True) -> Any:
        trace = core.trace_ctx.trace
        if (
            type(trace) is ad.LinearizeTrace
            and staging.is_open(trace.parent_trace)
            and staging.is_open(trace.tangent_trace)
        ):
            return _linearize_jaxpr(trace, jaxpr, consts, args)
        return original(jaxpr, consts, *args, propagate_source_info=propagate_source_info)

    return eval_jaxpr


def _linearize_jaxpr(trace: Any, jaxpr: Any, consts: Sequence[Any], args: Sequence[Any]) -> Any:
    """Evaluate a jaxpr in a trace that linearizes."""
    core = private("core")
    source_info_util = private("source_info_util")
    Zero = private("ad_util").Zero
    ad = private("interpreters.ad")

    plain, linear, stage = staging.find_plain(), _find_linear(), staging.get_stage()
    parent, tangent_trace, tag = trace.parent_trace, trace.tangent_trace, trace.tag
    source = source_info_util.current()
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if type(atom) is core.Literal else values[atom]

    def put(equation: Any) -> Any:
        """Put an equation into the traces; NotImplemented where `bind` must do it."""
        primitive, params = equation.primitive, equation.params
        if primitive not in plain:
            return NotImplemented
        primals, tangents = [], []
        for atom in equation.invars:
            x = read(atom)
            if isinstance(x, ad.LinearizeTracer) and x._trace.tag is tag:
                primals.append(x.primal)
                tangents += [] if type(x.tangent) is Zero else [x.tangent]
            else:
                primals.append(x)
        if not tangents:
            return stage(parent, primitive, primals, params, source)
        if primitive in linear and len(primals) == 1:
            if primitive in ad.primitive_linearizations:
                return NotImplemented
            primal = stage(parent, primitive, primals, params, source)
            if primal is NotImplemented:
                return NotImplemented
            tangent = stage(tangent_trace, primitive, tangents, params, source)
            # It is of the primal's kind.
            assert tangent is not NotImplemented
            return ad.LinearizeTracer(trace, primal, tangent)
        return NotImplemented

    # Values are freed as soon as `eval_jaxpr` frees them: which constants stay depends on that.
    last_used = core.last_used(jaxpr)
    for equation in jaxpr.eqns:
        made = put(equation)
        if made is NotImplemented:
            primitive = equation.primitive
            operands = [read(atom) for atom in equation.invars]
            with equation.ctx.manager:
                made = primitive.bind(*operands, **primitive.get_bind_params(equation.params))
            del operands
        if equation.primitive.multiple_results:
            values.update(zip(equation.outvars, made, strict=True))
        else:
            values[equation.outvars[0]] = made
        del made
        core.clean_up_dead_vars(equation, values, last_used)
    return [read(atom) for atom in jaxpr.outvars]


SHORTCUT = Shortcut(
    "linearizing",
    (
        *staging.RELIES_ON,
        f"{_AD}:linearize_from_jvp",
        f"{_AD}:linear_jvp",
        f"{_AD}:LinearizeTrace",
        f"{_AD}:LinearizeTracer",
        f"{_PE}:JaxprTrace",
        f"{_PE}:tracers_to_jaxpr",
        f"{_PE}:dce_jaxpr_consts",
        "jax._src.core:clean_up_dead_vars",
        "jax._src.core:last_used",
    ),
    {
        f"{_AD}:fallback_linearize_rule": _make_linearize,
        "jax._src.core:eval_jaxpr": _make_eval_jaxpr,
    },
)
