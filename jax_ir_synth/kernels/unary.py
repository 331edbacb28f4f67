"""Category `unary`: functions of one argument, composed."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import common

SIGNATURE = Signature(
    requires={"single_argument"},
    forbids={
        "several_arrays",
        "vec3",
        "several_results",
        "reduction",
        "iteration",
        "branch",
        "compound",
    },
)


def _apply_function(d: ProgramBuilder, value: Value, kept: list[Value]) -> Value:
    return common.one_unary(d, value)


def _use_number(d: ProgramBuilder, value: Value, kept: list[Value]) -> Value:
    return common.with_literal(d, value)


def _join_earlier(d: ProgramBuilder, value: Value, kept: list[Value]) -> Value:
    return common.one_binary(d, value, d.stream.choice(kept))


_STEPS = {_apply_function: 66, _use_number: 18, _join_earlier: 16}
_STEP_COUNTS = {2: 2, 3: 4, 4: 5, 5: 4, 6: 2}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A chain of unary functions, at times with an earlier value of the chain joined in again."""
    value = common.array(d, common.shape(d, 0 if d.stream.chance(25) else 1, 3))
    kept = [value]
    for _ in range(d.stream.choose(_STEP_COUNTS)):
        value = d.stream.choose(_STEPS)(d, value, kept)
        kept.append(value)
    return (value,)
