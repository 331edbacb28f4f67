"""Scans known by name: returns, linear attention, hidden Markov models, polynomials."""

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.loop_parts import (
    Step,
    dims,
    length,
    outs,
    start,
    swept,
    zeros,
)


def returns(d: ProgramBuilder) -> tuple[Value, ...]:
    """Discounted returns and advantages, from the last step to the first."""
    n = length(d)
    shape = (n,) if d.stream.chance(55) else (n, common.size(d, small=True))
    rewards = common.array(d, shape, role="array")
    gamma = d.stream.choice((0.9, 0.95, 0.8, 0.7, 0.6, 0.5, 0.97))
    values = common.array(d, shape) if d.stream.chance(50) else None
    discounts = d.argument(shape, 0.0, 1.0) if d.stream.chance(35) else None
    g0 = start(d, shape[1:], -1.0, 1.0)
    top = rewards.bound + (values.bound * 2 if values is not None else 0.0)
    reach = max(top / (1 - gamma), 1.0)
    lam = d.stream.choice((0.95, 0.9, 0.8, 0.5))
    adds = d.stream.chance(40)

    def body(carry: Operands, inputs: Operands) -> Step:
        step = inputs[0]
        if values is not None and adds:
            step = d.apply("add", step, d.apply("mul", lam, inputs[1]))
        elif values is not None:
            step = d.apply("sub", step, inputs[1])
        decay = d.apply("mul", gamma, inputs[-1]) if discounts is not None else gamma
        new = d.apply("add", step, d.apply("mul", decay, carry[0]))
        return (new,), (outs(d, new, [inputs[0]]),)

    xs = tuple(v for v in (rewards, values, discounts) if v is not None)
    last, all_of = loops.scan(d, (g0,), xs, [(-reach, reach)], body, reverse=d.stream.chance(85))
    return all_of, last


def attention(d: ProgramBuilder) -> tuple[Value, ...]:
    """Linear attention: a matrix state fed with outer products, read by queries."""
    n, k, v = length(d), common.size(d, small=True), common.size(d, small=True)
    if n > 32 or k * v > 128:
        raise Rejected("a large state")
    queries, keys = (
        common.array(d, (n, k), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0))) for _ in range(2)
    )
    values = common.array(d, (n, v), ranges=((-1.0, 1.0), (-2.0, 2.0)))
    decay = d.stream.choice((None, 0.9, 0.95, 0.5, 0.8))
    maps = [d.stream.chance(35) for _ in range(2)]
    feature = d.stream.choice(("sigmoid", "tanh", "relu", "softplus", "elu"))
    state = zeros(d, (k, v))
    reach = n * 2.0 * values.bound

    def body(carry: Operands, inputs: Operands) -> Step:
        q, key, value = inputs
        q = d.apply(feature, q) if maps[0] else q
        key = d.apply(feature, key) if maps[1] else key
        old = carry[0] if decay is None else d.apply("mul", decay, carry[0])
        new = d.apply("add", old, d.apply("outer", key, value))
        return (new,), (d.apply("matmul", q, new),)

    _, out = loops.scan(d, (state,), (queries, keys, values), [(-reach, reach)], body)
    return (out,)


def markov(d: ProgramBuilder) -> tuple[Value, ...]:
    """The forward recursion of a hidden Markov model in logarithms, or Viterbi's."""
    n, k = d.stream.choice((4, 5, 6, 8, 10, 12)), common.size(d, small=True)
    scores = common.array(d, (n, k), ranges=((-2.0, 2.0), (-3.0, 3.0), (-1.0, 1.0)))
    jumps = common.array(d, (k, k), ranges=((-1.0, 1.0), (-2.0, 2.0)))
    step = scores.bound + jumps.bound + 3.0
    begin = common.array(d, (k,)) if d.stream.chance(50) else zeros(d, (k,))
    how = d.stream.choice(("logsumexp", "logsumexp", "max"))
    log = d.apply("log_softmax", jumps, axis=-1) if d.stream.chance(40) else jumps
    step += 10 if log is not jumps else 0

    def body(carry: Operands, inputs: Operands) -> Step:
        paths = d.apply("add", d.apply("expand_dims", carry[0], axis=1), log)
        new = d.apply("add", d.apply(how, paths, axis=0), inputs[0])
        return (new,), (new,)

    last, all_of = loops.scan(d, (begin,), (scores,), [swept(begin, step, n)], body)
    return (
        (d.apply("logsumexp", last, axis=None),)
        if d.stream.chance(60)
        else (all_of, d.apply("max", last, axis=None))
    )


def _horner(d: ProgramBuilder, coefficients: Value, x: Value) -> Value:
    reach = coefficients.size * coefficients.bound

    def body(carry: Operands, c: Operands) -> Step:
        return (d.apply("add", d.apply("mul", carry[0], x), c[0]),), ()

    zeros, reverse = d.apply("zeros_like", x), d.stream.chance(30)
    return loops.scan(d, (zeros,), (coefficients,), [(-reach, reach)], body, reverse=reverse)[0]


def _clenshaw(d: ProgramBuilder, coefficients: Value, x: Value) -> Value:
    reach = coefficients.bound * coefficients.size**2  # |U_k| <= k + 1 on [-1, 1]

    def body(carry: Operands, c: Operands) -> Step:
        b1, b2 = carry
        new = d.apply("add", c[0], d.apply("sub", d.apply("mul", 2.0, d.apply("mul", x, b1)), b2))
        return (new, b1), ()

    zeros = d.apply("zeros_like", x)
    b1, b2 = loops.scan(d, (zeros, zeros), (coefficients,), [(-reach, reach)] * 2, body)
    return d.apply("sub", b1, d.apply("mul", x, b2))


_EVALUATIONS = {_horner: 2, _clenshaw: 1}


def horner(d: ProgramBuilder) -> tuple[Value, ...]:
    """A polynomial or a sum of Chebyshev polynomials, its coefficients scanned over."""
    n = d.stream.choice((4, 5, 6, 7, 8))
    coefficients = common.array(d, (n,))
    x0 = common.array(d, dims(d), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
    x = common.bounded(d, common.light(d, x0))
    return (d.stream.choose(_EVALUATIONS)(d, coefficients, x),)
