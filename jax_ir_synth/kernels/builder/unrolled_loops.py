"""Python `for` loops, which JAX traces as their steps one after another."""

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import Build, as_tuple, require_used
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder, find_captured
from jax_ir_synth.kernels.builder.values import SAMPLES, Block, Operands, Rejected, Value


def unroll(
    builder: ProgramBuilder,
    init: Operands,
    build: Build,
    steps: int = 0,
    items: tuple[float, ...] | None = None,
) -> list[Value]:
    """A Python `for` whose body rebinds the carried names.

    `build(*carry)` gives the next carry, or `build(*carry, item)` with literal `items` to go over.
    It is traced as its steps one after another, and its identity is theirs.
    """
    steps = len(items) if items is not None else steps
    with builder.inner() as level:
        params = [builder.parameter_like(v, role="carry") for v in init]
        if items is not None:
            params.append(
                builder.parameter(
                    (), min(items), max(items), builder.dtype, np.resize(items, SAMPLES)
                )
            )
        results = as_tuple(build(*params))
    block = Block(tuple(params), results, level, "body")
    require_used(block)
    carry = init
    for k in range(steps):
        given = carry if items is None else (*carry, builder.literal(items[k]))
        memo = {id(p): v for p, v in zip(params, given, strict=True)}
        carry = tuple(_replay(builder, v, level, memo) for v in results)
    node = Value(
        "unrolled",
        init,
        {"steps": steps, "items": items, "means": carry},
        (),
        "tuple",
        0,
        0,
        blocks=(block,),
        level=max(v.level for v in (*init, *find_captured(block))),
    )
    parts = [
        Value(
            "part",
            (node,),
            {"index": i},
            v.shape,
            v.dtype,
            v.low,
            v.high,
            v.samples,
            level=node.level,
            diff=v.diff,
            deps=v.deps,
            centred=v.centred,
        )
        for i, v in enumerate(carry)
    ]
    node.params["parts"] = parts
    return parts


def _replay(builder: ProgramBuilder, value: Value, level: int, memo: dict[int, Value]) -> Value:
    """Applies the value's operations again, to what `memo` has in place of the parameters."""
    if id(value) in memo:
        return memo[id(value)]
    if value.level < level or value.is_literal:
        return value
    if value.op == "part" or value.blocks or value.op == "parameter":
        raise Rejected("unrolled: control flow inside")
    operands = [_replay(builder, v, level, memo) for v in value.operands]
    memo[id(value)] = builder.apply(value.op, *operands, **value.params)
    return memo[id(value)]
