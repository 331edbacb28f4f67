"""Python functions and `for` loops, which a trace inlines: their operations again at each call."""

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import Build, as_tuple, require_used
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.several import make_parts
from jax_ir_synth.kernels.builder.values import SAMPLES, Block, Operands, Rejected, Value


def helper(
    builder: ProgramBuilder,
    calls: list[Operands],
    build: Build,
    role: str = "helper",
    vectorize: bool = False,
) -> list[list[Value]]:
    """Results of one inner function, called with each tuple of operands, all of the same types.

    `build` draws the body once, on parameters whose ranges cover all calls' operands. The body's
    operations are then repeated for each call, so they have no functions of their own. `vectorize`
    writes `jnp.vectorize`, for a body that works element by element.
    """
    kinds = [[(v.shape, v.dtype) for v in operands] for operands in calls]
    if any(kind != kinds[0] for kind in kinds) or any(
        v.weak for operands in calls for v in operands
    ):
        raise Rejected("helper: the calls differ in shape or dtype")
    with builder.inner() as level:
        parameters = []
        for same in zip(*calls, strict=True):
            low, high = min(v.low for v in same), max(v.high for v in same)
            parameters.append(
                builder.parameter(same[0].shape, low, high, same[0].dtype, same[0].samples)
            )
        results = as_tuple(build(*parameters))
    if any(v.level < level or v.op in ("parameter", "part") for v in results):
        raise Rejected("helper: a result that it does not compute")
    block = Block(tuple(parameters), results, level, role)
    require_used(block)
    outcomes = []
    for operands in calls:
        meant = _apply_body(builder, block, operands)
        params = {"means": meant, "vectorize": vectorize}
        outcomes.append(make_parts("helper", operands, meant, params, (block,)))
    return outcomes


def unroll(
    builder: ProgramBuilder,
    init: Operands,
    build: Build,
    steps: int,
    items: tuple[float, ...] | None,
) -> list[Value]:
    """A Python `for` whose body rebinds the carried names.

    It runs `steps` times, and `build(*carry)` gives the next carry; or it goes over literal `items`
    by `build(*carry, item)`. It is traced as its steps one after another: its identity is theirs.
    """
    steps = len(items) if items is not None else steps
    with builder.inner() as level:
        parameters = [builder.parameter_like(v, role="carry") for v in init]
        if items is not None:
            parameters.append(
                builder.parameter(
                    (), min(items), max(items), builder.dtype, np.resize(items, SAMPLES)
                )
            )
        results = as_tuple(build(*parameters))
    block = Block(tuple(parameters), results, level, "body")
    require_used(block)
    carry = init
    for k in range(steps):
        given = carry if items is None else (*carry, builder.literal(items[k]))
        carry = tuple(_apply_body(builder, block, given))
    params = {"steps": steps, "items": items, "means": carry}
    return make_parts("unrolled", init, carry, params, (block,))


def _apply_body(builder: ProgramBuilder, block: Block, operands: Operands) -> list[Value]:
    """The results of the block's operations, applied again to the operands."""
    known = {id(p): v for p, v in zip(block.flat_params(), operands, strict=True)}
    return [_repeat(builder, value, block.level, known) for value in block.flat_results()]


def _repeat(builder: ProgramBuilder, value: Value, level: int, known: dict[int, Value]) -> Value:
    """The value's operations again, on what the parameters receive."""
    if id(value) in known:
        return known[id(value)]
    if value.level < level:
        return value
    if value.op in ("part", "parameter"):
        raise Rejected("an inlined function has functions of its own")
    operands = [_repeat(builder, v, level, known) for v in value.operands]
    again = builder.apply(value.op, *operands, **value.params)
    if value.centred and not again.centred:
        again = again.changed(centred=True)
    known[id(value)] = again
    return again
