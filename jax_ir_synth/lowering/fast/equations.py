"""Lowers the equations of a jaxpr without locations, and with snippets that outlive their module.

jax's `jaxpr_subcomp` lowers each equation as a function of its own, which it keeps under the
equation's key and copies to where it is needed. Those functions are kept for all modules of a
context here, unless they call a function of their module. An equation whose key is new is lowered
where it is, which gives the same operations; only what comes often is kept. Locations are never
printed, so that all are unknown, and no name stacks are made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.fast import calls, operations
from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut
from jax_ir_synth.lowering.fast.tables import Tables

_MLIR = "jax._src.interpreters.mlir"
# Equations are lowered in their place so often. As functions they cost twice as much at first.
_SELDOM = 3


class LoweringCache(dict[Any, Any]):
    """What jax keeps of a module's equations; those that name no function of it are in `tables`."""

    def __init__(self, tables: Tables, plain: Any):
        super().__init__()
        self.tables = tables
        # The context of equations that ask for nothing special (metadata, a place to compute).
        self.plain = plain

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the lowered equation of a key."""
        found = self.tables.snippets.get(key)
        return super().get(key, default) if found is None else found

    def __setitem__(self, key: Any, entry: Any) -> None:
        core = private("core")

        inner = core.jaxprs_in_params(dict(key.params))
        alone = entry.inline and not entry.const_args and next(iter(inner), None) is None
        if alone and not _calls(entry.func.operation):
            self.tables.snippets[key] = entry
        else:
            super().__setitem__(key, entry)


def _calls(op: ir.Operation) -> bool:
    return any(
        inner.operation.name == "func.call" or _calls(inner.operation)
        for region in op.regions
        for block in region.blocks
        for inner in block.operations
    )


def _make_lower_equations(original: Function) -> Function:
    core = private("core")
    source_info_util = private("source_info_util")
    mlir = private("interpreters.mlir")
    jax_mlir_ext = private("lib").jax_mlir_ext
    xla_client = private("lib").xla_client

    rules, jitted = operations.find_rules(), private("pjit").jit_p
    no_names, no_traceback = source_info_util.new_name_stack(), xla_client.Traceback()
    uncacheable = mlir._uncacheable_primitives
    flatten = mlir.ir_tree_registry.flatten

    def lower_equations(
        ctx: Any,
        jaxpr: Any,
        name_stack: Any,
        tokens: Any,
        consts_for_constvars: Sequence[Any],
        *args: Any,
        dim_var_values: Sequence[Any],
        const_lowering: Any,
        outer_traceback: Any,
    ) -> tuple[Sequence[Any], Any]:
        cache = ctx.lowering_cache
        if dim_var_values or jaxpr.effects or not isinstance(cache, LoweringCache):
            return original(  # type: ignore[no-any-return]
                ctx,
                jaxpr,
                name_stack,
                tokens,
                consts_for_constvars,
                *args,
                dim_var_values=dim_var_values,
                const_lowering=const_lowering,
                outer_traceback=outer_traceback,
            )
        tables, plain = cache.tables, cache.plain
        platforms = tuple(ctx.platforms)
        known = tables.types

        def types(aval: Any) -> Any:
            found = known.get(aval)
            return mlir._aval_to_ir_types(ctx, aval) if found is None else found

        def read(atom: Any) -> Any:
            if type(atom) is core.Literal:
                return _lower_literal(atom, tables, const_lowering)
            return values[atom]

        def uncached(equation: Any, avals_in: tuple[Any, ...], operands: Sequence[Any]) -> Any:
            with equation.ctx.manager:
                rule_context = mlir.LoweringRuleContext(
                    module_context=ctx,
                    primitive=equation.primitive,
                    name_stack=no_names,
                    traceback=no_traceback,
                    avals_in=avals_in,
                    avals_out=[variable.aval for variable in equation.outvars],
                    tokens_in=tokens,
                    tokens_out=None,
                    jaxpr_eqn_ctx=equation.ctx,
                    dim_var_values=(),
                    axis_size_env=None,
                    const_lowering=const_lowering,
                )
                by_platform, default, _ = mlir._get_lowering_rules(
                    ctx, equation.primitive, equation.ctx
                )
                return mlir._uncached_lowering(
                    equation.primitive,
                    equation.ctx,
                    equation.effects,
                    by_platform,
                    default,
                    rule_context,
                    *operands,
                    **equation.params,
                )

        def cached(equation: Any, avals_in: tuple[Any, ...], operands: Sequence[Any]) -> Any:
            params = equation.params
            key = mlir.LoweringCacheKey(
                primitive=equation.primitive,
                eqn_ctx=equation.ctx,
                avals_in=avals_in,
                effects=frozenset(),
                params=tuple(sorted(params.items())),
                platforms=platforms,
            )
            entry = cache.get(key)
            if entry is None:
                _, _, inline = mlir._get_lowering_rules(ctx, equation.primitive, equation.ctx)
                inner = core.jaxprs_in_params(params)
                seen = tables.seen.get(key, 0)
                if inline and seen < _SELDOM and next(iter(inner), None) is None:
                    tables.seen[key] = seen + 1
                    return uncached(equation, avals_in, operands)
                entry = mlir._cached_lowering_miss(ctx, equation, key, avals_in, **params)
            if entry.inline and not entry.const_args:
                flat, _ = flatten(tuple(operands))
                return entry.output_treedef.unflatten(
                    jax_mlir_ext.inlined_func_call(entry.func.operation, flat)
                )
            found, _ = mlir._emit_cached_call(
                ctx, equation, tokens, (), const_lowering, entry, *operands
            )
            return found

        values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts_for_constvars, strict=True))
        values.update(zip(jaxpr.invars, args, strict=True))
        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            rule = rules.get(equation.primitive) if equation.ctx is plain else None
            if rule is not None and equation.outvars[0].aval.sharding.mesh.empty:
                made = rule(types, equation, operands)
                if made is not None:
                    values[equation.outvars[0]] = made
                    continue
            if equation.primitive is jitted and equation.ctx is plain:
                called = calls.make_call(types, ctx, equation, operands)
                if called is not None:
                    values.update(zip(equation.outvars, called, strict=True))
                    continue
            avals_in = tuple([atom.aval for atom in equation.invars])
            lower = uncached if equation.primitive in uncacheable else cached
            for variable, node in zip(
                equation.outvars, lower(equation, avals_in, operands), strict=True
            ):
                if not isinstance(node, ir.Value):
                    node = node[0] if len(node) == 1 else tuple(node)
                values[variable] = node
        return tuple([read(atom) for atom in jaxpr.outvars]), tokens

    return lower_equations


def _lower_literal(literal: Any, tables: Tables, const_lowering: Any) -> Any:
    """Lower a literal; the attributes of scalars are kept by their bytes."""
    literals = private("literals")
    mlir = private("interpreters.mlir")

    value = literal.val
    kind = type(value)
    if kind is literals.TypedNdArray and value.shape == ():
        scalar = np.asarray(value)
    elif kind in (float, int, bool):
        scalar = np.array(value, literal.aval.dtype)
    else:
        return mlir._ir_constant(value, const_lowering=const_lowering, aval=literal.aval)
    key = scalar.dtype, scalar.tobytes()
    found = tables.constants.get(key)
    if found is None:
        attribute = mlir._numpy_array_attribute(scalar)
        found = tables.constants[key] = attribute, attribute.type
    attribute, tensor = found
    return ir.Operation.create(
        "stablehlo.constant", results=[tensor], attributes={"value": attribute}
    ).result


def _make_no_location(original: Function) -> Function:
    return lambda *args, **kwargs: ir.Location.unknown()


SHORTCUT = Shortcut(
    "equations",
    (
        f"{_MLIR}:_cached_lowering_miss",
        f"{_MLIR}:_emit_cached_call",
        f"{_MLIR}:_emit_lowering_rule_as_fun",
        f"{_MLIR}:_get_lowering_rules",
        f"{_MLIR}:_uncached_lowering",
        f"{_MLIR}:_ir_constant",
        f"{_MLIR}:_numpy_array_attribute",
        f"{_MLIR}:_numpy_array_constant",
        f"{_MLIR}:LoweringCacheKey",
        f"{_MLIR}:LoweringCacheValue",
        f"{_MLIR}:LoweringRuleContext",
        f"{_MLIR}:lower_per_platform",
        *calls.RELIES_ON,
        *operations.RELIES_ON,
    ),
    {
        f"{_MLIR}:jaxpr_subcomp": _make_lower_equations,
        f"{_MLIR}:source_info_to_location": _make_no_location,
    },
)
