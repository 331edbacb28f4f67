"""Loop simulation: estimates the samples of a loop's results by running its body on samples."""

from collections.abc import Sequence

import numpy as np

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import SAMPLES, Interval, Rejected, Samples, Value
from jax_ir_synth.kernels.ops import OPS

_MOST = 12  # steps that are simulated; the rest is extrapolated
_ORDERS = np.array([Stream(0, "rehearsal", k).shuffled(range(SAMPLES)) for k in range(_MOST)])


def simulate_loop(
    level: int,
    carry: Sequence[tuple[Value, Value, Value]],
    ranges: Sequence[Interval],
    slices: Sequence[tuple[Value, Value]],
    outs: Sequence[Value],
    steps: int,
    counter: Value | None = None,
    start: int = 0,
    outer: dict[int, Value] | None = None,
    most: int = _MOST,
) -> tuple[list[Samples], list[Samples]]:
    """Samples of the final carries and of the stacked outputs.

    At most `most` of the steps are simulated. Each one meets the sequences' samples in another
    order, since each meets other elements.

    Args:
      level: nesting level of the body.
      carry: (parameter, initial value, next value) of each carried value.
      ranges: of each carried value; the samples are clipped to it.
      slices: (parameter, sequence) of each sequence that the loop goes over.
      outs: the values that are stacked.
      steps: how many steps the loop takes.
      counter: the body's parameter that counts the steps, if it has one.
      start: the counter's first value.
      outer: values of a surrounding loop's body that are simulated already, by id.
      most: how many steps are simulated.

    Raises:
      Rejected: a sample is not finite.
    """
    state = [init.samples for _, init, _ in carry]
    taken = min(steps, most)
    trail: list[list[Samples]] = []
    emitted: list[list[Samples]] = []
    for k in range(taken):
        memo = dict(outer or {})
        memo.update((id(p), _with_samples(p, s)) for (p, _, _), s in zip(carry, state, strict=True))
        for j, (p, xs) in enumerate(slices):
            memo[id(p)] = _with_samples(p, xs.samples[_ORDERS[(k + 5 * j) % _MOST]])
        if counter is not None:
            memo[id(counter)] = _with_samples(counter, np.full(SAMPLES, float(start + k)))
        with np.errstate(all="ignore"):
            state = [
                np.clip(_simulate_value(after, level, memo).samples, *r)
                for (_, _, after), r in zip(carry, ranges, strict=True)
            ]
            emitted.append([_simulate_value(v, level, memo).samples for v in outs])
        trail.append(state)
    if 1 < taken < steps:
        # Linear extrapolation: the carry drifts on as it did in the second half of the simulated
        # steps. What converges has stopped by then; what grows ends at its range's bound.
        half = taken // 2
        state = [
            np.clip(last + (steps - taken) * (last - before) / half, *r)
            for last, before, r in zip(state, trail[half - 1], ranges, strict=True)
        ]
    # A stacked output has elements of all steps: each sample is from another one of them.
    picks = np.arange(SAMPLES) * taken // SAMPLES
    stacked = [np.array([emitted[k][i][j] for j, k in enumerate(picks)]) for i in range(len(outs))]
    if not all(np.isfinite(s).all() for s in (*state, *stacked)):
        raise Rejected("a loop's samples are not finite")
    return state, stacked


def forgets(
    level: int,
    carry: Sequence[tuple[Value, Value, Value]],
    ranges: Sequence[Interval],
    slices: Sequence[tuple[Value, Value]],
    steps: int,
    which: int,
) -> bool:
    """Whether the loop's results no longer depend on where carry number `which` began.

    Two simulations begin it differently. Where the simulated steps leave a share r of the
    difference, all steps leave r ** (steps / taken), since a contraction shrinks it by the same
    factor in each step. The lower quartile decides: the start must matter to three quarters of the
    elements.
    """
    parameter, init, after = carry[which]
    other = _with_samples(init, np.roll(init.samples, 5))
    moved = [*carry[:which], (parameter, other, after), *carry[which + 1 :]]
    taken = min(steps, _MOST)
    one, _ = simulate_loop(level, carry, ranges, slices, [], taken)
    two, _ = simulate_loop(level, moved, ranges, slices, [], taken)
    change = max(float(np.quantile(np.abs(a - b), 0.25)) for a, b in zip(one, two, strict=True))
    began = float(np.abs(init.samples - other.samples).mean()) + 1e-9
    left: float = min(change / began, 1.0) ** (steps / taken)
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
    last, stacked = simulate_loop(
        level,
        list(zip(carry, operands[:carries], results[:carries], strict=True)),
        [(p.low, p.high) for p in carry],
        list(zip(inputs, operands[carries:], strict=True)),
        results[carries:],
        node.params["steps"],
        counter,
        start,
        memo,
        4,
    )
    return [*last, *stacked]
