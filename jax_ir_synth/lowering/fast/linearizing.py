"""Linearizes primitives by recordings (`linearizations`), and jaxprs by a walk (`walking`).

What comes out of a derivative's rule is recorded once, and later put into the traces. Primitives
that are linear are put into both traces at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax_ir_synth.lowering.fast import linearity, linearizations, staging, walking
from jax_ir_synth.lowering.fast.elementwise import Shape, reshape
from jax_ir_synth.lowering.fast.linearity import is_linear
from jax_ir_synth.lowering.fast.linearizations import Linearization, get_recordings
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut


def _make_linearize(original: Function) -> Function:
    core = private("core")
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")

    recordings = get_recordings()

    def linearize(primitive: Any, is_vjp: Any, nonzeros: Any, *primals: Any, **params: Any) -> Any:
        parent = core.trace_ctx.trace
        if not staging.is_open(parent):
            return original(primitive, is_vjp, nonzeros, *primals, **params)
        if is_linear(primitive, nonzeros, params):
            return primitive.bind(*primals, **params), True, [], _bind_alone(primitive, params)
        found = recordings.find(primitive, nonzeros, primals, params)
        if found is None:
            return original(primitive, is_vjp, nonzeros, *primals, **params)
        linearization, shape = found
        given = [dtypes.canonicalize_value(x) for x in primals]
        made = linearization.known.put(parent, source_info_util.current(), given, shape)
        results, residuals = made[: linearization.results], made[linearization.results :]
        apply = _make_linearized(primitive, linearization, shape)
        if primitive.multiple_results:
            return results, linearization.tangents_out, residuals, apply
        return results[0], linearization.tangents_out[0], residuals, apply

    return linearize


def _bind_alone(primitive: Any, params: Any) -> Callable[..., Any]:
    return lambda residuals, *tangents: primitive.bind(*tangents, **params)


def _make_linearized(primitive: Any, found: Linearization, shape: Shape) -> Callable[..., Any]:
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


SHORTCUT = Shortcut(
    "linearizing",
    (
        *staging.RELIES_ON,
        *linearity.RELIES_ON,
        *linearizations.RELIES_ON,
        *walking.RELIES_ON,
    ),
    {
        "jax._src.interpreters.ad:fallback_linearize_rule": _make_linearize,
        "jax._src.core:eval_jaxpr": walking.make_eval_jaxpr,
    },
)
