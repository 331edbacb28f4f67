"""Category `multi_statement`: statements with several results: layers, updates, losses."""

from functools import partial

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value, collect_values
from jax_ir_synth.kernels.productions import common, statement_starts, statements
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.idioms import spreads

SIGNATURE = Signature(
    requires={"several_results"}, forbids={"vec3", "shrinks", "iteration", "compound"}
)

_BUDGETS = {5000: 6, 6000: 6, 7000: 4, 8500: 3, 11500: 1, 15000: 1}
_EXPRESSION_WIDTHS = (10, 14, 18, 24)  # short expressions, so that there are statements enough
_LEAST = 7  # operations, so that there are statements enough
_WIDTHS = {
    8: 9,
    16: 8,
    4: 7,
    6: 6,
    10: 6,
    12: 6,
    32: 5,
    20: 3,
    24: 3,
    64: 2,
    5: 3,
    7: 3,
    9: 2,
    14: 2,
    40: 2,
    48: 2,
    15: 2,
}
_ARGUMENT_COUNTS = {1: 3, 2: 5, 3: 2}  # where no start is drawn
_STEP_COUNTS = {2: 2, 3: 4, 4: 5, 5: 4, 6: 2}
_RESULT_COUNTS = {2: 6, 3: 4, 4: 1}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A start (a layer, an optimizer's step, a stencil, …), more steps, and two to four results."""
    d.expression_widths = _EXPRESSION_WIDTHS
    c = Context(d, _draw_shape(d), d.stream.choose(_BUDGETS))
    if d.stream.chance(62):
        c.step(statement_starts.STARTS)
    else:
        c.pending.extend(c.array() for _ in range(d.stream.choose(_ARGUMENT_COUNTS)))
    for _ in range(d.stream.choose(_STEP_COUNTS)):
        c.step(statements.RULES)
        if c.spent:
            break
    outputs = d.finish(*_draw_outputs(c))
    leaves = ("argument", "literal", "part", "parameter")
    if sum(v.op not in leaves for v in collect_values(outputs).values()) < _LEAST:
        raise Rejected("too few statements")
    return outputs


# ---------------------------------------------------------------- the main shape


def _vector(d: ProgramBuilder, width: int) -> tuple[int, ...]:
    return (width if d.stream.chance(60) else common.size(d),)


def _matrix(d: ProgramBuilder, width: int) -> tuple[int, ...]:
    return d.stream.choose(_WIDTHS), width


def _batch(d: ProgramBuilder, width: int) -> tuple[int, ...]:
    return d.stream.choice((2, 4, 2, 5, 6)), d.stream.choice((4, 5, 6, 8, 7, 10)), min(width, 16)


_SHAPES = {_vector: 3, _matrix: 8, _batch: 2}


def _draw_shape(d: ProgramBuilder) -> tuple[int, ...]:
    return d.stream.choose(_SHAPES)(d, d.stream.choose(_WIDTHS))


# ---------------------------------------------------------------- results


def _draw_outputs(c: Context) -> tuple[Value, ...]:
    """Two to four of the values at the end; more are merged, too few joined by an earlier one."""
    d = c.d
    waiting = [v for v in c.pending if v.op != "argument"]
    left = [v for v in c.pending if v.op == "argument"]
    for value in left:
        partner = d.stream.choice([v for v in waiting if v.shape == value.shape] or [c.main(0)])
        joined = common.one_binary(d, partner, value)
        waiting = [v for v in waiting if v is not partner] + [joined]
    most = d.stream.choose(_RESULT_COUNTS)
    while len(waiting) > most:
        same = [
            (a, b)
            for i, a in enumerate(waiting)
            for b in waiting[i + 1 :]
            if a.shape == b.shape or not a.ndim or not b.ndim
        ]
        if not same:
            raise Rejected("too many results")
        a, b = d.stream.choice(same)
        waiting = [v for v in waiting if v is not a and v is not b] + [common.one_binary(d, a, b)]
    if len(waiting) == 1:
        waiting.append(d.attempt(lambda: _draw_second_result(c, waiting[0])))
    final = [
        v if v.is_float or v.dtype == "int32" else d.apply("convert", v, dtype="int32")
        for v in waiting
    ]
    final = [d.attempt(partial(_uncentre, c, v)) if v.centred else v for v in final]
    if sum(v.size for v in final) < max(a.size for a in d.arguments):
        raise Rejected("the results are smaller than an argument")
    return tuple(d.stream.shuffled(final))


def _statistic(d: ProgramBuilder, x: Value, name: str) -> Value:
    return d.apply(name, x, axis=-1 if x.ndim > 1 and d.stream.chance(50) else None)


def _norm(d: ProgramBuilder, x: Value) -> Value:
    spreads(x)
    return d.apply("norm", x, axis=-1)


def _deviation(d: ProgramBuilder, x: Value) -> Value:
    spreads(x)
    return _statistic(d, x, "std")


def _mean_square(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("mean", d.apply("square", x))


_SECOND_RESULTS: dict[common.Transform, int] = {
    partial(_statistic, name="mean"): 4,
    partial(_statistic, name="max"): 3,
    _norm: 3,
    partial(_statistic, name="sum"): 2,
    _deviation: 2,
    _mean_square: 3,
    common.one_unary: 4,
    partial(_statistic, name="logsumexp"): 1,
}


def _draw_second_result(c: Context, first: Value) -> Value:
    """A second result: an earlier value, or a statistic of the first."""
    d = c.d
    earlier = [v for v in c.made if v is not first and v.is_float and not v.centred]
    if earlier and d.stream.chance(55):
        return d.stream.choice(earlier)
    x = d.stream.choice([first, *earlier])
    second = d.stream.choose(_SECOND_RESULTS)
    return second(d, x) if x.ndim else common.one_unary(d, x)


def _square(c: Context, value: Value) -> Value:
    return c.do("square", value)


def _scale_by_gain(c: Context, value: Value) -> Value:
    return c.mul(value, c.argument((value.shape[-1],), 0.5, 1.5, "gain"))


def _scale_by_main(c: Context, value: Value) -> Value:
    return c.mul(value, c.main())


def _apply_function(c: Context, value: Value) -> Value:
    return common.one_unary(c.d, value)


_UNCENTRINGS = {_square: 1, _scale_by_gain: 1, _scale_by_main: 1, _apply_function: 1}


def _uncentre(c: Context, value: Value) -> Value:
    """Makes a value whose elements sum to a constant into one whose elements don't."""
    return c.stream.choose(_UNCENTRINGS)(c, value)
