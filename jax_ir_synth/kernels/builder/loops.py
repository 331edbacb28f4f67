"""Loops over an inner function: `lax.fori_loop`, `lax.while_loop`, `lax.scan`."""

from collections.abc import Callable, Sequence

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import (
    Build,
    as_tuple,
    make_block,
    require_used,
    unite,
)
from jax_ir_synth.kernels.builder.loop_simulation import Loop, find_forgotten, simulate_loop
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import (
    Block,
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Value,
)
from jax_ir_synth.kernels.ops.rules import RAMP


def _require_inside(values: Operands, invariants: Sequence[Interval]) -> None:
    """Raises Rejected where a value's range leaves the loop's invariant."""
    for value, (low, high) in zip(values, invariants, strict=True):
        if value.low < low - 1e-9 or value.high > high + 1e-9:
            raise Rejected(f"{value!r} leaves the loop's range {(low, high)}")


def _require_carried(init: Operands, ends: Operands) -> None:
    """Raises Rejected where the next carry has another type."""
    for value, result in zip(init, ends, strict=True):
        if value.shape != result.shape or value.dtype != result.dtype or value.weak:
            raise Rejected("a carry changes its shape or dtype")


def _make_carry(
    builder: ProgramBuilder, init: Operands, invariants: Sequence[Interval]
) -> Operands:
    """Parameters of a loop's body for the values that it carries."""
    return tuple(_make_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))


def _make_carried(builder: ProgramBuilder, value: Value, invariant: Interval) -> Value:
    # Samples of the initial value, moved about: a carry looks like its start only at the start.
    low, high = max(invariant[0], value.low - 1.0), min(invariant[1], value.high + 1.0)
    samples = np.clip(np.roll(value.samples, 5) + 0.3 * (RAMP - 0.5) * (high - low), low, high)
    return builder.parameter(value.shape, *invariant, value.dtype, samples, "carry")


def _make_body(
    builder: ProgramBuilder,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    counts: Interval,
    samples: Samples | None = None,
) -> Block:
    """A loop's body with its counter, within `counts`, and the carried values as parameters."""
    with builder.inner() as level:
        counter = builder.parameter((), *counts, "int32", samples, "counter")
        carry = _make_carry(builder, init, invariants)
        results = as_tuple(build(counter, *carry))
    return make_block((counter, carry), results, level, "body")


def _count_loop(
    block: Block,
    init: Operands,
    invariants: Sequence[Interval],
    steps: int,
    start: int = 0,
) -> Loop:
    """The loop of a body with a counter."""
    counter, *carry = block.flat_params()
    triples = list(zip(carry, init, block.flat_results(), strict=True))
    return Loop(block.level, steps, triples, invariants, counter=counter, start=start)


def _add_loop(
    builder: ProgramBuilder,
    name: str,
    block: Block,
    loop: Loop,
    params: Params,
    selectors: Operands = (),
) -> list[Value]:
    """Values of a loop: the final carries, then the stacked outputs."""
    parameters, init, ends = zip(*loop.carry, strict=True)
    _require_carried(init, ends)
    bound = [*zip(parameters, init, strict=True), *loop.slices]
    if loop.counter is None:
        require_used(block)
    else:
        require_used(block, (loop.counter,))
        bound.append((loop.counter, Value("counter", (), {}, (), "int32", 0, 0)))
    last, stacked = simulate_loop(loop)
    return builder.control(
        name,
        (*selectors, *init, *(xs for _, xs in loop.slices)),
        (block,),
        [*ends, *loop.outs],
        bound,
        params,
        selectors=selectors,
        samples=[*last, *stacked],
        recurrent=list(zip(parameters, ends, strict=True)),
        shapes=[v.shape for v in ends] + [(loop.steps, *v.shape) for v in loop.outs],
        ranges=[*loop.ranges, *((v.low, v.high) for v in loop.outs)],
        forgotten=find_forgotten(loop),
    )


def fori_loop(
    builder: ProgramBuilder,
    steps: int,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    start: int = 0,
) -> list[Value]:
    """`lax.fori_loop(start, start + steps, body, init)`; `build(i, *carry)` gives the next carry.

    `invariants` holds a range for each carried value, in which the initial value must lie. The
    caller vouches that every step stays in it, as sums of bounded terms do.
    """
    _require_inside(init, invariants)
    counts = np.round(start + RAMP * (steps - 1))
    block = _make_body(builder, init, invariants, build, (start, start + steps - 1), counts)
    loop = _count_loop(block, init, invariants, steps, start)
    params = {"start": start, "steps": steps}
    return _add_loop(builder, "fori_loop", block, loop, params)


def while_loop(
    builder: ProgramBuilder,
    limit: Value,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    test: Callable[..., Value] | None = None,
) -> list[Value]:
    """`lax.while_loop` that counts to `limit`, an integer, with the counter first in its carry.

    `test(*carry)`, a scalar condition, may end it sooner. The carry has no gradient, since
    reverse-mode differentiation has no rule for `while`.
    """
    if any(v.diff for v in init) or limit.dtype != "int32" or limit.ndim or limit.low < 1:
        raise Rejected("while_loop: a carry with a gradient, or no positive limit")

    block = _make_body(builder, init, invariants, build, (0, limit.high))
    own = unite(p.diff for p in block.flat_params())
    if any(v.diff & ~own for v in block.flat_results()):
        raise Rejected("while_loop: the body makes values with a gradient")
    loop = _count_loop(block, init, invariants, int(limit.samples.mean()))
    parts = _add_loop(builder, "while_loop", block, loop, {}, selectors=(limit,))
    if test is not None:
        with builder.inner() as level:
            carry = _make_carry(builder, init, invariants)
            result = test(*carry)
        condition = make_block(carry, (result,), level, "condition")
        if result.dtype != "bool" or result.ndim:
            raise Rejected("while_loop: the test is no scalar condition")
        node = parts[0].operands[0]
        node = node.changed(blocks=(*node.blocks, condition), params=dict(node.params))
        parts = [part.changed(operands=(node,)) for part in parts]
        node.params["parts"] = parts
    return parts


def scan(
    builder: ProgramBuilder,
    init: Operands,
    xs: Operands,
    invariants: Sequence[Interval],
    build: Callable[..., tuple[Operands, Operands]],
    reverse: bool = False,
    length: int | None = None,
) -> list[Value]:
    """`lax.scan(body, init, xs)`.

    `build(carry, xs)`, both tuples, gives (next carry, stacked outputs).

    Returns the final carries, then the stacked outputs. With no xs, `length` says how many steps.
    """
    steps = xs[0].shape[0] if xs else length or 0
    if any(x.ndim < 1 or x.shape[0] != steps for x in xs):
        raise Rejected("scan: the inputs differ in length")
    _require_inside(init, invariants)

    with builder.inner() as level:
        carry = _make_carry(builder, init, invariants)
        elements = tuple(builder.parameter_like(x, x.shape[1:], role="step") for x in xs)
        ends, outs = build(carry, elements)
    block = make_block((carry, elements), (ends, outs), level, "step")
    triples = list(zip(carry, init, ends, strict=True))
    loop = Loop(level, steps, triples, invariants, list(zip(elements, xs, strict=True)), outs)
    params = {"carries": len(init), "steps": steps, "reverse": reverse, "xs": len(xs)}
    return _add_loop(builder, "scan", block, loop, params)
