"""Writes the module of a jaxpr without what jax does for shardings, donation and locations.

It does the work of `lower_jaxpr_to_module` for one device, arguments that are plain arrays, and a
jaxpr without effects; anything else is left to jax. Inner functions are written likewise.
"""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from jax_ir_synth.lowering.fast.equations import LoweringCache
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut
from jax_ir_synth.lowering.fast.tables import get_tables

_MLIR = "jax._src.interpreters.mlir"
# Arguments of `lower_jaxpr_to_fun` that ask for what isn't done here.
_UNUSUAL = (
    *("arg_shardings", "result_shardings", "arg_memory_kinds", "result_memory_kinds"),
    *("arg_layouts", "result_layouts", "xla_donated_args", "input_output_aliases"),
    *("replicated_args", "propagated_out_mem_kinds"),
)


def write_module(jaxpr: ClosedJaxpr, name: str, platform: str) -> str | None:
    """Write the module of a jaxpr as StableHLO; None if it must be left to jax.

    It must be called inside `contexts.share_context` and with the shortcuts taken.
    """
    core = private("core")
    sharding_impls = private("sharding_impls")
    mlir = private("interpreters.mlir")

    avals = [*jaxpr.in_avals, *jaxpr.out_avals]
    if jaxpr.effects or not all(_is_plain(aval) for aval in avals):
        return None
    context = mlir.make_ir_context()
    tables = get_tables(context, platform)
    ctx = mlir.ModuleContext(
        context=context,
        platforms=(platform,),
        backend=None,
        axis_context=sharding_impls.ShardingContext(1, None, None),
        keepalives=[],
        # jax reserves 0 and 1.
        channel_iterator=itertools.count(2),
        host_callbacks=[],
        lowering_parameters=mlir.LoweringParameters(),
        lowering_cache=cast(Any, LoweringCache(tables, core.current_jaxpr_eqn_context())),
        aval_to_ir_types_cache=tables.types,
    )
    with ctx.context, ir.Location.unknown():
        attributes = ctx.module.operation.attributes
        module_name = mlir.sanitize_name(f"jit_{name}").rstrip("_")
        attributes["sym_name"] = ir.StringAttr.get(module_name)
        attributes["mhlo.num_replicas"] = mlir.i32_attr(1)
        attributes["mhlo.num_partitions"] = mlir.i32_attr(1)
        paths = jaxpr.jaxpr.debug_info.safe_result_paths(len(jaxpr.out_avals))
        mlir.lower_jaxpr_to_fun(
            ctx,
            module_name,
            cast(Any, jaxpr),
            [],
            num_const_args=0,
            main_function=True,
            in_avals=jaxpr.in_avals,
            result_names=paths,
        )
        if not ctx.module.operation.verify():
            return None
        text = str(ctx.module.operation.get_asm(assume_verified=True))
    # jax runs a pass that gives a mesh a name of its own, as those of callbacks.
    return None if "mesh<" in text else text


def _is_plain(aval: Any) -> bool:
    return isinstance(getattr(aval, "dtype", None), np.dtype)


def _make_lower_function(original: Function) -> Function:
    core = private("core")
    source_info_util = private("source_info_util")
    mlir = private("interpreters.mlir")

    no_names = source_info_util.new_name_stack()

    def lower_function(
        ctx: Any,
        name: str,
        jaxpr: Any,
        effects: Sequence[Any],
        *,
        num_const_args: int,
        main_function: bool = False,
        in_avals: Sequence[Any],
        result_names: Sequence[str] | None = None,
        **unusual: Any,
    ) -> Any:
        avals = [*in_avals, *jaxpr.out_avals]
        if (
            effects
            or num_const_args
            or jaxpr.effects
            or not isinstance(ctx.lowering_cache, LoweringCache)
            or not all(_is_plain(aval) for aval in avals)
            or any(_asks(unusual.get(key)) for key in _UNUSUAL)
        ):
            return original(
                ctx,
                name,
                jaxpr,
                effects,
                num_const_args=num_const_args,
                main_function=main_function,
                in_avals=in_avals,
                result_names=result_names,
                **unusual,
            )
        taken = [mlir._aval_to_ir_types(ctx, aval) for aval in in_avals]
        given = [mlir._aval_to_ir_types(ctx, aval) for aval in jaxpr.out_avals]
        function = func.FuncOp(
            "main" if main_function else name, ir.FunctionType.get(taken, given), ip=ctx.ip
        )
        visibility = "public" if main_function else "private"
        function.attributes["sym_visibility"] = ir.StringAttr.get(visibility)
        ctx.symbol_table.insert(function)
        if result_names and len(result_names) == len(given):
            function.attributes["res_attrs"] = ir.ArrayAttr.get(
                [
                    ir.DictAttr.get({"jax.result_info": ir.StringAttr.get(each)})
                    for each in result_names
                ]
            )
        block = function.regions[0].blocks.append(*taken)
        with ir.InsertionPoint(block), ir.Location.unknown():
            const_lowering = {
                (id(constant), aval): mlir.ir_constant(constant, aval=aval)
                for constant, aval in core.jaxpr_const_args(jaxpr.jaxpr)
            }
            variables = jaxpr.jaxpr.constvars
            constants = {
                id(constant): mlir._ir_constant(constant, aval=variable.aval)
                for constant, variable in zip(jaxpr.consts, variables, strict=True)
            }
            results, _ = mlir.jaxpr_subcomp(
                ctx,
                jaxpr.jaxpr,
                no_names,
                mlir.TokenSet.create([]),
                [constants[id(constant)] for constant in jaxpr.consts],
                *block.arguments,
                dim_var_values=(),
                const_lowering=const_lowering,
                outer_traceback=None,
            )
            flat, _ = mlir.ir_tree_registry.flatten(list(results))
            func.return_(flat)
        return function

    return lower_function


def _asks(value: Any) -> bool:
    """Whether an argument asks for anything: a list of None doesn't."""
    return value is not None and any(each is not None and each is not False for each in value)


SHORTCUT = Shortcut(
    "module",
    (
        f"{_MLIR}:lower_jaxpr_to_module",
        f"{_MLIR}:_lower_jaxpr_to_fun_cached",
        f"{_MLIR}:ModuleContext",
        f"{_MLIR}:sanitize_name",
    ),
    {f"{_MLIR}:lower_jaxpr_to_fun": _make_lower_function},
)
