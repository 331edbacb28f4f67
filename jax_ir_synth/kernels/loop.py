"""Category `loop`: scans, fori and while loops, maps, cumulative operations, alone and nested."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import classics, common, cumulative, sequences
from jax_ir_synth.kernels.productions.recurrences import light, mix

SIGNATURE = Signature(
    requires={"iteration"},
    forbids={"vec3", "compound"},
)

# How often each family of programs is drawn.
_FAMILIES = {
    sequences.recurrent: 9,
    sequences.summed: 11,
    sequences.averaged: 6,
    sequences.filtered: 4,
    sequences.running: 4,
    sequences.returns: 4,
    sequences.attention: 1,
    sequences.indexed: 7,
    sequences.buffered: 5,
    sequences.mapped: 10,
    sequences.nested: 6,
    sequences.free: 4,
    classics.trajectory: 7,
    classics.oscillator: 4,
    classics.diffusion: 4,
    classics.newton: 4,
    classics.power_iteration: 3,
    classics.descent: 5,
    classics.horner: 3,
    classics.logistic: 2,
    classics.kalman: 2,
    classics.markov: 2,
    classics.counted: 12,
    classics.implicit: 3,
    cumulative.prefix: 36,
    cumulative.associative: 4,
    cumulative.recurrence: 2,
    cumulative.statistics: 17,
    cumulative.repeated: 14,
}
_PLAIN = drawn_by("plain")


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """One family's loop, with what comes after it: more steps, a reduction, several outputs."""
    return finished(d, list(d.stream.choose(_FAMILIES)(d)))


def finished(d: ProgramBuilder, results: list[Value]) -> tuple[Value, ...]:
    """What is returned of a loop's results; not too long as IR."""
    outputs = _chosen(d, results)
    return outputs


def _chosen(d: ProgramBuilder, results: list[Value]) -> tuple[Value, ...]:
    if len(results) > 1 and d.stream.chance(55):
        kept = [results.pop(d.stream.below(len(results)))] if d.stream.chance(70) else results
    else:
        kept = results
    if len(kept) > 1:  # nothing that could cancel in the sum of the outputs
        return tuple(
            common.telling(
                v if d.stream.chance(60) or v.centred else common.one_unary(d, v, _PLAIN)
            )
            for v in kept
        )
    return (common.telling(_after(d, kept[0])),)


def _after(d: ProgramBuilder, value: Value) -> Value:
    """The result itself, or something made of it."""
    roll = d.stream.below(100)
    if roll < 42 and not value.centred:
        return value

    def attempt():
        if roll < 62:
            return (
                common.one_unary(d, value) if d.stream.chance(60) else common.with_literal(d, value)
            )
        if roll < 76 and value.ndim:
            y = light(d, value)
            axis = None if value.ndim == 1 or d.stream.chance(50) else d.stream.below(value.ndim)
            return d.apply(
                d.stream.choice(("sum", "mean", "mean", "max", "var", "norm", "logsumexp")),
                y,
                axis=axis,
            )
        if roll < 82 and value.ndim and value.shape[0] > 4:
            # not the last: what a loop began with is forgotten there
            return light(
                d,
                d.apply(
                    "index", value, axis=0, index=d.stream.between(1, min(4, value.shape[0] - 1))
                ),
            )
        if roll < 88:
            return common.with_literal(d, light(d, value))
        return mix(d, [value, light(d, value)], 1)

    result = d.attempt(attempt)
    if result.op in (
        "maximum",
        "minimum",
    ):  # what is carried or summed up tends to lie on one side of a number
        raise Rejected("an extremum of a loop's result")
    if result.is_literal or result.centred:
        raise Rejected("no result")
    return result
