"""Choices among inner functions: `lax.cond`, `lax.switch`, `jnp.piecewise`."""

from collections.abc import Sequence

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import Build, make_function, require_used, unite
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder, find_captured
from jax_ir_synth.kernels.builder.values import Block, Operands, Rejected, Samples, Value


def _require_agreement(blocks: Sequence[Block]) -> None:
    """Raises Rejected where the functions' results differ in shape or dtype."""
    first = [(v.shape, v.dtype) for v in blocks[0].flat_results()]
    for block in blocks[1:]:
        if [(v.shape, v.dtype) for v in block.flat_results()] != first:
            raise Rejected("the branches' results differ in shape or dtype")


def _merge(values: Sequence[Value]) -> Value:
    """What a choice among the values gives: it depends on all that any of them depends on."""
    return Value(
        "merged",
        (),
        {},
        values[0].shape,
        values[0].dtype,
        min(v.low for v in values),
        max(v.high for v in values),
        diff=unite(v.diff for v in values),
        deps=unite(v.deps for v in values),
    )


def _choose(
    builder: ProgramBuilder,
    name: str,
    chooser: Value,
    operands: Operands,
    builds: Sequence[Build],
    choices: Samples,
) -> list[Value]:
    """A choice among functions of the operands; `choices` has the chosen number of each sample."""
    # A branch's own values are written in it, also those made of values from outside alone.
    blocks = tuple(
        make_function(builder, operands, build, "branch", owned=True) for build in builds
    )
    _require_agreement(blocks)
    for i in range(len(operands)):
        if not any(
            v.deps & block.flat_params()[i].params["marker"]
            for block in blocks
            for v in block.flat_results()
        ):
            raise Rejected("an operand of the branches is not used")
    merged, samples = [], []
    for values in zip(*(block.flat_results() for block in blocks), strict=True):
        merged.append(_merge(values))
        samples.append(
            np.select([choices == i for i in range(len(values))], [v.samples for v in values])
        )
    return builder.control(
        name,
        (chooser, *operands),
        blocks,
        merged,
        [pair for b in blocks for pair in zip(b.flat_params(), operands, strict=True)],
        {},
        samples=samples,
        selectors=(chooser,),
    )


def cond(
    builder: ProgramBuilder,
    predicate: Value,
    operands: Operands,
    true: Build,
    false: Build,
) -> list[Value]:
    """`lax.cond(predicate, true_fn, false_fn, *operands)`; closures where there are no operands."""
    if predicate.dtype != "bool" or predicate.ndim:
        raise Rejected("cond wants a scalar condition")
    choices = 1 - predicate.samples.round()
    return _choose(builder, "cond", predicate, operands, (true, false), choices)


def switch(
    builder: ProgramBuilder, index: Value, operands: Operands, builds: Sequence[Build]
) -> list[Value]:
    """`lax.switch(index, branches, *operands)`."""
    if index.dtype != "int32" or index.ndim or index.low < 0 or index.high > len(builds) - 1:
        raise Rejected("switch wants a scalar index within its branches")
    return _choose(builder, "switch", index, operands, builds, index.samples.round())


def piecewise(
    builder: ProgramBuilder, x: Value, conditions: Operands, builds: Sequence[Build]
) -> Value:
    """`jnp.piecewise(x, conditions, functions)`, the last function for where no condition holds."""
    blocks = tuple(make_function(builder, (x,), build, "piece") for build in builds)
    values = [block.flat_results()[0] for block in blocks]
    if len(blocks) != len(conditions) + 1 or any(
        v.shape != x.shape or v.dtype != x.dtype for v in values
    ):
        raise Rejected("piecewise: one function more than conditions, each of the argument's shape")
    for block in blocks:
        require_used(block)
        if any(v.level < block.level and not v.is_literal for v in find_captured(block)):
            raise Rejected("piecewise: a function that uses values from outside")
    picked = np.select(
        [c.samples > 0.5 for c in conditions], [v.samples for v in values[:-1]], values[-1].samples
    )
    return builder.control(
        "piecewise",
        (x, *conditions),
        blocks,
        [_merge(values)],
        [(parameter, x) for block in blocks for parameter in block.flat_params()],
        {},
        samples=[picked],
        selectors=conditions,
    )[0]
