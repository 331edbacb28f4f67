"""Traces the functions that jax lowers primitives by once for their arguments.

For some primitives jax's rule traces a Python function each time (`mlir.lower_fun`), and lowers the
jaxpr in the place of the equation. The jaxpr depends on the function, the arguments' avals and the
parameters alone. One that calls jitted functions serves only as long as jax's own caches of their
jaxprs do: jax merges equal functions of a module by the identity of their jaxprs.
"""

from typing import Any

from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut, find_settings

# The jaxprs are forgotten when there are so many.
_MOST = 2048


def _make_trace(original: Function) -> Function:
    kept: dict[Any, Any] = {}

    def trace(fun: Any, avals: Any, **options: Any) -> Any:
        if fun.debug_info.traced_for != "lower_fun" or options != {"lower": True}:
            return original(fun, avals, **options)
        try:
            key = _find_function(fun.f), tuple(avals), fun.params, find_settings()
            here = key, private("config").trace_context()
            found = kept.get(key) or kept.get(here)
        except TypeError:
            # Its parameters can't be hashed.
            return original(fun, avals, **options)
        if found is None:
            if len(kept) >= _MOST:
                kept.clear()
            found = original(fun, avals, **options)
            kept[here if _calls_jitted(found[0]) else key] = found
        return found

    return trace


def _calls_jitted(jaxpr: Any) -> bool:
    core = private("core")

    return any(
        equation.primitive.name == "jit"
        or any(map(_calls_jitted, core.jaxprs_in_params(equation.params)))
        for equation in jaxpr.eqns
    )


def _find_function(traced: Any) -> tuple[Any, ...]:
    """Find the function that is traced; `lower_fun` wraps one of a single result in a lambda."""
    code = getattr(traced, "__code__", None)
    if code is not None and code.co_name == "<lambda>" and code.co_freevars == ("fun",):
        return code, traced.__closure__[0].cell_contents
    return (traced,)


SHORTCUT = Shortcut(
    "inner functions",
    ("jax._src.interpreters.mlir:lower_fun",),
    {"jax._src.interpreters.partial_eval:trace_to_jaxpr_dynamic": _make_trace},
)
