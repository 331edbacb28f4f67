"""Lowers the call of a jitted function without what jax does for shardings, layouts and tokens.

jax's rule looks up the function by its shardings, too, and flattens and unflattens operands and
results. For a jaxpr without effects and constants, and without any sharding or layout, a name and a
jaxpr make the key, and the operation is a call.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.parsing import Value

# jax's functions whose work is done here.
RELIES_ON = ("jax._src.pjit:_pjit_lower_jaxpr_to_fun", "jax._src.pjit:_pjit_lowering")
_SHARDINGS = ("in_shardings", "out_shardings")
_LAYOUTS = ("in_layouts", "out_layouts")


def make_call(
    types: Callable[[Any], ir.Type], ctx: Any, equation: Any, operands: Sequence[Value]
) -> Sequence[Value] | None:
    """Make the call of a `jit` equation, and its function if the module hasn't got it yet.

    Args:
      types: the types of an aval.
      ctx: jax's context of the module.
      equation: the equation, which asks for no place to compute and no metadata.
      operands: its operands.

    Returns:
      The results; None to leave the equation to jax.
    """
    core = private("core")
    mlir = private("interpreters.mlir")
    unspecified = private("sharding_impls").UNSPECIFIED

    params = equation.params
    jaxpr = params["jaxpr"]
    if (
        jaxpr.effects
        or any(each is not unspecified for key in _SHARDINGS for each in params[key])
        or any(each is not None for key in _LAYOUTS for each in params[key])
    ):
        return None
    key = equation.primitive, params["name"], jaxpr
    symbol = ctx.cached_primitive_lowerings.get(key)
    if symbol is None:
        if core.jaxpr_const_args(jaxpr.jaxpr):
            return None
        function = mlir.lower_jaxpr_to_fun(
            ctx, params["name"], jaxpr, (), num_const_args=0, in_avals=jaxpr.in_avals
        )
        symbol = ir.FlatSymbolRefAttr.get(function.name.value)
        ctx.cached_primitive_lowerings[key] = symbol
    return func.CallOp([types(each.aval) for each in equation.outvars], symbol, operands).results
