"""Category `compound`: little computations that mix three or more categories' features."""

from collections.abc import Callable
from dataclasses import dataclass

from jax_ir_synth.kernels.builder import transforms
from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, linear_systems, random_numbers
from jax_ir_synth.kernels.productions.stages import LIGHT, SIZES, STAGES, TINY, activation

SIGNATURE = Signature(requires={"compound"}, forbids={"vec3"})
Stage = Callable[[ProgramBuilder, Value], Value]


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A pipeline of stages on rows: one that marks the category, and two or more others."""
    mark = d.stream.choose(_MARKS)
    if not mark.narrow:
        d.use("float32")

    def attempt() -> tuple[Value, ...]:
        # Factorisations and random bits are long as IR: a mark keeps its share by trying again.
        d.arguments.clear()
        outputs = _pipeline(d, mark)
        require_short(outputs)
        return outputs

    return d.attempt(attempt, 30)


@dataclass(frozen=True)
class _Mark:
    """A stage that marks the category, and the stages that a program has besides."""

    stage: Stage
    others: tuple[Stage, ...]
    few: int
    many: int
    narrow: bool = False  # in the narrow floats, too


def _pipeline(d: ProgramBuilder, mark: _Mark) -> tuple[Value, ...]:
    n, width = d.stream.choice(SIZES), d.stream.choice(SIZES)
    x = common.array(d, (n, width), role="matrix" if d.stream.chance(50) else "")
    stages = d.stream.shuffled(mark.others)[: d.stream.weighted((mark.few, mark.many), (3, 2))]
    place = d.stream.below(len(stages) + 1)
    for stage in stages[:place]:
        x = _apply_stage(d, stage, x)
    if x.ndim == 0:
        raise Rejected("nothing left to work on")
    x = mark.stage(d, x)
    for stage in stages[place:]:
        x = _apply_stage(d, stage, x)
    return d.stream.choose(_ENDS)(d, x)


def _apply_stage(d: ProgramBuilder, stage: Stage, x: Value) -> Value:
    return d.attempt(lambda: stage(d, common.tamed(d, x, 12.0)), 6)


def _checkpoint(d: ProgramBuilder, x: Value) -> Value:
    """A block of a few steps, rematerialised in the backward pass."""

    def block(v: Value, *rest: Value) -> Value:
        y = common.one_unary(d, v)
        for w in rest:
            y = d.apply("matmul", y, w) if w.ndim == 2 else d.apply("mul", y, w)
            y = activation(d, y) if d.stream.chance(80) else y
        if not rest or d.stream.chance(50):
            y = common.one_binary(d, y, v) if y.shape == v.shape else common.one_unary(d, y)
        return y if d.stream.chance(60) else common.with_literal(d, y)

    rest = []
    if d.stream.chance(65):
        width = x.shape[-1]
        out = width if d.stream.chance(50) else d.stream.choice(SIZES)
        rest.append(
            d.argument((width, out), -0.5, 0.5, role="matrix")
            if d.stream.chance(70)
            else d.argument((width,), 0.5, 1.5, role="scale")
        )
    x = common.tamed(d, x, 12.0)
    return transforms.checkpoint(d, (x, *rest), block)[0]


def _end_with_value(d: ProgramBuilder, x: Value) -> tuple[Value, ...]:
    return (x,)


def _end_with_reduction(d: ProgramBuilder, x: Value) -> tuple[Value, ...]:
    name = d.stream.choose({"sum": 8, "mean": 8, "logsumexp": 3, "max": 2, "norm": 2})
    y = d.apply("square", x) if name in ("sum", "mean") and d.stream.chance(40) else x
    axis = d.stream.choice((None, x.ndim - 1, 0)) if name != "norm" else x.ndim - 1
    return (d.apply(name, y, axis=axis),)


def _end_with_both(d: ProgramBuilder, x: Value) -> tuple[Value, ...]:
    name = d.stream.choice(("mean", "sum", "max"))
    return x, d.apply(name, x, axis=d.stream.choice((None, 0)))


# The last value, a reduction of it, or both.
_ENDS = {_end_with_value: 40, _end_with_reduction: 35, _end_with_both: 25}
# What makes a program a compound one.
_MARKS = {
    _Mark(linear_systems.apply_matrix, STAGES, 1, 1): 44,
    _Mark(_checkpoint, STAGES, 2, 3, narrow=True): 33,
    _Mark(random_numbers.by_threefry, TINY, 1, 1): 11,
    _Mark(random_numbers.by_rbg, LIGHT, 1, 2): 12,
}
