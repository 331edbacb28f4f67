"""Category `reduction`: programs whose result is smaller than what goes in."""

from collections.abc import Callable
from functools import partial

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
    contracted.quadratic_forms: 7,
    contracted.pairwise_distances: 8,
    contracted.covariance: 4,
    contracted.layers: 6,
    losses.regression: 9,
    losses.classification: 10,
    losses.divergence: 6,
    losses.likelihood: 6,
    losses.contrastive: 5,
}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A family's results, one of them changed at times; smaller than the largest argument."""
    results = list(d.stream.choose(_FAMILIES)(d))
    if d.stream.chance(62) or results[0].centred:
        results[0] = _change(d, results[0])
    for value in results:
        common.telling(value)
    if sum(v.size for v in results) >= max(v.size for v in d.arguments):
        raise Rejected("nothing shrinks")
    return tuple(results)


def _use_literal(d: ProgramBuilder, value: Value) -> Value:
    if d.stream.chance(40):
        return common.light(d, common.with_literal(d, value))
    return common.with_literal(d, value)


def _reduce_further(d: ProgramBuilder, value: Value) -> Value:
    if value.ndim and max(value.shape) > 1:
        return d.apply(d.stream.choice(("sum", "mean", "max", "logsumexp", "norm")), value, axis=-1)
    return common.one_binary(d, value, common.one_unary(d, value, _PARTNERS))


_PARTNERS = {"tanh": 4, "exp": 3, "sin": 3, "sigmoid": 3, "arctan": 2, "softplus": 2}
_CHANGES: dict[Callable[[ProgramBuilder, Value], Value], int] = {
    _use_literal: 45,
    common.one_unary: 30,
    _reduce_further: 25,
}


def _apply_one(d: ProgramBuilder, value: Value) -> Value:
    return common.one_unary(d, value) if d.stream.chance(50) else common.with_literal(d, value)


def _use_scalar(d: ProgramBuilder, value: Value) -> Value:
    scalar = d.argument((), *d.stream.choice(((0.1, 1.0), (0.5, 2.0), (-1.0, 1.0))))
    names = ("mul", "mul", "add", "sub", "div")
    return d.attempt(lambda: d.apply(d.stream.choice(names), value, scalar))


def _change(d: ProgramBuilder, value: Value) -> Value:
    """A result of one to three steps from the value."""
    result = d.attempt(lambda: d.stream.choose(_CHANGES)(d, value))
    if d.stream.chance(30):
        result = d.attempt(partial(_apply_one, d, result))
    return _use_scalar(d, result) if d.stream.chance(25) else result
