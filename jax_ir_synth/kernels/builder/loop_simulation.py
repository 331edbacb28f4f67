"""Loop simulation: what samples look like after the steps of a loop, and on the way."""

from collections.abc import Sequence

import numpy as np

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import SAMPLES, Interval, Rejected, Samples, Value
from jax_ir_synth.kernels.ops import OPS

_MOST = 12  # steps really taken; beyond them a carry drifts on as it did in the last of them
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

    `carry` holds (parameter, initial value, next value) triples and `slices` (parameter, sequence)
    pairs of a body at nesting `level`. Each step meets the sequences' samples in another order.
    `outer` holds what a surrounding loop's step has played already.
    Raises Rejected where a sample is not finite.
    """
    state = [init.samples for _, init, _ in carry]
    taken = min(steps, most)
    trail: list[list[Samples]] = []
    emitted: list[list[Samples]] = []
    for k in range(taken):
        memo = dict(outer or {})
        memo.update((id(p), _with(p, s)) for (p, _, _), s in zip(carry, state, strict=True))
        for j, (p, xs) in enumerate(slices):
            memo[id(p)] = _with(p, xs.samples[_ORDERS[(k + 5 * j) % _MOST]])
        if counter is not None:
            memo[id(counter)] = _with(counter, np.full(SAMPLES, float(start + k)))
        with np.errstate(all="ignore"):
            state = [
                np.clip(_played(after, level, memo).samples, *r)
                for (_, _, after), r in zip(carry, ranges, strict=True)
            ]
            emitted.append([_played(v, level, memo).samples for v in outs])
        trail.append(state)
    if 1 < taken < steps:
        half = taken // 2
        state = [
            np.clip(last + (steps - taken) * (last - before) / half, *r)
            for last, before, r in zip(state, trail[half - 1], ranges, strict=True)
        ]
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
    """Whether the loop ends the same, in every digit, wherever carry number `which` begins."""
    parameter, init, after = carry[which]
    other = _with(init, np.roll(init.samples, 5))
    moved = [*carry[:which], (parameter, other, after), *carry[which + 1 :]]
    taken = min(steps, _MOST)
    one, _ = simulate_loop(level, carry, ranges, slices, [], taken)
    two, _ = simulate_loop(level, moved, ranges, slices, [], taken)
    change = max(float(np.quantile(np.abs(a - b), 0.25)) for a, b in zip(one, two, strict=True))
    began = float(np.abs(init.samples - other.samples).mean()) + 1e-9
    left: float = min(change / began, 1.0) ** (steps / taken)
    return left < 5e-3


def _with(value: Value, samples: Samples) -> Value:
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


def _played(value: Value, level: int, memo: dict[int, Value]) -> Value:
    """The value with the samples that follow from `memo`; itself where none of them reaches it."""
    found = memo.get(id(value))
    if found is not None:
        return found
    result = value
    if (
        value.level >= level
        and value.op == "part"
        and value.operands[0].op in ("fori_loop", "scan")
    ):
        result = _with(value, _nested(value.operands[0], level, memo)[value.params["index"]])
    elif value.level >= level and value.op in OPS:
        operands = tuple(_played(v, level, memo) for v in value.operands)
        if any(a is not b for a, b in zip(operands, value.operands, strict=True)):
            samples = np.asarray(OPS[value.op].sample(operands, value.params), dtype=np.float64)
            result = _with(value, samples)
    memo[id(value)] = result
    return result


def _nested(node: Value, level: int, memo: dict[int, Value]) -> list[Samples]:
    """Samples of the results of a loop inside the body that is being played."""
    block = node.blocks[0]
    played = [_played(v, level, memo) for v in node.operands]
    parameters, results = block.flat_params(), block.flat_results()
    counter, start = None, 0
    if node.op == "fori_loop":
        counter, *parameters = parameters
        start = node.params["start"]
    carries = node.params.get("carries", len(parameters))
    carry, inputs = parameters[:carries], parameters[carries:]
    last, stacked = simulate_loop(
        level,
        list(zip(carry, played[:carries], results[:carries], strict=True)),
        [(p.low, p.high) for p in carry],
        list(zip(inputs, played[carries:], strict=True)),
        results[carries:],
        node.params["steps"],
        counter,
        start,
        memo,
        4,
    )
    return [*last, *stacked]
