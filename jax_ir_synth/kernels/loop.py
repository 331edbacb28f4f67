"""Category `loop`: scans, fori and while loops, maps, cumulative operations, alone and nested."""

from functools import partial

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import (
    common,
    cumulative,
    differential_equations,
    filters,
    iterations,
    nested_loops,
    row_loops,
    scans,
    sequence_models,
)

SIGNATURE = Signature(
    requires={"iteration"},
    forbids={"vec3", "compound"},
)

# How often each family of programs is drawn.
_FAMILIES = {
    scans.recurrent: 9,
    scans.summed: 11,
    filters.averaged: 6,
    filters.filtered: 4,
    filters.running: 4,
    sequence_models.returns: 4,
    sequence_models.attention: 1,
    row_loops.indexed: 7,
    row_loops.buffered: 5,
    row_loops.mapped: 10,
    nested_loops.nested: 6,
    scans.free: 4,
    differential_equations.trajectory: 7,
    differential_equations.oscillator: 4,
    differential_equations.diffusion: 4,
    iterations.newton: 4,
    iterations.power_iteration: 3,
    iterations.descent: 5,
    sequence_models.horner: 3,
    iterations.logistic: 2,
    filters.kalman: 2,
    sequence_models.markov: 2,
    iterations.counted: 12,
    differential_equations.implicit: 3,
    cumulative.prefixes: 36,
    cumulative.associative_scan: 4,
    cumulative.recurrence: 2,
    cumulative.statistics: 17,
    cumulative.python_loop: 14,
}
_PLAIN = drawn_by("plain")


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A family's loop, with what comes after it: more steps, a reduction, several outputs."""
    results = list(d.stream.choose(_FAMILIES)(d))
    if len(results) > 1 and d.stream.chance(55) and d.stream.chance(70):
        results = [d.stream.choice(results)]
    if len(results) == 1:
        return (common.telling(_continue(d, results[0])),)
    return tuple(common.telling(_vary(d, value)) for value in results)


def _vary(d: ProgramBuilder, value: Value) -> Value:
    """One of several outputs, which may not cancel in their sum."""
    if d.stream.chance(60) or value.centred:
        return value
    return common.one_unary(d, value, _PLAIN)


def _keep(d: ProgramBuilder, value: Value) -> Value:
    return _apply_one(d, value) if value.centred else value


def _apply_one(d: ProgramBuilder, value: Value) -> Value:
    return common.one_unary(d, value) if d.stream.chance(60) else common.with_literal(d, value)


def _reduce(d: ProgramBuilder, value: Value) -> Value:
    if not value.ndim:
        return _use_literal(d, value)
    y = common.light(d, value)
    axis = None if value.ndim == 1 or d.stream.chance(50) else d.stream.below(value.ndim)
    names = ("sum", "mean", "mean", "max", "var", "norm", "logsumexp")
    return d.apply(d.stream.choice(names), y, axis=axis)


def _take_one(d: ProgramBuilder, value: Value) -> Value:
    """A step's element; not the last, where a loop has forgotten what it began with."""
    if not value.ndim or value.shape[0] <= 4:
        return _use_literal(d, value)
    return common.light(d, d.apply("index", value, axis=0, index=d.stream.between(1, 4)))


def _use_literal(d: ProgramBuilder, value: Value) -> Value:
    return common.with_literal(d, common.light(d, value))


def _join_itself(d: ProgramBuilder, value: Value) -> Value:
    return common.mix(d, [value, common.light(d, value)], 1)


_STEPS = {
    _keep: 42,
    _apply_one: 20,
    _reduce: 14,
    _take_one: 6,
    _use_literal: 6,
    _join_itself: 12,
}


def _continue(d: ProgramBuilder, value: Value) -> Value:
    """The result itself, or something made of it."""
    result = d.attempt(partial(d.stream.choose(_STEPS), d, value))
    if result is value:
        return value
    # What is carried or summed up tends to lie on one side of a number.
    if result.op in ("maximum", "minimum"):
        raise Rejected("an extremum of a loop's result")
    if result.is_literal or result.centred:
        raise Rejected("no result")
    return result
