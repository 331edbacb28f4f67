"""Category `compound`: little computations that mix three or more categories' features."""

import math

from jax_ir_synth.kernels.builder import random_keys, transforms
from jax_ir_synth.kernels.builder.ir_size import require_short
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.stages import LIGHT, SIZES, STAGES, TINY, activation

SIGNATURE = Signature(requires={"compound"}, forbids={"vec3"})

# What makes a program a compound one.
_MARKS = {"linalg": 44, "checkpoint": 33, "threefry": 11, "rbg": 12}


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """A pipeline of stages on rows: one that marks the category, and two or more others."""
    mark = d.stream.choose(_MARKS)
    if mark != "checkpoint":
        d.use("float32")

    def attempt():
        # Factorisations and random bits are long as IR: a mark keeps its share by trying again.
        d.arguments.clear()
        outputs = _pipeline(d, mark)
        require_short(outputs)
        return outputs

    return d.attempt(attempt, 30)


def _pipeline(d: ProgramBuilder, mark: str) -> tuple[Value, ...]:
    n, width = d.stream.choice(SIZES), d.stream.choice(SIZES)
    x = common.array(d, (n, width), role="matrix" if d.stream.chance(50) else "")
    pool, count = {
        "linalg": (STAGES, (1, 1)),
        "checkpoint": (STAGES, (2, 3)),
        "threefry": (TINY, (1, 1)),
        "rbg": (LIGHT, (1, 2)),
    }[mark]
    stages = d.stream.shuffled(pool)[: d.stream.weighted(count, (3, 2))]
    place = d.stream.below(len(stages) + 1)
    for stage in stages[:place]:
        x = _staged(d, stage, x)
    if x.ndim == 0:
        raise Rejected("nothing left to work on")
    x = {
        "linalg": _linear_algebra,
        "checkpoint": _checkpointed,
        "threefry": _hashed,
        "rbg": _generated,
    }[mark](d, x)
    for stage in stages[place:]:
        x = _staged(d, stage, x)
    return _ended(d, x)


def _staged(d: ProgramBuilder, stage, x: Value) -> Value:
    # A stage asks for a matrix or a vector: the value is brought to a rank that it takes.
    return d.attempt(lambda: stage(d, common.tamed(d, x, 12.0)), 6)


# ---------------------------------------------------------------- what marks the category


def _definite(d: ProgramBuilder, n: int) -> tuple[Value, float]:
    """A symmetric positive definite matrix, and a lower bound of its eigenvalues."""
    kind = d.stream.choose({"gram": 6, "kernel": 2, "diagonal": 2})
    ridge = d.stream.choice((1.0, 0.5, 2.0, 1.5))
    eye = d.apply("eye", shape=(n, n), n=n, dtype="float32")
    a = d.argument((n, n), -1.0, 1.0, role="matrix")
    if kind == "gram":
        gram = d.apply("matmul", a, d.apply("transpose", a, perm=(1, 0)))
        return d.apply("add", gram, eye if ridge == 1.0 else d.apply("mul", ridge, eye)), ridge
    if kind == "kernel":
        half = d.apply("mul", 0.5, d.apply("add", a, d.apply("transpose", a, perm=(1, 0))))
        # Symmetric with entries within ±1: its eigenvalues are above -n.
        return d.apply("add", half, d.apply("mul", float(n) + ridge, eye)), ridge
    gram = d.apply("matmul", d.apply("transpose", a, perm=(1, 0)), a)
    noise = d.argument((n,), 0.5, 1.5, role="positive")
    return d.apply("add", gram, d.apply("diag", noise)), 0.5


