"""Branch constructs over a pool of values: where, select, cond, switch, piecewise, `jnp.select`."""

from collections.abc import Callable

import numpy as np

from jax_ir_synth.kernels.builder import branches
from jax_ir_synth.kernels.builder.ir_size import bytes_of
from jax_ir_synth.kernels.builder.values import SAMPLES, Rejected, Value
from jax_ir_synth.kernels.productions import common, conditions
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.validation.sensitivity import settle

# Branches are long-winded: functions whose IR is long come less often than elsewhere.
_SHORT_FIRST = {
    name: max(1, 2 * w if bytes_of(name) < 2000 else w // 2) for name, w in common.SMOOTH.items()
}
# How many cases a switch has, and how many steps more than the least an expression has.
_CASES, _FEW_CASES = {2: 2, 3: 7, 4: 2, 5: 1}, {2: 4, 3: 7, 4: 1}
_MORE, _FEW_MORE = {0: 10, 1: 4, 2: 1}, {0: 14, 1: 3}
# Draws a case's value from the values that it may use.
Case = Callable[[Context, list[Value]], Value]


# ---------------------------------------------------------------- values


def arguments(c: Context) -> list[Value]:
    """One to three new array arguments, the first of the whole shape, and a 0-d one at times."""
    d, dims = c.d, c.shape
    pool = [common.array(d, dims)]
    for _ in range(c.stream.choose({0: 6, 1: 7, 2: 1})):
        own = dims[1:] if len(dims) > 1 and c.stream.chance(12) else dims
        pool.append(common.array(d, own))
    if c.stream.chance(25):
        pool.append(common.scalar(d))
    return pool


def expression(c: Context, pool: list[Value], least: int = 1) -> Value:
    """Arithmetic on values of the pool, of the whole shape."""

    def attempt():
        value, numbered = c.stream.choice(pool), False
        more = c.stream.choose(_FEW_MORE if c.brief else _MORE)
        for _ in range(least + more):
            value, numbered = _step(c, value, pool, numbered)
        return whole(c, common.tamed(c.d, value, 30.0 if c.d.dtype == "float32" else 8.0))

    return c.d.attempt(attempt, 16)


def _step(c: Context, value: Value, pool: list[Value], numbered: bool) -> tuple[Value, bool]:
    """One operation more on the value; no number straight after a number."""
    roll = c.stream.below(100)
    others = [v for v in pool if v is not value]
    if roll < 33 or numbered and (roll < 55 or not others):
        return common.one_unary(c.d, value, _SHORT_FIRST), False
    if others and roll >= 62:
        return common.one_binary(c.d, value, c.stream.choice(others)), False
    return common.with_literal(c.d, value), True


def whole(c: Context, value: Value) -> Value:
    """The value; Rejected where it has not the whole shape and the program's dtype."""
    if value.shape != c.shape or value.dtype != c.d.dtype:
        raise Rejected("not the whole shape")
    return value


def steps(c: Context, value: Value, pool: list[Value], least: int = 0, most: int = 1) -> Value:
    """The value with some arithmetic put to it."""
    for _ in range(c.stream.between(least, most)):

        def step(value=value):
            return whole(c, _step(c, value, pool, False)[0])

        value = c.d.attempt(step, 14)
    return common.tamed(c.d, value, 30.0 if c.d.dtype == "float32" else 8.0)


def joined(c: Context, value: Value) -> Value:
    """The value, with each argument that might not matter to it put in for sure."""
    return settle(c.d, value, lambda v, argument: c.d.attempt(lambda: _put_in(c, v, argument), 14))


def _put_in(c: Context, value: Value, argument: Value) -> Value:
    name = c.stream.choose({"mul": 6, "add": 5, "sub": 2, "div": 1})
    if not argument.is_float:
        high = float(argument.high)
        if c.d.dtype != "float32":
            argument = c.d.apply("convert", argument, dtype=c.d.dtype)
        argument = c.d.apply("div", argument, high) if high > 9 else argument
    return whole(
        c,
        common.tamed(
            c.d,
            common.meet(c.d, name, value, argument),
            30.0 if c.d.dtype == "float32" else 8.0,
        ),
    )


def alike(c: Context, values: list[Value]) -> None:
    """Raises Rejected where one of the cases would drown the others, or two are the same."""
    spreads = [float(v.samples.std()) + 1e-6 for v in values if not v.is_literal]
    if spreads and max(spreads) / min(spreads) > 40 or len({id(v) for v in values}) < len(values):
        raise Rejected("cases that don't compare")


# ---------------------------------------------------------------- constructs


def element_choice(c: Context, pool: list[Value], case: Case) -> Value:
    """`jnp.where` or `lax.select` on a condition for each element."""
    d = c.d
    condition = conditions.element(d, pool, c.shape)
    if c.stream.chance(15):
        condition = conditions.scalar(d, pool)
    single = condition.size == 1  # then a number would stand for all elements at once
    first = case(c, pool)
    roll = c.stream.below(100)
    if roll < 55:
        second = expression(c, pool)
    elif roll < 80 or single:
        second = c.stream.choice([v for v in pool if v.is_float])
    else:
        second = d.literal(c.stream.choice((0.0, 0.0, 0.0, 1.0, -1.0, 0.5)))
    values = [first, second] if c.stream.chance(65) else [second, first]
    alike(c, values)
    if c.stream.chance(30):
        chosen = d.apply_or_none("select", condition, *values)
        if chosen is not None:
            return whole(c, chosen)
    return whole(c, d.apply("where", condition, *values))


def cond(c: Context, pool: list[Value], case: Case) -> Value:
    """`lax.cond`, its branches closures or functions of operands; of two results at times."""
    return cond_on(c, conditions.scalar(c.d, pool), pool, case)


def cond_on(c: Context, predicate: Value, pool: list[Value], case: Case) -> Value:
    """`lax.cond` on the condition given."""
    operands = _operands(c, pool)
    plain = expression
    builds = [case, case if c.stream.chance(5 if c.brief else 20) else plain]
    if c.stream.chance(40):
        builds.reverse()
    two = c.stream.chance(5 if c.brief else 14)
    results = branches.cond(
        c.d, predicate, operands, *(_build(c, b, pool, operands, two) for b in builds)
    )
    return _one(c, results)


def switch(c: Context, pool: list[Value], case: Case) -> Value:
    """`lax.switch` on an integer argument, or on how many conditions hold."""
    count = c.stream.choose(_FEW_CASES if c.brief else _CASES)
    index = _index(c, pool, count)
    count = int(index.high) + 1
    operands = _operands(c, pool)
    builds = [case] + [expression] * (count - 1)
    if count > 2 and c.stream.chance(5 if c.brief else 30):
        builds[1] = case
    two = c.stream.chance(8)
    results = branches.switch(
        c.d,
        index,
        operands,
        tuple(_build(c, b, pool, operands, two) for b in c.stream.shuffled(builds)),
    )
    return _one(c, results)


def _index(c: Context, pool, count) -> Value:
    d = c.d
    if c.stream.chance(70) or count > 3:
        return d.argument((), 0, count - 1, dtype="int32", role="case")
    tests = [
        d.apply("convert", conditions.scalar(d, pool, 1), dtype="int32") for _ in range(count - 1)
    ]
    return tests[0] if count == 2 else d.apply("add", *tests)


def _operands(c: Context, pool) -> tuple[Value, ...]:
    if c.stream.chance(40):
        return ()
    wholes = [v for v in pool if v.shape == c.shape and not v.weak]
    rest = [v for v in pool if v is not wholes[0]]
    return (wholes[0], *c.stream.shuffled(rest)[: c.stream.between(0, min(2, len(rest)))])


def _build(c: Context, case: Case, pool: list[Value], operands, two: bool) -> Callable:
    def build(*params):
        own = list(params) if operands else pool
        value = case(c, own)
        return (value, expression(c, own)) if two else value

    return build


def _one(c: Context, results: list[Value]) -> Value:
    for value in results:
        whole(c, value)
    return common.merge(c.d, list(results))


def piecewise(c: Context, pool: list[Value], case: Case, inner: Case | None = None) -> Value:
    """`jnp.piecewise` over ranges of one value."""
    x = whole(c, c.stream.choice(pool))
    tests = _ranges(c, x)
    builds: list[Case] = [expression] * (len(tests) + 1)
    if inner is not None:
        builds[c.stream.below(len(builds))] = inner
    return whole(
        c,
        branches.piecewise(c.d, x, tuple(tests), tuple((lambda v, b=b: b(c, [v])) for b in builds)),
    )


def _ranges(c: Context, x: Value, one: bool = True) -> list[Value]:
    """Conditions that cut x's range into two or three parts; `one` condition may be enough."""
    d = c.d
    if one and c.stream.chance(65):
        return [conditions.simple(d, x)]
    low, high = conditions.threshold(d, x, 0.6, 0.8), conditions.threshold(d, x, 0.2, 0.45)
    if low >= high:
        raise Rejected("no ranges")
    if c.stream.chance(50):
        return [d.apply("less", x, low), d.apply("greater", x, high)]
    middle = d.apply("logical_and", d.apply("greater_equal", x, low), d.apply("less", x, high))
    return [d.apply("less", x, low), middle]


def choose(c: Context, pool: list[Value], case: Case) -> Value:
    """`jnp.select` of two or three conditions, with a default."""
    d = c.d
    count = c.stream.choose({2: 8, 3: 2})
    if c.stream.chance(60):
        x = c.stream.choice([v for v in pool if v.shape == c.shape])
        tests = _ranges(c, x, one=False)
    else:
        tests = [conditions.element(d, pool, c.shape, 1) for _ in range(count)]
        _each_chosen(c, tests)
    cases = [case(c, pool)] + [expression(c, pool) for _ in tests[1:]]
    default = c.stream.choose({"number": 4, "argument": 3, "made": 4})
    if default == "number":
        last = d.literal(c.stream.choice((0.0, 0.0, 1.0)))
    else:
        last = c.stream.choice(pool) if default == "argument" else expression(c, pool)
    cases = c.stream.shuffled(cases)
    alike(c, [*cases, last])
    return whole(c, d.apply("choose", *tests, *cases, last))


def _each_chosen(c: Context, tests: list[Value]) -> None:
    """Raises Rejected where one of the cases would never be chosen."""
    held = np.array([*(t.samples > 0.5 for t in tests), np.ones(SAMPLES, bool)])
    if np.bincount(held.argmax(axis=0), minlength=len(held)).min() < 2:
        raise Rejected("a case that is never chosen")


def indexed(c: Context, pool: list[Value], case: Case) -> Value:
    """`lax.select_n` by an integer argument, for each element or for all."""
    count = c.stream.choose({3: 3, 4: 1})
    index = c.d.argument(
        c.shape if c.stream.chance(75) else (), 0, count - 1, dtype="int32", role="cases"
    )
    cases = [case(c, pool)] + [expression(c, pool) for _ in range(count - 1)]
    alike(c, cases)
    return whole(c, c.d.apply("select_n", index, *cases))


def guarded_log(c: Context, pool: list[Value], case: Case) -> Value:
    """A logarithm where it is finite, and something else elsewhere."""
    d = c.d
    x = whole(c, c.stream.choice(pool))
    # Not where zero itself may be met: there the gradient would be a NaN.
    if d.dtype != "float32" or not _rarely_zero(x):
        raise Rejected("a logarithm that may meet zero")
    log = d.apply("log_or_nan", x)
    other = d.literal(0.0) if c.stream.chance(50) else case(c, pool)
    if c.stream.chance(50):
        return d.apply("where", d.apply("isnan", log), other, log)
    return d.apply("where", d.apply("isfinite", log), log, other)


def masked_weights(c: Context, pool: list[Value], case: Case) -> Value:
    """A softmax of what a mask leaves, times values."""
    d = c.d
    scores = whole(c, case(c, pool))
    mask = d.argument(
        c.shape if c.stream.chance(60) else c.shape[-1:], 0, 1, dtype="bool", role="mask"
    )
    fill = c.stream.choice(("-1e9", "-1e9", "-1e30", "-1e10", "jnp.finfo(jnp.float32).min"))
    weights = d.apply("masked_softmax", mask, scores, fill=fill)
    return whole(
        c, d.apply("mul", weights, c.stream.choice([v for v in pool if v.shape == c.shape]))
    )


def _rarely_zero(value: Value) -> bool:
    """An argument, or a sum of arguments and numbers: values spread without a heap at zero."""
    return (
        value.op == "argument"
        or value.op in ("add", "sub")
        and all(v.is_literal or v.op == "argument" for v in value.operands)
    )
