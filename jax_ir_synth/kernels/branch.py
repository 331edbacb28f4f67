"""Category `branch`: one level of choices, on elements, reductions, scalars, flags and masks."""

from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import branching, common
from jax_ir_synth.kernels.productions.context import Context

SIGNATURE = Signature(
    requires={"branch"},
    forbids={"nested_branch", "vec3", "several_results", "shrinks", "iteration", "compound"},
)
_CONSTRUCTS = {
    branching.element_choice: 36,
    branching.cond: 27,
    branching.switch: 10,
    branching.piecewise: 6,
    branching.choose: 9,
    branching.indexed: 5,
    branching.guarded_log: 3,
    branching.masked_weights: 4,
}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A branch between arithmetic before and after; at times two branches side by side, joined."""
    b = Context(d, common.shape(d, 1, 3, limit=512 if d.dtype == "float32" else 128))
    pool = branching.arguments(b)
    if d.stream.chance(20):
        pool.append(branching.expression(b, pool))
    value = _branch(b, pool)
    if d.stream.chance(11):
        value = common.merge(d, [branching.add_steps(b, value, pool, 0, 1), _branch(b, pool)])
    value = branching.add_steps(b, value, pool)
    require_short((value,), 16000 if d.stream.chance(25) else 10500)
    value = branching.join_arguments(b, value)
    return (branching.require_main(b, value),)


def _branch(b: Context, pool: list[Value]) -> Value:
    return b.attempt(lambda: b.stream.choose(_CONSTRUCTS)(b, pool, branching.expression))
