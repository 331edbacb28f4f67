"""Category `branch`: one level of choices, on elements, reductions, scalars, flags and masks."""

from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import grow
from jax_ir_synth.kernels.productions.branching import Brancher

SIGNATURE = Signature(
    requires={"branch"},
    forbids={"nested_branch", "vec3", "several_results", "shrinks", "iteration", "compound"},
)
_CONSTRUCTS = {
    "element_choice": 36,
    "cond": 27,
    "switch": 10,
    "piecewise": 6,
    "choose": 9,
    "indexed": 5,
    "guarded_log": 3,
    "masked_weights": 4,
}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A branch between arithmetic before and after; at times two branches side by side, joined."""
    b = Brancher(d, grow.shape(d, 1, 3, limit=512 if d.dtype == "float32" else 128))
    pool = b.arguments()
    if d.stream.chance(20):
        pool.append(b.expression(pool))
    value = _branch(b, pool)
    if d.stream.chance(11):
        value = grow.merge(d, [b.steps(value, pool, 0, 1), _branch(b, pool)])
    value = b.steps(value, pool)
    require_short((value,), 16000 if d.stream.chance(25) else 10500)
    value = b.joined(value)
    return (b.whole(value),)


def _branch(b: Brancher, pool: list[Value]) -> Value:
    def attempt():
        name = b.stream.choose(_CONSTRUCTS)
        return getattr(b, name)(pool, b.expression)

    count = len(b.d.arguments)
    for _ in range(8):
        try:
            return attempt()
        except Rejected:
            del b.d.arguments[count:]
    raise Rejected("no branch")
