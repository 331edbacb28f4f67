"""Scans of sequences: by recurrent cells, by sums of terms, with two carries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Interval, Operands, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.loop_parts import (
    DECAYS,
    SQUASH,
    Step,
    blend,
    draw_sequence,
    largest_term,
    like,
    outs,
    prepare,
    shaped,
    squash,
    squash_mix,
    start,
    swept,
    term,
)

# ---------------------------------------------------------------- recurrent cells


@dataclass(frozen=True)
class _CellStep:
    """One step of a cell.

    Attributes:
      squasher: a function onto ±1, the same at each step.
      decay: the share of the carry that a leaky cell keeps, the same at each step.
      h: the carry.
      x: the elements of the sequences.
      inputs: the values that the next carry depends on.
    """

    squasher: str
    decay: float
    h: Value
    x: Sequence[Value]
    inputs: list[Value]


def _step_plain(d: ProgramBuilder, step: _CellStep) -> Value:
    return squash_mix(d, step.squasher, step.inputs, d.stream.below(2))


def _step_gated(d: ProgramBuilder, step: _CellStep) -> Value:
    return _pass_gate(d, step, [step.h, *step.x])


def _step_leaky(d: ProgramBuilder, step: _CellStep) -> Value:
    new = d.apply("mul", round(1 - step.decay, 4), _step_plain(d, step))
    return d.apply("add", d.apply("mul", step.decay, step.h), new)


def _step_minimal(d: ProgramBuilder, step: _CellStep) -> Value:
    return _pass_gate(d, step, [step.x[0], *step.x])


_CELLS = {_step_plain: 6, _step_gated: 4, _step_leaky: 4, _step_minimal: 3}


def _pass_gate(d: ProgramBuilder, step: _CellStep, openers: list[Value]) -> Value:
    gate = shaped(squash_mix(d, "sigmoid", openers, 1), step.h)
    new = shaped(squash_mix(d, step.squasher, step.inputs, 0), step.h)
    return blend(d, gate, new, step.h)


def _draw_cell(
    d: ProgramBuilder, shape: tuple[int, ...], weights: list[Value]
) -> tuple[Callable[[Value, Sequence[Value]], Value], Interval]:
    """`step(h, x)` of a plain, gated or leaky cell, and the range of h."""
    advance = d.stream.choose(_CELLS)
    squasher = d.stream.choose(SQUASH)
    decay = d.stream.choice(DECAYS)
    has_matrix = len(shape) == 1 and bool(weights) and weights[0].ndim == 2
    others = [w for w in weights if w.ndim < 2 or len(shape) == 2]

    def multiply(h: Value) -> Value:
        if not has_matrix:
            return h
        return d.apply("matmul", *((weights[0], h) if d.stream.chance(50) else (h, weights[0])))

    def step(h: Value, x: Sequence[Value]) -> Value:
        inputs = [multiply(h), *x, *others]
        return shaped(advance(d, _CellStep(squasher, decay, h, x, inputs)), h)

    return step, (-1.0, 1.0)


def recurrent(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recurrent cell scanned over inputs."""
    x, n, shape = draw_sequence(d)
    xs = [prepare(d, x)]
    if d.stream.chance(25):
        xs.append(common.array(d, (n, *shape)))
    weights = []
    if len(shape) == 1 and shape[0] <= 16 and d.stream.chance(45):
        weights.append(common.array(d, (shape[0], shape[0]), ranges=((-1.0, 1.0), (-0.5, 0.5))))
    elif d.stream.chance(55):
        weights.append(like(d, shape))
    if weights and d.stream.chance(35):
        weights.append(like(d, shape))
    h0 = start(d, shape, -1.0, 1.0)
    step, invariant = _draw_cell(d, shape, weights)
    stacked = d.stream.chance(65)

    def body(carry: Operands, inputs: Operands) -> Step:
        h = step(carry[0], list(inputs))
        return (h,), (outs(d, h, list(inputs)),) if stacked else ()

    results = loops.scan(d, (h0,), tuple(xs), [invariant], body, reverse=d.stream.chance(12))
    return tuple(results)


# ---------------------------------------------------------------- sums


def _stack_nothing(d: ProgramBuilder, total: Value, step: Value, inputs: Operands) -> Step:
    return (_add_or_subtract(d, total, step),), ()


def _stack_sums(d: ProgramBuilder, total: Value, step: Value, inputs: Operands) -> Step:
    new = _add_or_subtract(d, total, step)
    return (new,), (outs(d, new, list(inputs)),)


def _stack_terms(d: ProgramBuilder, total: Value, step: Value, inputs: Operands) -> Step:
    return (d.apply("add", total, step),), (step,)


def _add_or_subtract(d: ProgramBuilder, total: Value, step: Value) -> Value:
    return d.apply(d.stream.choose({"add": 5, "sub": 1}), total, step)


_SUMS = {_stack_nothing: 4, _stack_sums: 4, _stack_terms: 3}


def summed(d: ProgramBuilder) -> tuple[Value, ...]:
    """A sum of bounded terms carried through a scan, with partial sums or the terms at times."""
    x, n, shape = draw_sequence(d)
    xs = [prepare(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 5, 2: 1})):
        xs.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(45) else []
    most = largest_term(d, n)
    start_value = start(d, shape, -2.0, 2.0)
    advance = d.stream.choose(_SUMS)

    def body(carry: Operands, inputs: Operands) -> Step:
        step = shaped(term(d, [*inputs, *outer], most), carry[0])
        return advance(d, carry[0], step, inputs)

    invariant = swept(start_value, most, n)
    reverse = d.stream.chance(12)
    return tuple(loops.scan(d, (start_value,), tuple(xs), [invariant], body, reverse=reverse))


# ---------------------------------------------------------------- two carries


def free(d: ProgramBuilder) -> tuple[Value, ...]:
    """A scan with two carries and one to three inputs, each carry squashed."""
    x, n, shape = draw_sequence(d, most=32)
    xs = [prepare(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 4, 2: 1})):
        xs.append(common.array(d, (n, *shape) if d.stream.chance(70) else (n,) + shape[-1:]))
    init = (start(d, shape, -1.0, 1.0), start(d, shape, -1.0, 1.0))
    crossed = d.stream.chance(60)

    def body(carry: Operands, inputs: Operands) -> Step:
        a = shaped(squash(d, common.mix(d, [carry[0], *inputs], 0)), carry[0])
        b = shaped(
            squash(d, common.mix(d, [carry[1], a if crossed else inputs[0]], d.stream.below(2))),
            carry[1],
        )
        return (a, b), (
            outs(d, b, [a]),
            *((common.mix(d, [a, b], 0),) if d.stream.chance(25) else ()),
        )

    return tuple(
        loops.scan(d, init, tuple(xs), [(-1.0, 1.0)] * 2, body, reverse=d.stream.chance(15))
    )
