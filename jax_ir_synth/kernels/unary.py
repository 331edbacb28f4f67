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


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A chain of unary functions, at times with a branch of the chain joined in again."""
    x = common.array(d, common.shape(d, 0 if d.stream.chance(25) else 1, 3))
    value, kept = x, [x]
    for _ in range(d.stream.choose({2: 2, 3: 4, 4: 5, 5: 4, 6: 2})):
        step = d.stream.below(100)
        if step < 66:
            value = common.one_unary(d, value)
        elif step < 84:
            value = common.with_literal(d, value)
        else:
            value = common.one_binary(d, value, d.stream.choice(kept))
        kept.append(value)
    return (value,)
