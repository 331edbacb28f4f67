"""Branch constructs over a pool of values: where, select, cond, switch, piecewise, `jnp.select`."""

from collections.abc import Callable

import numpy as np

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.ir_size import bytes_of
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import SAMPLES, Rejected, Value
from jax_ir_synth.kernels.productions import conditions, grow
from jax_ir_synth.kernels.validation.sensitivity import settle

# Branches are long-winded as they are: the functions whose IR is long come less often than elsewhere.
_SHORT_FIRST = {
    name: max(1, 2 * w if bytes_of(name) < 2000 else w // 2) for name, w in grow.SMOOTH.items()
}
# How many cases a switch has, and how many steps more than the least an expression has.
_CASES, _FEW_CASES = {2: 2, 3: 7, 4: 2, 5: 1}, {2: 4, 3: 7, 4: 1}
_MORE, _FEW_MORE = {0: 10, 1: 4, 2: 1}, {0: 14, 1: 3}
Case = Callable[[list[Value]], Value]  # draws a case's value from the values that it may use


class Brancher:
    """Draws branches whose results have the shape `dims`, on one builder; with little in each case if `brief`."""

    def __init__(self, d: ProgramBuilder, dims: tuple[int, ...], brief: bool = False):
        self.d = d
        self.brief = brief
        self.dims = dims
        self.stream = d.stream

    # ------------------------------------------------------------ values

    def arguments(self) -> list[Value]:
        """One to three new array arguments, the first of the whole shape, and a 0-d one at times."""
        d, dims = self.d, self.dims
        pool = [grow.array(d, dims)]
        for _ in range(self.stream.choose({0: 6, 1: 7, 2: 1})):
            own = dims[1:] if len(dims) > 1 and self.stream.chance(12) else dims
            pool.append(grow.array(d, own))
        if self.stream.chance(25):
            pool.append(grow.scalar(d))
        return pool

    def expression(self, pool: list[Value], least: int = 1) -> Value:
        """Arithmetic on values of the pool, of the whole shape."""

        def attempt():
            value, numbered = self.stream.choice(pool), False
            more = self.stream.choose(_FEW_MORE if self.brief else _MORE)
            for _ in range(least + more):
                value, numbered = self._step(value, pool, numbered)
            return self.whole(grow.tamed(self.d, value, 30.0 if self.d.dtype == "float32" else 8.0))

        return grow.some(attempt, 16)

    def _step(self, value: Value, pool: list[Value], numbered: bool) -> tuple[Value, bool]:
        """One operation more on the value; no number straight after a number."""
        roll = self.stream.below(100)
        others = [v for v in pool if v is not value]
        if roll < 33 or numbered and (roll < 55 or not others):
            return grow.one_unary(self.d, value, _SHORT_FIRST), False
        if others and roll >= 62:
            return grow.one_binary(self.d, value, self.stream.choice(others)), False
        return grow.with_literal(self.d, value), True

    def whole(self, value: Value) -> Value:
        """The value; Rejected where it has not the whole shape and the program's dtype."""
        if value.shape != self.dims or value.dtype != self.d.dtype:
            raise Rejected("not the whole shape")
        return value

    def steps(self, value: Value, pool: list[Value], least: int = 0, most: int = 1) -> Value:
        """The value with some arithmetic put to it."""
        for _ in range(self.stream.between(least, most)):

            def step(value=value):
                return self.whole(self._step(value, pool, False)[0])

            value = grow.some(step, 14)
        return grow.tamed(self.d, value, 30.0 if self.d.dtype == "float32" else 8.0)

    def joined(self, value: Value) -> Value:
        """The value, with each argument that might not matter to it put in for sure."""
        return settle(
            self.d, value, lambda v, argument: grow.some(lambda: self._put_in(v, argument), 14)
        )

    def _put_in(self, value: Value, argument: Value) -> Value:
        name = self.stream.choose({"mul": 6, "add": 5, "sub": 2, "div": 1})
        if not argument.is_float:
            high = float(argument.high)
            if self.d.dtype != "float32":
                argument = self.d.apply("convert", argument, dtype=self.d.dtype)
            argument = self.d.apply("div", argument, high) if high > 9 else argument
        return self.whole(
            grow.tamed(
                self.d,
                grow.meet(self.d, name, value, argument),
                30.0 if self.d.dtype == "float32" else 8.0,
            )
        )

    def alike(self, values: list[Value]) -> None:
        """Raises Rejected where one of the cases would drown the others, or two are the same."""
        spreads = [float(v.samples.std()) + 1e-6 for v in values if not v.is_literal]
        if (
            spreads
            and max(spreads) / min(spreads) > 40
            or len({id(v) for v in values}) < len(values)
        ):
            raise Rejected("cases that don't compare")

    # ------------------------------------------------------------ constructs

    def element_choice(self, pool: list[Value], case: Case) -> Value:
        """`jnp.where` or `lax.select` on a condition for each element."""
        d = self.d
        condition = conditions.element(d, pool, self.dims)
        if self.stream.chance(15):
            condition = conditions.scalar(d, pool)
        whole = condition.size == 1  # then a number would stand for all elements at once
        first = case(pool)
        roll = self.stream.below(100)
        if roll < 55:
            second = self.expression(pool)
        elif roll < 80 or whole:
            second = self.stream.choice([v for v in pool if v.is_float])
        else:
            second = d.literal(self.stream.choice((0.0, 0.0, 0.0, 1.0, -1.0, 0.5)))
        values = [first, second] if self.stream.chance(65) else [second, first]
        self.alike(values)
        if self.stream.chance(30):
            chosen = d.attempt("select", condition, *values)
            if chosen is not None:
                return self.whole(chosen)
        return self.whole(d.apply("where", condition, *values))

    def cond(self, pool: list[Value], case: Case) -> Value:
        """`lax.cond`, its branches closures or functions of operands; of two results at times."""
        return self.cond_on(conditions.scalar(self.d, pool), pool, case)

    def cond_on(self, predicate: Value, pool: list[Value], case: Case) -> Value:
        """`lax.cond` on the condition given."""
        operands = self._operands(pool)
        plain = self.expression
        builds = [case, case if self.stream.chance(5 if self.brief else 20) else plain]
        if self.stream.chance(40):
            builds.reverse()
        two = self.stream.chance(5 if self.brief else 14)
        results = control_flow.cond(
            self.d, predicate, operands, *(self._build(b, pool, operands, two) for b in builds)
        )
        return self._one(results)

    def switch(self, pool: list[Value], case: Case) -> Value:
        """`lax.switch` on an integer argument, or on how many conditions hold."""
        count = self.stream.choose(_FEW_CASES if self.brief else _CASES)
        index = self._index(pool, count)
        count = int(index.high) + 1
        operands = self._operands(pool)
        builds = [case] + [self.expression] * (count - 1)
        if count > 2 and self.stream.chance(5 if self.brief else 30):
            builds[1] = case
        two = self.stream.chance(8)
        results = control_flow.switch(
            self.d,
            index,
            operands,
            tuple(self._build(b, pool, operands, two) for b in self.stream.shuffled(builds)),
        )
        return self._one(results)

    def _index(self, pool, count) -> Value:
        d = self.d
        if self.stream.chance(70) or count > 3:
            return d.argument((), 0, count - 1, dtype="int32", role="case")
        tests = [
            d.apply("convert", conditions.scalar(d, pool, 1), dtype="int32")
            for _ in range(count - 1)
        ]
        return tests[0] if count == 2 else d.apply("add", *tests)

    def _operands(self, pool) -> tuple[Value, ...]:
        if self.stream.chance(40):
            return ()
        wholes = [v for v in pool if v.shape == self.dims and not v.weak]
        rest = [v for v in pool if v is not wholes[0]]
        return (wholes[0], *self.stream.shuffled(rest)[: self.stream.between(0, min(2, len(rest)))])

    def _build(self, case: Case, pool: list[Value], operands, two: bool) -> Callable:
        def build(*params):
            own = list(params) if operands else pool
            value = case(own)
            return (value, self.expression(own)) if two else value

        return build

    def _one(self, results: list[Value]) -> Value:
        for value in results:
            self.whole(value)
        return grow.merge(self.d, list(results))

    def piecewise(self, pool: list[Value], case: Case, inner: Case | None = None) -> Value:
        """`jnp.piecewise` over ranges of one value."""
        x = self.whole(self.stream.choice(pool))
        tests = self._ranges(x)
        builds = [self.expression] * (len(tests) + 1)
        if inner is not None:
            builds[self.stream.below(len(builds))] = inner
        return self.whole(
            control_flow.piecewise(
                self.d, x, tuple(tests), tuple((lambda v, b=b: b([v])) for b in builds)
            )
        )

    def _ranges(self, x: Value, one: bool = True) -> list[Value]:
        """Conditions that cut x's range into two or three parts; `one` condition may be enough."""
        d = self.d
        if one and self.stream.chance(65):
            return [conditions.simple(d, x)]
        low, high = conditions.threshold(d, x, 0.6, 0.8), conditions.threshold(d, x, 0.2, 0.45)
        if low >= high:
            raise Rejected("no ranges")
        if self.stream.chance(50):
            return [d.apply("less", x, low), d.apply("greater", x, high)]
        middle = d.apply("logical_and", d.apply("greater_equal", x, low), d.apply("less", x, high))
        return [d.apply("less", x, low), middle]

    def choose(self, pool: list[Value], case: Case) -> Value:
        """`jnp.select` of two or three conditions, with a default."""
        d = self.d
        count = self.stream.choose({2: 8, 3: 2})
        if self.stream.chance(60):
            x = self.stream.choice([v for v in pool if v.shape == self.dims])
            tests = self._ranges(x, one=False)
        else:
            tests = [conditions.element(d, pool, self.dims, 1) for _ in range(count)]
            self._each_chosen(tests)
        cases = [case(pool)] + [self.expression(pool) for _ in tests[1:]]
        default = self.stream.choose({"number": 4, "argument": 3, "made": 4})
        if default == "number":
            last = d.literal(self.stream.choice((0.0, 0.0, 1.0)))
        else:
            last = self.stream.choice(pool) if default == "argument" else self.expression(pool)
        cases = self.stream.shuffled(cases)
        self.alike([*cases, last])
        return self.whole(d.apply("choose", *tests, *cases, last))

    def _each_chosen(self, tests: list[Value]) -> None:
        """Raises Rejected where one of the cases would never be chosen."""
        held = np.array([*(t.samples > 0.5 for t in tests), np.ones(SAMPLES, bool)])
        if np.bincount(held.argmax(axis=0), minlength=len(held)).min() < 2:
            raise Rejected("a case that is never chosen")

    def indexed(self, pool: list[Value], case: Case) -> Value:
        """`lax.select_n` by an integer argument, for each element or for all."""
        count = self.stream.choose({3: 3, 4: 1})
        index = self.d.argument(
            self.dims if self.stream.chance(75) else (), 0, count - 1, dtype="int32", role="cases"
        )
        cases = [case(pool)] + [self.expression(pool) for _ in range(count - 1)]
        self.alike(cases)
        return self.whole(self.d.apply("select_n", index, *cases))

    def guarded_log(self, pool: list[Value], case: Case) -> Value:
        """A logarithm where it is finite, and something else elsewhere."""
        d = self.d
        x = self.whole(self.stream.choice(pool))
        # Not where zero itself may be met: there the gradient would be a NaN.
        if d.dtype != "float32" or not _rarely_zero(x):
            raise Rejected("a logarithm that may meet zero")
        log = d.apply("log_or_nan", x)
        other = d.literal(0.0) if self.stream.chance(50) else case(pool)
        if self.stream.chance(50):
            return d.apply("where", d.apply("isnan", log), other, log)
        return d.apply("where", d.apply("isfinite", log), log, other)

    def masked_weights(self, pool: list[Value], case: Case) -> Value:
        """A softmax of what a mask leaves, times values."""
        d = self.d
        scores = self.whole(case(pool))
        mask = d.argument(
            self.dims if self.stream.chance(60) else self.dims[-1:], 0, 1, dtype="bool", role="mask"
        )
        fill = self.stream.choice(("-1e9", "-1e9", "-1e30", "-1e10", "jnp.finfo(jnp.float32).min"))
        weights = d.apply("masked_softmax", mask, scores, fill=fill)
        return self.whole(
            d.apply("mul", weights, self.stream.choice([v for v in pool if v.shape == self.dims]))
        )


def _rarely_zero(value: Value) -> bool:
    """An argument, or a sum of arguments and numbers: values spread without a heap at zero."""
    return (
        value.op == "argument"
        or value.op in ("add", "sub")
        and all(v.is_literal or v.op == "argument" for v in value.operands)
    )
