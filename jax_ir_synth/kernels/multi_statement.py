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


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A start (a layer, an optimizer's step, a stencil, …), more steps, and two to four results."""
    c = Context(d, _shape(d), d.stream.choose(_BUDGETS))
    if d.stream.chance(62):
        c.step(statement_starts.STARTS)
    else:
        c.pending.extend(c.array() for _ in range(d.stream.choose({1: 3, 2: 5, 3: 2})))
    for _ in range(d.stream.choose({2: 2, 3: 4, 4: 5, 5: 4, 6: 2})):
        c.step(statements.RULES)
        if c.spent:
            break
    outputs = d.finish(*_outputs(c))
    if (
        sum(
            v.op not in ("argument", "literal", "part", "parameter")
            for v in collect_values(outputs).values()
        )
        < _LEAST
    ):
        raise Rejected("too few statements")
    return outputs


def _shape(d: ProgramBuilder) -> tuple[int, ...]:
    rank = d.stream.choose({1: 3, 2: 8, 3: 2})
    width = d.stream.choose(_WIDTHS)
    if rank == 1:
        return (width if d.stream.chance(60) else common.size(d),)
    if rank == 2:
        return d.stream.choose(_WIDTHS), width
    return d.stream.choice((2, 4, 2, 5, 6)), d.stream.choice((4, 5, 6, 8, 7, 10)), min(width, 16)


def _outputs(c: Context) -> tuple[Value, ...]:
    """Two to four of the values at the end; more are merged, too few joined by an earlier one."""
    d = c.d
    waiting = [v for v in c.pending if v.op != "argument"]
    left = [v for v in c.pending if v.op == "argument"]
    for value in left:
        partner = d.stream.choice([v for v in waiting if v.shape == value.shape] or [c.main(0)])
        joined = common.one_binary(d, partner, value)
        waiting = [v for v in waiting if v is not partner] + [joined]
    most = d.stream.choose({2: 6, 3: 4, 4: 1})
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
        waiting.append(d.attempt(lambda: _another(c, waiting[0])))
    final = [
        v if v.is_float or v.dtype == "int32" else d.apply("convert", v, dtype="int32")
        for v in waiting
    ]
    final = [d.attempt(partial(_uncentred, c, v)) if v.centred else v for v in final]
    if sum(v.size for v in final) < max(a.size for a in d.arguments):
        raise Rejected("the results are smaller than an argument")
    return tuple(d.stream.shuffled(final))


def _another(c: Context, first: Value) -> Value:
    """A second result: an earlier value, or a statistic of the first."""
    d = c.d
    earlier = [v for v in c.made if v is not first and v.is_float and not v.centred]
    if earlier and d.stream.chance(55):
        return d.stream.choice(earlier)
    x = d.stream.choice([first, *earlier])
    kind = d.stream.choose(
        {"mean": 4, "max": 3, "norm": 3, "sum": 2, "std": 2, "loss": 3, "unary": 4, "logsumexp": 1}
    )
    if kind == "unary" or not x.ndim:
        return common.one_unary(d, x)
    if kind == "loss":
        return d.apply("mean", d.apply("square", x))
    if kind in ("std", "norm"):
        spreads(x)
    axis = -1 if kind == "norm" or x.ndim > 1 and d.stream.chance(50) else None
    return d.apply(kind, x, axis=axis)


def _uncentred(c: Context, value: Value) -> Value:
    """A value whose elements sum to a constant, made into one whose elements don't."""
    d = c.d
    kind = d.stream.below(4)
    if kind == 0:
        return d.apply("square", value)
    if kind == 1:
        return d.apply("mul", value, c.argument((value.shape[-1],), 0.5, 1.5, "gain"))
    return d.apply("mul", value, c.main()) if kind == 2 else common.one_unary(d, value)
