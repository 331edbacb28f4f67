"""Loop simulation: estimates the samples of a loop's results by running its body on samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import unite
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import SAMPLES, Interval, Rejected, Samples, Value
from jax_ir_synth.kernels.ops import OPS

_MOST = 12  # steps that are simulated; the rest is extrapolated
_ORDERS = np.array([Stream(0, "rehearsal", k).shuffled(range(SAMPLES)) for k in range(_MOST)])


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop by the values of its body.

    Attributes:
      level: nesting level of the body.
      steps: how many steps the loop takes.
      carry: (parameter, initial value, next value) of each carried value.
      ranges: of each carried value.
      slices: (parameter, sequence) of each sequence that the loop goes over.
      outs: the values that are stacked.
      counter: the body's parameter that counts the steps, if it has one.
      start: the counter's first value.
    """

    level: int
    steps: int
    carry: Sequence[tuple[Value, Value, Value]]
    ranges: Sequence[Interval]
    slices: Sequence[tuple[Value, Value]] = ()
    outs: Sequence[Value] = ()
    counter: Value | None = None
    start: int = 0


def simulate_loop(
    loop: Loop, outer: dict[int, Value] | None = None, most: int = _MOST
) -> tuple[list[Samples], list[Samples]]:
    """Samples of the final carries, clipped to their ranges, and of the stacked outputs.

    Each step meets the sequences' samples in another order, since it meets other elements.

    Args:
      loop: what is simulated.
      outer: values of a surrounding loop's body that are simulated already, by id.
      most: how many steps are simulated, at most.

    Raises:
      Rejected: a sample is not finite.
    """
    state = [init.samples for _, init, _ in loop.carry]
    taken = min(loop.steps, most)
    trail: list[list[Samples]] = []
    emitted: list[list[Samples]] = []
    for k in range(taken):
        memo = dict(outer or {})
        memo.update(
            (id(p), _with_samples(p, s)) for (p, _, _), s in zip(loop.carry, state, strict=True)
        )
        for j, (p, xs) in enumerate(loop.slices):
            memo[id(p)] = _with_samples(p, xs.samples[_ORDERS[(k + 5 * j) % _MOST]])
        if loop.counter is not None:
            count = np.full(SAMPLES, float(loop.start + k))
            memo[id(loop.counter)] = _with_samples(loop.counter, count)
        with np.errstate(all="ignore"):
            state = [
                np.clip(_simulate_value(after, loop.level, memo).samples, *r)
                for (_, _, after), r in zip(loop.carry, loop.ranges, strict=True)
            ]
            emitted.append([_simulate_value(v, loop.level, memo).samples for v in loop.outs])
        trail.append(state)
    if 1 < taken < loop.steps:
        # Linear extrapolation: the carry drifts on as it did in the second half of the simulated
        # steps. What converges has stopped by then; what grows ends at its range's bound.
        half = taken // 2
        state = [
            np.clip(last + (loop.steps - taken) * (last - before) / half, *r)
            for last, before, r in zip(state, trail[half - 1], loop.ranges, strict=True)
        ]
    # A stacked output has elements of all steps: each sample is from another one of them.
    picks = np.arange(SAMPLES) * taken // SAMPLES
    stacked = [
        np.array([emitted[k][i][j] for j, k in enumerate(picks)]) for i in range(len(loop.outs))
    ]
    if not all(np.isfinite(s).all() for s in (*state, *stacked)):
        raise Rejected("a loop's samples are not finite")
    return state, stacked


def find_forgotten(loop: Loop) -> int:
    """Bits of the arguments that reach only a loop's start, on which its end no longer depends."""
    sources = [*(xs for _, xs in loop.slices), *(end for _, _, end in loop.carry), *loop.outs]
    common = unite(v.deps for v in sources)
    kept = lost = 0
    for k, (_, init, _) in enumerate(loop.carry):
        own = init.deps & ~common
        if own and _forgets(loop, k):
            lost |= own
        else:
            kept |= own
    return lost & ~kept


def _forgets(loop: Loop, which: int) -> bool:
    """Whether the loop's results no longer depend on where carry number `which` began.

    Two simulations begin it differently. Where the simulated steps leave a share r of the
    difference, all steps leave r ** (steps / taken), since a contraction shrinks it by the same
    factor in each step. The lower quartile decides: the start must matter to three quarters of the
    elements.
    """
    parameter, init, after = loop.carry[which]
    other = _with_samples(init, np.roll(init.samples, 5))
    moved = [*loop.carry[:which], (parameter, other, after), *loop.carry[which + 1 :]]
    taken = min(loop.steps, _MOST)
    # The counter keeps its parameter's samples, which are of all steps.
    short = replace(loop, steps=taken, outs=(), counter=None)
    one, _ = simulate_loop(short)
    two, _ = simulate_loop(replace(short, carry=moved))
    change = max(float(np.quantile(np.abs(a - b), 0.25)) for a, b in zip(one, two, strict=True))
    began = float(np.abs(init.samples - other.samples).mean()) + 1e-9
    left: float = min(change / began, 1.0) ** (loop.steps / taken)
    return left < 5e-3


def _with_samples(value: Value, samples: Samples) -> Value:
    return Value(
        value.op,
        value.operands,
        value.params,
        value.shape,
        value.dtype,
        value.low,
        value.high,
        samples,
        blocks=value.blocks,
        level=value.level,
        weak=value.weak,
    )


def _simulate_value(value: Value, level: int, memo: dict[int, Value]) -> Value:
    """The value with the samples that follow from `memo`; unchanged if it depends on none of it."""
    found = memo.get(id(value))
    if found is not None:
        return found
    result = value
    if (
        value.level >= level
        and value.op == "part"
        and value.operands[0].op in ("fori_loop", "scan")
    ):
        result = _with_samples(
            value, _simulate_nested(value.operands[0], level, memo)[value.params["index"]]
        )
    elif value.level >= level and value.op in OPS:
        operands = tuple(_simulate_value(v, level, memo) for v in value.operands)
        if any(a is not b for a, b in zip(operands, value.operands, strict=True)):
            samples = np.asarray(OPS[value.op].sample(operands, value.params), dtype=np.float64)
            result = _with_samples(value, samples)
    memo[id(value)] = result
    return result


def _simulate_nested(node: Value, level: int, memo: dict[int, Value]) -> list[Samples]:
    """Samples of the results of a loop inside the simulated body."""
    block = node.blocks[0]
    operands = [_simulate_value(v, level, memo) for v in node.operands]
    parameters, results = block.flat_params(), block.flat_results()
    counter, start = None, 0
    if node.op == "fori_loop":
        counter, *parameters = parameters
        start = node.params["start"]
    carries = node.params.get("carries", len(parameters))
    carry, inputs = parameters[:carries], parameters[carries:]
    loop = Loop(
        level,
        node.params["steps"],
        list(zip(carry, operands[:carries], results[:carries], strict=True)),
        [(p.low, p.high) for p in carry],
        list(zip(inputs, operands[carries:], strict=True)),
        results[carries:],
        counter,
        start,
    )
    last, stacked = simulate_loop(loop, memo, most=4)
    return [*last, *stacked]
