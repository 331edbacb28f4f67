"""Branch constructs over a pool of values: where, select, cond, switch, piecewise, `jnp.select`."""

from collections.abc import Callable
from functools import partial

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
# How many cases a switch has, and how many steps an expression has; few where a context is brief.
_CASES, _FEW_CASES = {2: 2, 3: 7, 4: 2, 5: 1}, {2: 4, 3: 7, 4: 1}
_STEPS, _FEW_STEPS = {1: 10, 2: 4, 3: 1}, {1: 14, 2: 3}
# Draws a case's value from the values that it may use.
Case = Callable[[Context, list[Value]], Value]


# ---------------------------------------------------------------- values


def arguments(c: Context) -> list[Value]:
    """One to three new array arguments, the first of the main shape, and a 0-d one at times."""
    d, dims = c.d, c.shape
    pool = [common.array(d, dims)]
    for _ in range(c.stream.choose({0: 6, 1: 7, 2: 1})):
        own = dims[1:] if len(dims) > 1 and c.stream.chance(12) else dims
        pool.append(common.array(d, own))
    if c.stream.chance(25):
        pool.append(common.scalar(d))
    return pool


def expression(c: Context, pool: list[Value]) -> Value:
    """Arithmetic on values of the pool, of the main shape."""

    def attempt() -> Value:
        value, numbered = c.stream.choice(pool), False
        for _ in range(c.stream.choose(_FEW_STEPS if c.brief else _STEPS)):
            value, numbered = _step(c, value, pool, numbered)
        return require_main(c, _tame(c, value))

    return c.d.attempt(attempt, 16)


def _apply_function(c: Context, value: Value, others: list[Value]) -> Value:
    return common.one_unary(c.d, value, _SHORT_FIRST)


def _apply_number(c: Context, value: Value, others: list[Value]) -> Value:
    return common.with_literal(c.d, value)


def _apply_other(c: Context, value: Value, others: list[Value]) -> Value:
    return common.one_binary(c.d, value, c.stream.choice(others))


# The next step, by whether a number came last and whether there are other values.
_NEXT = {
    (False, True): {_apply_function: 33, _apply_number: 29, _apply_other: 38},
    (False, False): {_apply_function: 33, _apply_number: 67},
    (True, True): {_apply_function: 55, _apply_number: 7, _apply_other: 38},
    (True, False): {_apply_function: 100},
}


def _step(c: Context, value: Value, pool: list[Value], numbered: bool) -> tuple[Value, bool]:
    """Adds one operation to the value; seldom a number straight after a number."""
    others = [v for v in pool if v is not value]
    step = c.stream.choose(_NEXT[numbered, bool(others)])
    return step(c, value, others), step is _apply_number


def require_main(c: Context, value: Value) -> Value:
    """The value; Rejected where it hasn't the main shape and the program's dtype."""
    if value.shape != c.shape or value.dtype != c.d.dtype:
        raise Rejected("not the main shape")
    return value


def add_steps(c: Context, value: Value, pool: list[Value], least: int = 0, most: int = 1) -> Value:
    """The value after `least` to `most` operations."""

    def step(value: Value) -> Value:
        return require_main(c, _step(c, value, pool, False)[0])

    for _ in range(c.stream.between(least, most)):
        value = c.d.attempt(partial(step, value), 14)
    return _tame(c, value)


def _tame(c: Context, value: Value) -> Value:
    return common.tamed(c.d, value, 30.0 if c.d.dtype == "float32" else 8.0)


def join_arguments(c: Context, value: Value) -> Value:
    """The value, joined with each argument that might not matter to it."""
    return settle(c.d, value, lambda v, argument: c.d.attempt(lambda: _put_in(c, v, argument), 14))


def _put_in(c: Context, value: Value, argument: Value) -> Value:
    name = c.stream.choose({"mul": 6, "add": 5, "sub": 2, "div": 1})
    if not argument.is_float:
        high = float(argument.high)
        if c.d.dtype != "float32":
            argument = c.d.apply("convert", argument, dtype=c.d.dtype)
        argument = c.d.apply("div", argument, high) if high > 9 else argument
    return require_main(c, _tame(c, common.meet(c.d, name, value, argument)))


def require_comparable(values: list[Value]) -> None:
    """Raises Rejected where one of the cases would drown the others, or two are the same."""
    spreads = [float(v.samples.std()) + 1e-6 for v in values if not v.is_literal]
    if spreads and max(spreads) / min(spreads) > 40 or len({id(v) for v in values}) < len(values):
        raise Rejected("cases that don't compare")


# ---------------------------------------------------------------- constructs


def _at_hand(c: Context, pool: list[Value]) -> Value:
    return c.stream.choice(pool)


def _number(c: Context, pool: list[Value]) -> Value:
    return c.d.literal(c.stream.choice((0.0, 0.0, 0.0, 1.0, -1.0, 0.5)))


def _default_number(c: Context, pool: list[Value]) -> Value:
    return c.d.literal(c.stream.choice((0.0, 0.0, 1.0)))


