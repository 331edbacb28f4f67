"""Linearizes a jaxpr by a walk over its equations, without a `bind` for each.

As `eval_jaxpr` does in a trace that linearizes, it puts each equation and its linearization into
the two traces behind that one. An equation that needs more is left to `bind`.
"""

from collections.abc import Sequence
from typing import Any

from jax_ir_synth.lowering.fast import staging
from jax_ir_synth.lowering.fast.linearity import find_constant, is_linear
from jax_ir_synth.lowering.fast.linearizations import get_recordings
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function

# jax's functions whose work is done here.
RELIES_ON = (
    "jax._src.core:clean_up_dead_vars",
    "jax._src.core:last_used",
    "jax._src.interpreters.ad:LinearizeTrace",
    "jax._src.interpreters.ad:LinearizeTracer",
    "jax._src.interpreters.ad:maybe_linearize_tracer",
)


def make_eval_jaxpr(original: Function) -> Function:
    """Make what stands for jax's `eval_jaxpr`, which it leaves other traces to."""
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
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")
    Zero = private("ad_util").Zero
    ad = private("interpreters.ad")

    plain, constant, stage = staging.find_plain(), find_constant(), staging.get_stage()
    recordings, context = get_recordings(), core.current_jaxpr_eqn_context()
    parent, tangent_trace, tag = trace.parent_trace, trace.tangent_trace, trace.tag
    source = source_info_util.current()
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if type(atom) is core.Literal else values[atom]

    def put(equation: Any) -> Any:
        """Put an equation into the traces; NotImplemented where `bind` must do it."""
        primitive, params = equation.primitive, equation.params
        if primitive not in plain or equation.ctx is not context:
            return NotImplemented
        primals, tangents, nonzeros = [], [], []
        for atom in equation.invars:
            x = read(atom)
            tangent = None
            if isinstance(x, ad.LinearizeTracer) and x._trace.tag is tag:
                tangent = None if type(x.tangent) is Zero else x.tangent
                x = x.primal
            primals.append(x)
            tangents.append(tangent)
            nonzeros.append(tangent is not None)
        if primitive in constant or not any(nonzeros):
            return stage(parent, primitive, primals, params, source)
        if primitive in ad.primitive_linearizations:
            return NotImplemented
        if is_linear(primitive, nonzeros, params):
            primal = stage(parent, primitive, primals, params, source)
            if primal is NotImplemented:
                return NotImplemented
            tangent = stage(tangent_trace, primitive, tangents, params, source)
            # It is of the primal's kind.
            assert tangent is not NotImplemented
            return ad.LinearizeTracer(trace, primal, tangent)
        found = recordings.find(primitive, nonzeros, primals, params)
        if found is None:
            return NotImplemented
        linearization, shape = found
        given = [dtypes.canonicalize_value(x) for x in primals]
        primal, *residuals = linearization.known.put(parent, source, given, shape)
        if not linearization.tangents_out[0]:
            return primal
        residuals += [
            tangent
            for tangent, is_used in zip(tangents, linearization.tangents_in, strict=True)
            if is_used
        ]
        (tangent,) = linearization.linear.put(tangent_trace, source, residuals, shape)
        return ad.LinearizeTracer(trace, primal, tangent)

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
