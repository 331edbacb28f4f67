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
from jax_ir_synth.kernels.builder.loop_simulation import forgets, simulate_loop
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import (
    SAMPLES,
    Block,
    Interval,
    Operands,
    Params,
    Rejected,
    Value,
)

_STEPS = np.linspace(0.0, 1.0, SAMPLES)


def _require_inside(value: Value, invariant: Interval) -> None:
    """Raises Rejected where the value's range leaves the loop's invariant."""
    if value.low < invariant[0] - 1e-9 or value.high > invariant[1] + 1e-9:
        raise Rejected(f"{value!r} leaves the loop's range {invariant}")


def _require_carried(
    init: Sequence[Value],
    ends: Sequence[Value],
    invariants: Sequence[Interval],
    checked: bool,
) -> None:
    """Raises Rejected where the next carry has another type, or where `checked` another range."""
    for value, result, invariant in zip(init, ends, invariants, strict=True):
        if value.shape != result.shape or value.dtype != result.dtype or value.weak:
            raise Rejected("a carry changes its shape or dtype")
        if checked:
            _require_inside(result, invariant)


def _make_carry(
    builder: ProgramBuilder, init: Operands, invariants: Sequence[Interval]
) -> Operands:
    """Parameters of a loop's body for the values that it carries."""
    return tuple(_make_carried(builder, v, r) for v, r in zip(init, invariants, strict=True))


def _make_carried(builder: ProgramBuilder, value: Value, invariant: Interval) -> Value:
    # Samples of the initial value, moved about: a carry looks like its start only at the start.
    low, high = max(invariant[0], value.low - 1.0), min(invariant[1], value.high + 1.0)
    samples = np.clip(np.roll(value.samples, 5) + 0.3 * (_STEPS - 0.5) * (high - low), low, high)
    return builder.parameter(value.shape, *invariant, value.dtype, samples, "carry")


def _add_loop(
    builder: ProgramBuilder,
    name: str,
    block: Block,
    init: Operands,
    invariants: Sequence[Interval],
    steps: int,
    params: Params,
    checked: bool,
    selectors: Operands = (),
) -> list[Value]:
    """A loop whose body has a counter and the carried values as its parameters."""
    counter, *carry = block.flat_params()
    results = block.flat_results()
    _require_carried(init, results, invariants, checked)
    require_used(block, (counter,))
    triples = list(zip(carry, init, results, strict=True))
    samples, _ = simulate_loop(
        block.level, triples, invariants, [], [], steps, counter, params.get("start", 0)
    )
    number = Value("counter", (), {}, (), "int32", 0, 0)
    return builder.control(
        name,
        (*selectors, *init),
        (block,),
        results,
        [*zip(carry, init, strict=True), (counter, number)],
        params,
        selectors=selectors,
        samples=samples,
        recurrent=list(zip(carry, results, strict=True)),
        ranges=invariants,
        forgotten=_find_forgotten(block, triples, invariants, [], [], steps),
    )


def _find_forgotten(
    block: Block,
    carry: Sequence[tuple[Value, Value, Value]],
    ranges: Sequence[Interval],
    slices: Sequence[tuple[Value, Value]],
    outs: Sequence[Value],
    steps: int,
) -> int:
    """Bits of the arguments that reach only a loop's start, on which its end no longer depends."""
    sources = [*(xs for _, xs in slices), *(end for _, _, end in carry), *outs]
    common = unite(v.deps for v in sources)
    kept = lost = 0
    for k, (_, init, _) in enumerate(carry):
        own = init.deps & ~common
        if own and forgets(block.level, carry, ranges, slices, steps, k):
            lost |= own
        else:
            kept |= own
    return lost & ~kept


def fori_loop(
    builder: ProgramBuilder,
    steps: int,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    start: int = 0,
    checked: bool = True,
) -> list[Value]:
    """`lax.fori_loop(start, start + steps, body, init)`; `build(i, *carry)` gives the next carry.

    `invariants` holds a range for each carried value. The initial value must lie in it, and so must
    the body's result; with `checked=False` the caller knows that it does, as for sums of bounded
    terms.
    """
    for value, invariant in zip(init, invariants, strict=True):
        _require_inside(value, invariant)

    with builder.inner() as level:
        counter = builder.parameter(
            (), start, start + steps - 1, "int32", np.round(start + _STEPS * (steps - 1)), "counter"
        )
        carry = _make_carry(builder, init, invariants)
        results = as_tuple(build(counter, *carry))
    block = make_block((counter, carry), results, level, "body")
    params = {"start": start, "steps": steps}
    return _add_loop(builder, "fori_loop", block, init, invariants, steps, params, checked)


def while_loop(
    builder: ProgramBuilder,
    limit: Value,
    init: Operands,
    invariants: Sequence[Interval],
    build: Build,
    test: Callable[..., Value] | None = None,
    checked: bool = True,
) -> list[Value]:
    """`lax.while_loop` that counts to `limit`, an integer, with the counter first in its carry.

    `test(*carry)`, a scalar condition, may end it sooner. The carry has no gradient, since
    reverse-mode differentiation has no rule for `while`.
    """
    if any(v.diff for v in init) or limit.dtype != "int32" or limit.ndim or limit.low < 1:
        raise Rejected("while_loop: a carry with a gradient, or no positive limit")

    with builder.inner() as level:
        counter = builder.parameter((), 0, limit.high, "int32", role="counter")
        carry = _make_carry(builder, init, invariants)
        results = as_tuple(build(counter, *carry))
    block = make_block((counter, carry), results, level, "body")
    own = unite(p.diff for p in carry)
    if any(v.diff & ~own for v in results):
        raise Rejected("while_loop: the body makes values with a gradient")
    steps = int(limit.samples.mean())
    parts = _add_loop(
        builder, "while_loop", block, init, invariants, steps, {}, checked, selectors=(limit,)
    )
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
    checked: bool = True,
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
    for value, invariant in zip(init, invariants, strict=True):
        _require_inside(value, invariant)

    with builder.inner() as level:
        carry = _make_carry(builder, init, invariants)
        elements = tuple(builder.parameter_like(x, x.shape[1:], role="step") for x in xs)
        ends, outs = build(carry, elements)
    block = make_block((carry, elements), (ends, outs), level, "step")
    _require_carried(init, ends, invariants, checked)
    require_used(block)
    triples = list(zip(carry, init, ends, strict=True))
    slices = list(zip(elements, xs, strict=True))
    last, stacked = simulate_loop(level, triples, invariants, slices, outs, steps)
    return builder.control(
        "scan",
        (*init, *xs),
        (block,),
        [*ends, *outs],
        [*zip(carry, init, strict=True), *slices],
        {"carries": len(init), "steps": steps, "reverse": reverse, "xs": len(xs)},
        samples=[*last, *stacked],
        recurrent=list(zip(carry, ends, strict=True)),
        shapes=[v.shape for v in ends] + [(steps, *v.shape) for v in outs],
        ranges=list(invariants) + [(v.low, v.high) for v in outs],
        forgotten=_find_forgotten(block, triples, invariants, slices, outs, steps),
    )