# The second value of a choice; of one for all elements, it is no number.
_SECONDS = {expression: 55, _at_hand: 25, _number: 20}
_SECONDS_FOR_ALL = {expression: 55, _at_hand: 45}
_DEFAULTS = {_default_number: 4, _at_hand: 3, expression: 4}


def element_choice(c: Context, pool: list[Value], case: Case) -> Value:
    """`jnp.where` or `lax.select` on a condition for each element."""
    d = c.d
    condition = conditions.element(d, pool, c.shape)
    if c.stream.chance(15):
        condition = conditions.scalar(d, pool)
    first = case(c, pool)
    second = c.stream.choose(_SECONDS if condition.size > 1 else _SECONDS_FOR_ALL)(c, pool)
    values = [first, second] if c.stream.chance(65) else [second, first]
    require_comparable(values)
    if c.stream.chance(30):
        chosen = d.apply_or_none("select", condition, *values)
        if chosen is not None:
            return require_main(c, chosen)
    return require_main(c, d.apply("where", condition, *values))


def cond(c: Context, pool: list[Value], case: Case) -> Value:
    """`lax.cond` with closures or functions of operands; at times of two results."""
    return cond_on(c, conditions.scalar(c.d, pool), pool, case)


def cond_on(c: Context, predicate: Value, pool: list[Value], case: Case) -> Value:
    """`lax.cond` on the condition given."""
    operands = _operands(c, pool)
    builds = [case, case if c.stream.chance(5 if c.brief else 20) else expression]
    if c.stream.chance(40):
        builds.reverse()
    two = c.stream.chance(5 if c.brief else 14)
    results = branches.cond(
        c.d, predicate, operands, *(_build(c, b, pool, operands, two) for b in builds)
    )
    return _merge(c, results)


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
    return _merge(c, results)


def _index(c: Context, pool: list[Value], count: int) -> Value:
    d = c.d
    if c.stream.chance(70) or count > 3:
        return d.argument((), 0, count - 1, dtype="int32", role="case")
    tests = [
        d.apply("convert", conditions.scalar(d, pool, nested=True), dtype="int32")
        for _ in range(count - 1)
    ]
    return tests[0] if count == 2 else d.apply("add", *tests)


def _operands(c: Context, pool: list[Value]) -> tuple[Value, ...]:
    if c.stream.chance(40):
        return ()
    first = next(v for v in pool if v.shape == c.shape and not v.weak)
    rest = [v for v in pool if v is not first]
    return (first, *c.stream.shuffled(rest)[: c.stream.between(0, min(2, len(rest)))])


def _build(
    c: Context, case: Case, pool: list[Value], operands: tuple[Value, ...], two: bool
) -> Callable[..., Value | tuple[Value, Value]]:
    """A case as a function of the operands, or of none where it uses the pool."""

    def build(*params: Value) -> Value | tuple[Value, Value]:
        own = list(params) if operands else pool
        value = case(c, own)
        return (value, expression(c, own)) if two else value

    return build


def _merge(c: Context, results: list[Value]) -> Value:
    for value in results:
        require_main(c, value)
    return common.merge(c.d, list(results))


def piecewise(c: Context, pool: list[Value], case: Case, inner: Case | None = None) -> Value:
    """`jnp.piecewise` over ranges of one value."""
    x = require_main(c, c.stream.choice(pool))
    tests = _ranges(c, x)
    builds: list[Case] = [expression] * (len(tests) + 1)
    if inner is not None:
        builds[c.stream.below(len(builds))] = inner
    functions = tuple((lambda v, b=b: b(c, [v])) for b in builds)
    return require_main(c, branches.piecewise(c.d, x, tuple(tests), functions))


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
        tests = [conditions.element(d, pool, c.shape, nested=True) for _ in range(count)]
        _each_chosen(c, tests)
    cases = [case(c, pool)] + [expression(c, pool) for _ in tests[1:]]
    last = c.stream.choose(_DEFAULTS)(c, pool)
    cases = c.stream.shuffled(cases)
    require_comparable([*cases, last])
    return require_main(c, d.apply("choose", *tests, *cases, last))


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
    require_comparable(cases)
    return require_main(c, c.d.apply("select_n", index, *cases))


def guarded_log(c: Context, pool: list[Value], case: Case) -> Value:
    """A logarithm where it is finite, and something else elsewhere."""
    d = c.d
    x = require_main(c, c.stream.choice(pool))
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
    scores = require_main(c, case(c, pool))
    mask = d.argument(
        c.shape if c.stream.chance(60) else c.shape[-1:], 0, 1, dtype="bool", role="mask"
    )
    fill = c.stream.choice(("-1e9", "-1e9", "-1e30", "-1e10", "jnp.finfo(jnp.float32).min"))
    weights = d.apply("masked_softmax", mask, scores, fill=fill)
    return require_main(
        c, d.apply("mul", weights, c.stream.choice([v for v in pool if v.shape == c.shape]))
    )


def _rarely_zero(value: Value) -> bool:
    """An argument, or a sum of arguments and numbers: values spread without a heap at zero."""
    return (
        value.op == "argument"
        or value.op in ("add", "sub")
        and all(v.is_literal or v.op == "argument" for v in value.operands)
    )
