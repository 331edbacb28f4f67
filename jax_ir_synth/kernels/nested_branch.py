"""Category `nested_branch`: choices within choices, two to four deep, the constructs mixed."""

from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import conditions, grow
from jax_ir_synth.kernels.productions.branching import Brancher

SIGNATURE = Signature(
    requires={"branch", "nested_branch"},
    forbids={"vec3", "several_results", "shrinks", "iteration", "compound"},
)
_HOLDING = ("element_choice", "cond", "switch", "choose", "indexed"), (34, 24, 8, 5, 3)
_INNERMOST = (
    ("element_choice", "cond", "switch", "choose", "indexed", "piecewise", "guarded_log"),
    (34, 24, 8, 5, 3, 3, 2),
)
_OUTER = {"within": 60, "fed": 18, "pieces": 7, "double_where": 13}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A nest of branches, with arithmetic before, between and after."""
    b = Brancher(d, grow.shape(d, 1, 3, limit=512 if d.dtype == "float32" else 128), brief=True)
    pool = b.arguments()
    if d.stream.chance(12):
        pool.append(b.expression(pool))
    value = _nest(b, pool, d.stream.choose({2: 15, 3: 4, 4: 1}))
    value = b.steps(value, pool)
    require_short((value,), 20000 if d.stream.chance(20) else 12500)
    value = b.joined(value)
    return (b.whole(value),)


def _nest(b: Brancher, pool: list[Value], depth: int) -> Value:
    """A value of `depth` branches, one within or after another; plain arithmetic at depth 0."""
    if depth == 0:
        return b.expression(pool)
    count = len(b.d.arguments)
    for _ in range(6):
        try:
            if depth == 1:
                return _construct(b, pool, 0)
            return _FORMS[b.stream.choose(_OUTER)](b, pool, depth)
        except Rejected:
            del b.d.arguments[count:]
    raise Rejected("no branch")


def _construct(b: Brancher, pool: list[Value], depth: int) -> Value:
    """A branch with a nest of `depth` in one of its cases."""
    name = b.stream.weighted(*(_HOLDING if depth else _INNERMOST))
    regions = name in ("cond", "switch")

    def case(own: list[Value]) -> Value:
        value = _nest(b, own, depth)
        # In a region of its own a branch is nested as it is; elsewhere arithmetic stands between.
        if depth and not (regions and b.stream.chance(60)):
            value = b.steps(value, own, 1, 1)
        return value

    return getattr(b, name)(pool, case)


def _within(b: Brancher, pool: list[Value], depth: int) -> Value:
    return _construct(b, pool, depth - 1)


def _fed(b: Brancher, pool: list[Value], depth: int) -> Value:
    """A branch whose condition, or index, is asked of another branch's result."""
    first = b.steps(_nest(b, pool, depth - 1), pool, 0, 1)
    others = b.stream.shuffled(pool)[: b.stream.between(0, min(2, len(pool)))]
    used = [first, *others]
    d = b.d
    if b.stream.chance(45):
        predicate = conditions.about(d, first, whole=True)
        return b.cond_on(predicate, used, b.expression)
    test = conditions.about(d, first, whole=False)
    one = b.expression(used)
    two = first if b.stream.chance(45) else b.expression(used)
    b.alike([one, two])
    values = [one, two] if b.stream.chance(50) else [two, one]
    chosen = d.attempt("select", test, *values) if b.stream.chance(30) else None
    return b.whole(chosen or d.apply("where", test, *values))


def _pieces(b: Brancher, pool: list[Value], depth: int) -> Value:
    """`jnp.piecewise` with a choice inside one of its functions."""

    def inner(own: list[Value]) -> Value:
        x = own[0]
        one = b.expression(own)
        two = b.expression(own)
        b.alike([one, two])
        return b.d.apply("where", conditions.simple(b.d, x), one, two)

    if depth > 2:
        pool = [b.steps(_nest(b, pool, depth - 2), pool, 1, 1)]
    return b.piecewise(pool, b.expression, inner)


def _double_where(b: Brancher, pool: list[Value], depth: int) -> Value:
    """A function kept off what it is not defined on: by one choice before it and another after."""
    d = b.d
    x = (
        b.steps(_nest(b, pool, depth - 2), pool, 1, 1)
        if depth > 2
        else b.stream.choice([v for v in pool if v.shape == b.dims])
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
        value = grow.one_binary(d, value, b.stream.choice([v for v in pool if v.shape == b.dims]))
    other = (
        d.literal(b.stream.choice((0.0, 0.0, -1.0, 1.0)))
        if b.stream.chance(55)
        else b.expression(pool)
    )
    return b.whole(d.apply("where", test, value, other))


_FORMS = {"within": _within, "fed": _fed, "pieces": _pieces, "double_where": _double_where}