def _linear_algebra(d: ProgramBuilder, x: Value) -> Value:
    """A factorisation or a solve with a well-conditioned matrix of an argument, applied to x."""
    n = x.shape[0]
    x = common.tamed(d, x, 4.0)
    matrix, least = _definite(d, n)
    columns = x.bound * math.sqrt(n)
    spread = float(x.samples.std()) / (least + 1.0)
    kind = d.stream.choose(
        {
            "solve": 9,
            "cholesky": 6,
            "inv": 6,
            "whiten": 5,
            "logdet": 4,
            "qr": 3,
            "eigen": 3,
            "sample": 3,
            "cho_solve": 3,
            "solve_pos": 2,
            "singular": 2,
        }
    )
    solved = {"range": (-columns / least, columns / least), "spread": max(spread, 0.05)}
    diagonal = math.sqrt(matrix.high)
    lower = {"range": (-diagonal, diagonal), "spread": 0.5}
    if kind in ("solve", "solve_pos"):
        return d.apply(kind, matrix, x, **solved)
    if kind == "inv":
        inverse = d.apply("inv", matrix, range=(-1 / least, 1 / least), spread=0.3)
        return (
            d.apply("matmul", inverse, x)
            if d.stream.chance(75)
            else d.apply("mul", inverse, d.argument((n, n), -1.0, 1.0))
            if x.shape == (n, n)
            else d.apply("matmul", inverse, x)
        )
    if kind == "cholesky":
        factor = d.apply("cholesky", matrix, **lower)
        return d.apply("matmul", factor, x)
    if kind == "sample":
        factor = d.apply("cholesky", matrix, **lower)
        mean = d.argument((n,), -1.0, 1.0) if x.ndim == 1 else d.argument((n, 1), -1.0, 1.0)
        return d.apply("add", mean, d.apply("matmul", factor, x))
    whitened = {
        "range": (-columns / math.sqrt(least), columns / math.sqrt(least)),
        "spread": max(spread, 0.05),
    }
    if kind == "whiten":
        return d.apply("solve_lower", d.apply("cholesky", matrix, **lower), x, **whitened)
    if kind == "cho_solve":
        return d.apply("cho_solve", d.apply("cholesky", matrix, **lower), x, **solved)
    if kind == "logdet":
        factor = d.apply("cholesky", matrix, **lower)
        entries = d.apply("diagonal", factor)
        # A Cholesky factor's diagonal is at least the root of the least eigenvalue.
        root = math.sqrt(least)
        entries = entries.changed(low=root, samples=abs(entries.samples) + root)
        half = d.apply("sum", d.apply("log", entries))
        return (
            d.apply("add", x, d.apply("mul", 2.0, half))
            if d.stream.chance(50)
            else d.apply("mul", half, x)
        )
    if kind == "qr":
        r = d.apply("qr_r", matrix, range=(-matrix.high * n, matrix.high * n), spread=1.0)
        return d.apply("matmul", common.tamed(d, r, 10.0), x)
    if kind == "singular":
        values = d.apply("singular_values", matrix, range=(least, matrix.bound * n), spread=1.0)
    else:
        values = d.apply("eigvalsh", matrix, range=(least, matrix.bound * n), spread=1.0)
    values = common.one_unary(d, values) if d.stream.chance(50) else d.apply("log", values)
    return (
        d.apply("mul", values, x)
        if x.ndim == 1
        else d.apply("mul", d.apply("expand_dims", values, axis=1), x)
    )


def _checkpointed(d: ProgramBuilder, x: Value) -> Value:
    """A block of a few steps, rematerialised in the backward pass."""

    def block(v, *rest):
        y = common.one_unary(d, v)
        for w in rest:
            y = d.apply("matmul", y, w) if w.ndim == 2 else d.apply("mul", y, w)
            y = activation(d, y) if d.stream.chance(80) else y
        if not rest or d.stream.chance(50):
            y = common.one_binary(d, y, v) if y.shape == v.shape else common.one_unary(d, y)
        return y if d.stream.chance(60) else common.with_literal(d, y)

    rest = []
    if d.stream.chance(65):
        width = x.shape[-1]
        out = width if d.stream.chance(50) else d.stream.choice(SIZES)
        rest.append(
            d.argument((width, out), -0.5, 0.5, role="matrix")
            if d.stream.chance(70)
            else d.argument((width,), 0.5, 1.5, role="scale")
        )
    x = common.tamed(d, x, 12.0)
    return transforms.checkpoint(d, (x, *rest), block)[0]


def _key(d: ProgramBuilder, sources) -> tuple[Value, str]:
    """A key, and how its bits are made: a row has room for one draw of threefry bits."""
    source = d.stream.weighted(*sources)
    if source == "argument":
        return d.argument((2,), 0, 2**32 - 1, dtype="uint32", role="key"), source
    name = {"rbg": "new_rbg_key", "unsafe_rbg": "new_unsafe_rbg_key"}[source]
    key = d.apply(name, seed=d.stream.below(100))
    if source == "unsafe_rbg":
        roll = d.stream.below(100)
        if roll < 20:
            key = d.apply("fold_in", key, data=d.stream.below(20))
        elif roll < 75:
            key = d.stream.choice(random_keys.split_key(d, key))
    return key, source


