"""Calls functions that jax traces apart and then inlines as they are.

Most functions of `jax.numpy` are `jit(..., inline=True)`: jax traces them to a jaxpr of their own,
which it evaluates at the call, equation by equation. Here the function itself is called, with
tracers for the arguments that aren't static. It puts the same equations into the caller's trace, in
the same order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.lowering.fast import staging
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut

_PJIT = "jax._src.pjit"


class _Direct(NamedTuple):
    """In the place of a traced function's parameters: it is called directly."""

    info: Any


class _NoJaxpr(NamedTuple):
    """In the place of a jaxpr: it has no effects and no constants."""

    effects: frozenset[Any] = frozenset()
    consts: tuple[Any, ...] = ()


def _make_infer(original: Function) -> Function:
    core = private("core")

    def infer(fun: Function, info: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        if info.inline and staging.is_open(core.trace_ctx.trace):
            return _Direct(info), None
        found: tuple[Any, Any] = original(fun, info, args, kwargs)
        return found

    return infer


def _make_run(original: Function) -> Function:
    core = private("core")
    dtypes = private("dtypes")
    source_info_util = private("source_info_util")
    tree_util = private("tree_util")

    def run(params: Any, flat: Any, fun: Function, args: Sequence[Any], kwargs: Any) -> Any:
        if not isinstance(params, _Direct):
            return original(params, flat, fun, args, kwargs)
        trace = core.trace_ctx.trace
        source = source_info_util.current()

        def lift(x: Any) -> Any:
            return trace.to_jaxpr_tracer(dtypes.canonicalize_value(x), source)

        def lift_all(x: Any) -> Any:
            return lift(x) if isinstance(x, core.Tracer) else tree_util.tree_map(lift, x)

        given = _lift_dynamic(params.info, args, kwargs, lift_all)
        result = lift_all(fun(*given[0], **given[1]))
        return result, None, None, None, _NoJaxpr(), None, None, ()

    return run


def _lift_dynamic(
    info: Any, args: Sequence[Any], kwargs: Mapping[str, Any], lift: Callable[[Any], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Lift the arguments that aren't static."""
    numbers, names = info.static_argnums, info.static_argnames
    positional = [
        x if k in numbers or k - len(args) in numbers else lift(x) for k, x in enumerate(args)
    ]
    return positional, {name: x if name in names else lift(x) for name, x in kwargs.items()}


SHORTCUT = Shortcut(
    "library calls",
    (
        f"{_PJIT}:_cpp_pjit",
        f"{_PJIT}:_get_fastpath_data",
        f"{_PJIT}:_trace_for_jit",
        "jax._src.interpreters.partial_eval:DynamicJaxprTrace",
    ),
    {f"{_PJIT}:_infer_params": _make_infer, f"{_PJIT}:_run_python_pjit": _make_run},
)
