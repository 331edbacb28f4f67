"""Category `scalar_array`: 0-d arguments and Python numbers mixed with arrays."""

from functools import partial

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, scalars
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.scalar_idioms import IDIOMS
from jax_ir_synth.kernels.validation.sensitivity import settle

SIGNATURE = Signature(
    requires={"scalar_argument"},
    forbids={
        "single_argument",
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
    """One to three idioms that mix scalars and arrays, with arithmetic between them."""
    # A 0-d argument's gradient is a sum over the array: in a narrow dtype a long one stops growing.
    m = Context(d, common.shape(d, 1, 3, limit=512 if d.dtype == "float32" else 128))
    value = scalars.array(m)
    kept = [value]
    for i in range(d.stream.choose({1: 4, 2: 6, 3: 3})):
        value = _idiom(m, value if i == 0 or d.stream.chance(75) else d.stream.choice(kept))
        kept.append(value)
        if d.stream.chance(45):
            value = m.attempt(partial(_draw_step, m, value, kept))
            kept.append(value)
    if len(kept) > 2:
        d.doc = ""  # an idiom's own words would no longer say what the whole does
    if d.stream.chance(15) or not _has_scalar(d):
        value = scalars.finish_with_scalar(m, value)
    if not _has_scalar(d) or not any(a.ndim for a in d.arguments):
        raise Rejected("a 0-d argument and an array are wanted")
    return (settle(d, value, lambda v, argument: m.attempt(lambda: _put_in(m, v, argument))),)


def _has_scalar(d: ProgramBuilder) -> bool:
    return any(a.ndim == 0 for a in d.arguments)


def _put_in(m: Context, value: Value, argument: Value) -> Value:
    """The value, with an argument that might not matter otherwise."""
    if not argument.is_float:
        high = float(argument.high)
        argument = (
            m.do("convert", argument, dtype=m.d.dtype) if m.d.dtype != "float32" else argument
        )
        argument = m.div(argument, high) if high > 5 else argument
    name = m.stream.choose({"mul": 6, "add": 5, "sub": 3, "div": 1})
    return scalars.tame(m, common.meet(m.d, name, value, argument))


def _idiom(m: Context, x: Value) -> Value:
    idiom = m.stream.choose(IDIOMS)
    return m.attempt(lambda: scalars.tame(m, idiom(m, x)))


def _apply_function(m: Context, value: Value, kept: list[Value]) -> Value:
    return common.one_unary(m.d, value)


def _apply_number(m: Context, value: Value, kept: list[Value]) -> Value:
    return common.with_literal(m.d, value)


def _apply_scalar(m: Context, value: Value, kept: list[Value]) -> Value:
    return m.attempt(
        lambda: common.one_binary(m.d, value, scalars.knob(m, -2.0, 2.0, "gain", numbers=0))
    )


def _apply_earlier(m: Context, value: Value, kept: list[Value]) -> Value:
    return common.one_binary(m.d, value, m.stream.choice(kept[:-1]))


_STEPS = {_apply_function: 35, _apply_number: 25, _apply_scalar: 20, _apply_earlier: 20}


def _draw_step(m: Context, value: Value, kept: list[Value]) -> Value:
    """One more operation on the latest of the values kept."""
    return m.stream.choose(_STEPS)(m, value, kept)
