"""Category `nested_branch`: choices within choices, two to four deep, the constructs mixed."""

from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import branching, common, conditions
from jax_ir_synth.kernels.productions.context import Context

SIGNATURE = Signature(
    requires={"branch", "nested_branch"},
    forbids={"vec3", "several_results", "shrinks", "iteration", "compound"},
)
# Branches that may hold another, and those that may be the innermost.
_HOLDING = {
    branching.element_choice: 34,
    branching.cond: 24,
    branching.switch: 8,
    branching.choose: 5,
    branching.indexed: 3,
}
_INNERMOST = _HOLDING | {branching.piecewise: 3, branching.guarded_log: 2}
# Their branches are functions of their own: one may hold another without arithmetic between.
_REGIONS = {branching.cond, branching.switch}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A nest of branches, with arithmetic before, between and after."""
    b = Context(d, common.shape(d, 1, 3, limit=512 if d.dtype == "float32" else 128), brief=True)
    pool = branching.arguments(b)
    if d.stream.chance(12):
        pool.append(branching.expression(b, pool))
    value = _nest(b, pool, d.stream.choose({2: 15, 3: 4, 4: 1}))
    value = branching.add_steps(b, value, pool)
    require_short((value,), 20000 if d.stream.chance(20) else 12500)
    value = branching.join_arguments(b, value)
    return (branching.require_main(b, value),)


def _nest(b: Context, pool: list[Value], depth: int) -> Value:
    """A value of `depth` branches, one within or after another; plain arithmetic at depth 0."""
    if depth == 0:
        return branching.expression(b, pool)
    if depth == 1:
        return b.attempt(lambda: _construct(b, pool, 0), 6)
    return b.attempt(lambda: b.stream.choose(_FORMS)(b, pool, depth), 6)


def _construct(b: Context, pool: list[Value], depth: int) -> Value:
    """A branch with a nest of `depth` in one of its cases."""
    construct = b.stream.choose(_HOLDING if depth else _INNERMOST)

    def case(b: Context, own: list[Value]) -> Value:
        value = _nest(b, own, depth)
        if depth and not (construct in _REGIONS and b.stream.chance(60)):
            value = branching.add_steps(b, value, own, 1, 1)
        return value

    return construct(b, pool, case)


def _within(b: Context, pool: list[Value], depth: int) -> Value:
    return _construct(b, pool, depth - 1)


def _fed(b: Context, pool: list[Value], depth: int) -> Value:
    """A branch on the result of another branch."""
    first = branching.add_steps(b, _nest(b, pool, depth - 1), pool, 0, 1)
    others = b.stream.shuffled(pool)[: b.stream.between(0, min(2, len(pool)))]
    used = [first, *others]
    d = b.d
    if b.stream.chance(45):
        predicate = conditions.scalar_about(d, first)
        return branching.cond_on(b, predicate, used, branching.expression)
    test = conditions.simple(d, first)
    one = branching.expression(b, used)
    two = first if b.stream.chance(45) else branching.expression(b, used)
    branching.require_comparable([one, two])
    values = [one, two] if b.stream.chance(50) else [two, one]
    chosen = d.apply_or_none("select", test, *values) if b.stream.chance(30) else None
    return branching.require_main(b, chosen or d.apply("where", test, *values))


def _pieces(b: Context, pool: list[Value], depth: int) -> Value:
    """`jnp.piecewise` with a choice inside one of its functions."""

    def inner(b: Context, own: list[Value]) -> Value:
        x = own[0]
        one = branching.expression(b, own)
        two = branching.expression(b, own)
        branching.require_comparable([one, two])
        return b.d.apply("where", conditions.simple(b.d, x), one, two)

    if depth > 2:
        pool = [branching.add_steps(b, _nest(b, pool, depth - 2), pool, 1, 1)]
    return branching.piecewise(b, pool, branching.expression, inner)


def _double_where(b: Context, pool: list[Value], depth: int) -> Value:
    """A function that a choice before it and one after it keep away from where it isn't defined."""
    d = b.d
    x = (
        branching.add_steps(b, _nest(b, pool, depth - 2), pool, 1, 1)
        if depth > 2
        else b.stream.choice([v for v in pool if v.shape == b.shape])
    )
    least = b.stream.choice((0.1, 0.05, 0.2, 0.25, 0.5))
    held = (x.samples > least).mean()
    if not 0.2 <= held <= 0.9 or x.op == "literal":
        raise Rejected("no side to keep off")
    test = d.apply("greater", x, least)
    high = max(1.0, x.high)
    samples = [float(v) if v > least else 1.0 for v in x.samples]
    safe = d.apply("where", test, x, 1.0, claim=(least, high, samples))
    names = (
        ("log", "sqrt", "rsqrt", "reciprocal", "log2", "cbrt")
        if d.dtype == "float32"
        else ("log", "sqrt", "reciprocal")
    )
    value = d.apply(b.stream.choice(names), safe)
    if b.stream.chance(40):
        value = common.one_binary(
            d, value, b.stream.choice([v for v in pool if v.shape == b.shape])
        )
    other = (
        d.literal(b.stream.choice((0.0, 0.0, -1.0, 1.0)))
        if b.stream.chance(55)
        else branching.expression(b, pool)
    )
    return branching.require_main(b, d.apply("where", test, value, other))


_FORMS = {_within: 60, _fed: 18, _pieces: 7, _double_where: 13}
