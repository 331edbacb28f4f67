"""Category `reduction`: programs whose result is smaller than what goes in."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import (
    common,
    contracted,
    losses,
    pooling,
    selections,
    weighted_sums,
)
from jax_ir_synth.kernels.productions.recurrences import light

SIGNATURE = Signature(
    requires={"reduction", "shrinks"},
    forbids={"vec3", "iteration", "compound"},
)

# How often each family of programs is drawn.
_FAMILIES = {
    pooling.statistics: 20,
    pooling.normalisation: 9,
    pooling.moments: 7,
    selections.picks: 9,
    selections.sorted_parts: 6,
    selections.masked_statistics: 8,
    weighted_sums.weighted_rows: 8,
    weighted_sums.windows: 6,
    weighted_sums.scatters: 10,
    weighted_sums.segment_sums: 6,
    contracted.contraction: 16,
    contracted.quadratic: 7,
    contracted.pairwise: 8,
    contracted.covariance: 4,
    contracted.layers: 6,
    losses.regression: 9,
    losses.classification: 10,
    losses.divergence: 6,
    losses.likelihood: 6,
    losses.contrastive: 5,
}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A family's reduction, and what is done with it."""
    return finished(d, list(d.stream.choose(_FAMILIES)(d)))


def finished(d: ProgramBuilder, results: list[Value]) -> tuple[Value, ...]:
    """The results, one of them changed at times; smaller than the largest argument together."""
    if d.stream.chance(62) or results[0].centred:
        results[0] = _after(d, results[0])
    for value in results:
        common.telling(value)
    if sum(v.size for v in results) >= max(v.size for v in d.arguments):
        raise Rejected("nothing shrinks")
    return tuple(results)


def _after(d: ProgramBuilder, value: Value) -> Value:
    def attempt():
        roll = d.stream.below(100)
        if roll < 45:
            return (
                light(d, common.with_literal(d, value))
                if d.stream.chance(40)
                else common.with_literal(d, value)
            )
        if roll < 75:
            return common.one_unary(d, value)
        if value.ndim and max(value.shape) > 1:
            return d.apply(
                d.stream.choice(("sum", "mean", "max", "logsumexp", "norm")), value, axis=-1
            )
        return common.one_binary(
            d,
            value,
            common.one_unary(
                d,
                value,
                {"tanh": 4, "exp": 3, "sin": 3, "sigmoid": 3, "arctan": 2, "softplus": 2},
            ),
        )

    result = d.attempt(attempt)
    if d.stream.chance(30):
        result = d.attempt(
            lambda: (
                common.one_unary(d, result)
                if d.stream.chance(50)
                else common.with_literal(d, result)
            )
        )
    if d.stream.chance(25):
        other = d.argument((), *d.stream.choice(((0.1, 1.0), (0.5, 2.0), (-1.0, 1.0))))
        result = d.attempt(
            lambda: d.apply(d.stream.choice(("mul", "mul", "add", "sub", "div")), result, other)
        )
    return result