def _hashed(d: ProgramBuilder, x: Value) -> Value:
    """Random numbers from a key argument, by JAX's generator: a constant key's text is too long."""
    return _random(d, x, (("argument",), (1,)))


def _generated(d: ProgramBuilder, x: Value) -> Value:
    """Random numbers by XLA's own generator, whose IR is short enough to split keys."""
    return _random(d, x, (("rbg", "unsafe_rbg"), (3, 9)))


def _random(d: ProgramBuilder, x: Value, sources) -> Value:
    """Noise, dropout or a random choice."""
    key, source = _key(d, sources)
    names = (
        "normal",
        "dropout",
        "uniform",
        "bernoulli",
        "laplace",
        "exponential",
        "gumbel",
        "truncated",
        "between",
        "rademacher",
        "permutation",
        "categorical",
        "integers",
        "choice",
    )
    short = source == "unsafe_rbg"
    kind = d.stream.weighted(
        names, (8, 8, 6, 4, 2, 2, 3, 3, 3, 1) + ((3, 4, 4, 4) if short else (0, 0, 0, 0))
    )
    shape = x.shape if d.stream.chance(70) else x.shape[-1:]
    if kind == "dropout":
        keep = d.stream.choice((0.9, 0.8, 0.5, 0.7))
        mask = d.apply("random_bernoulli", key, p=keep, shape=x.shape)
        return d.apply("where", mask, d.apply("div", x, keep), 0.0)
    if kind == "bernoulli":
        mask = d.apply("random_bernoulli", key, p=d.stream.choice((0.5, 0.3, 0.7)), shape=shape)
        return d.apply("where", mask, x, common.with_literal(d, x))
    if kind == "permutation":
        return d.apply("mul", d.apply("random_permutation", key, x), x)
    if kind == "choice":
        return d.apply("mul", d.apply("random_choice", key, x, shape=(x.shape[0],)), x)
    if kind == "categorical":
        picked = d.apply(
            "add", 1.0, d.apply("convert", d.apply("random_categorical", key, x), dtype="float32")
        )
        return d.apply("mul", x, d.apply("expand_dims", picked, axis=x.ndim - 1))
    if kind == "integers":
        index = d.apply(
            "random_integers",
            key,
            shape=(d.stream.choice(SIZES),),
            low=0,
            high=x.shape[0] - 1,
            above=x.shape[0],
        )
        return common.one_unary(d, d.apply("take", x, index, axis=0))
    if kind == "rademacher":
        return d.apply(
            "mul",
            x,
            d.apply("convert", d.apply("random_rademacher", key, shape=shape), dtype="float32"),
        )
    ends = {}
    if kind == "between":
        low, high = d.stream.choice(((-1.0, 1.0), (-0.1, 0.1), (0.5, 1.5), (0.0, 2.0)))
        noise = d.apply("random_uniform_between", key, shape=shape, low=low, high=high)
    else:
        if kind == "truncated":
            ends = {"low": d.stream.choice((-2.0, -1.0)), "high": d.stream.choice((2.0, 1.0))}
        noise = d.apply(f"random_{kind}", key, shape=shape, **ends)
    how = d.stream.below(3)
    if how == 0:
        return d.apply("add", x, d.apply("mul", d.argument((), 0.1, 1.0, role="scalar"), noise))
    if how == 1:
        scale = d.stream.choice((0.1, 0.5, 0.01, 0.2)) if noise.bound < 20 else 0.1
        return d.apply("add", x, d.apply("mul", scale, noise))
    return d.apply("mul", x, noise)


# ---------------------------------------------------------------- the end


def _ended(d: ProgramBuilder, x: Value) -> tuple[Value, ...]:
    """The last value as it is, reduced, or in several outputs."""
    roll = d.stream.below(100)
    if roll < 40:
        return (x,)
    if roll < 75:
        name = d.stream.choose({"sum": 8, "mean": 8, "logsumexp": 3, "max": 2, "norm": 2})
        y = d.apply("square", x) if name in ("sum", "mean") and d.stream.chance(40) else x
        axis = d.stream.choice((None, x.ndim - 1, 0)) if name != "norm" else x.ndim - 1
        return (d.apply(name, y, axis=axis),)
    return (x, d.apply(d.stream.choice(("mean", "sum", "max")), x, axis=d.stream.choice((None, 0))))
