"""How programs of `multi_statement` begin: layers, attention, optimizers, stencils, losses."""

import math

from jax_ir_synth.kernels.builder import inlined, several
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context, Production
from jax_ir_synth.kernels.productions.fields import grid, stencil
from jax_ir_synth.kernels.productions.optimizers import adam, lion, momentum, rmsprop

# ---------------------------------------------------------------- layers


def _project_apart(s: Context, n: int) -> list[Value]:
    x = s.array()
    return [s.do("matmul", x, s.argument((n, n), -0.5, 0.5, "weight")) for _ in range(3)]


def _project_together(s: Context, n: int) -> list[Value]:
    projected = s.do("matmul", s.array(), s.argument((n, 3 * n), -0.5, 0.5, "weight"))
    return several.split(s.d, projected, (n, n, n))


def _take_arguments(s: Context, n: int) -> list[Value]:
    return [s.array(role=role) for role in ("query", "key_array", "value_array")]


# Where queries, keys and values come from: of one sequence, or of a batch.
_PROJECTIONS = {_project_apart: 1, _project_together: 1, _take_arguments: 1}
_BATCH_PROJECTIONS = {_take_arguments: 3}


def attention(s: Context) -> Value | tuple[Value, ...]:
    """Queries, keys and values: masked or plain attention."""
    d = s.d
    t, n = d.stream.choice((4, 5, 6, 8, 10, 12, 16)), d.stream.choice((4, 8, 6, 16, 5, 10))
    batch = (d.stream.choice((2, 4)),) if d.stream.chance(25) else ()
    s.shape = (*batch, t, n)
    q, k, v = d.stream.choose(_BATCH_PROJECTIONS if batch else _PROJECTIONS)(s, n)
    probs = _attend(s, _score(s, q, k))
    if batch or d.stream.chance(40):
        y = d.apply("einsum", probs, v, equation="bts,bsd->btd" if batch else "ts,sd->td")
    else:
        y = d.apply("matmul", probs, v)
    if d.stream.chance(30) and d.dtype == "float32":
        return y, d.apply("mean", d.apply("square", probs))
    return y


def _score(s: Context, q: Value, k: Value) -> Value:
    """Scaled products of queries and keys."""
    d = s.d
    if q.ndim == 3:
        scores = d.apply("einsum", q, k, equation=d.stream.choice(("btd,bsd->bts", "bqd,bkd->bqk")))
    elif d.stream.chance(50):
        scores = d.apply("matmul", q, d.apply("transpose", k, perm=(1, 0)))
    else:
        equation = d.stream.choice(("td,sd->ts", "qd,kd->qk", "id,jd->ij"))
        scores = d.apply("einsum", q, k, equation=equation)
    root = math.sqrt(s.width)
    if d.stream.chance(50):
        return d.apply("div", scores, round(root, 4))
    return d.apply("mul", scores, round(1 / root, 6))


def _attend(s: Context, scores: Value) -> Value:
    """Weights of the values: of all, or of those before each query."""
    d, t = s.d, scores.shape[-1]
    if not d.stream.chance(45):
        probs = f.softmax(d, scores)
        f.describe(d, "Dot-product attention.")
        return probs
    mask = f.named(d.apply("tril", d.apply("ones", shape=(t, t), dtype="bool")), "keeps_some")
    fill = d.stream.choice((-math.inf, -1e9, -1e30) if d.dtype == "float32" else (-math.inf,))
    probs = d.apply("kept_softmax", scores, mask, instead=fill).changed(centred=True)
    f.describe(d, "Causal attention.")
    return probs


def rotary(s: Context) -> Value | tuple[Value, ...]:
    """Halves of each row turned by an angle that grows with the position."""
    d = s.d
    t, n = d.stream.choice((4, 5, 8, 10, 16)), d.stream.choice((4, 8, 12, 16, 6, 10))
    s.shape = (t, n)
    x = s.array()
    half = n // 2
    base = d.stream.choice((0.5, 1.0, 0.25))
    freq = d.apply("exp", d.apply("mul", -base, d.apply("arange", shape=(half,), dtype="float32")))
    place = d.apply("arange", shape=(t,), dtype="float32")
    angles = d.apply("outer", place, freq)
    if d.dtype != "float32":
        raise Rejected("float32 only")
    cos, sin = f.named(d.apply("cos", angles), "cos"), f.named(d.apply("sin", angles), "sin")
    f.describe(d, "Rotary position embedding.")

    def turn(v: Value) -> Value:
        if d.stream.chance(60):
            a, b = several.split(d, v, (half, half))
        else:
            a = d.apply("slice", v, axis=1, start=0, stop=half, step=1)
            b = d.apply("slice", v, axis=1, start=half, stop=n, step=1)
        one = d.apply("sub", d.apply("mul", a, cos), d.apply("mul", b, sin))
        other = d.apply("add", d.apply("mul", a, sin), d.apply("mul", b, cos))
        return d.apply("concatenate", one, other, axis=-1)

    y = turn(x)
    return (y, turn(s.array())) if d.stream.chance(40) else y


def feed_forward(s: Context) -> Value:
    """Two linear maps with an activation or a gate between."""
    d, n = s.d, s.width
    if len(s.shape) < 2 or n > 24:
        raise Rejected("small rows are wanted")
    x = s.array()
    m = d.stream.choice((4, 8, 16, 12, 2 * n))
    h = d.apply("matmul", x, s.argument((n, m), -0.5, 0.5, "weight"))
    if d.stream.chance(40):
        h = f.gate(d, h, d.apply("matmul", x, s.argument((n, m), -0.5, 0.5, "weight")))
    else:
        if d.stream.chance(60):
            h = d.apply("add", h, s.argument((m,), -0.5, 0.5, "offset"))
        h = f.activation(d, h)
    y = d.apply("matmul", h, s.argument((m, n), -0.5, 0.5, "weight"))
    f.describe(d, "Feed-forward block.")
    return d.apply("add", x, y) if d.stream.chance(60) else y


def recurrent_cell(s: Context) -> Value | tuple[Value, ...]:
    """One step of an LSTM or GRU cell: the new states."""
    n = s.stream.choice((4, 8, 6, 16, 10, 5, 12))
    rows = s.shape[0] if len(s.shape) == 2 else 4
    s.shape = (rows, n)
    return _lstm_cell(s, rows, n) if s.stream.chance(55) else _gru_cell(s, rows, n)


def _lstm_cell(s: Context, rows: int, n: int) -> tuple[Value, Value]:
    d = s.d
    gates, c = s.array((rows, 4 * n)), s.array(role="carry")
    i, g, o, forget = (
        several.split(d, gates, (n,) * 4)
        if d.stream.chance(80)
        else several.unstack(d, d.apply("reshape", gates, shape=(rows, 4, n)), 1)
    )
    kept = d.apply("mul", d.apply("sigmoid", forget), c)
    c = d.apply("add", kept, d.apply("mul", d.apply("sigmoid", i), d.apply("tanh", g)))
    f.describe(d, "LSTM cell.")
    return c, d.apply("mul", d.apply("sigmoid", o), d.apply("tanh", c))


def _gru_cell(s: Context, rows: int, n: int) -> Value:
    d = s.d
    h, gates = s.array(), s.array((rows, 2 * n))
    r, z = several.split(d, gates, (n, n))
    new = d.apply("tanh", d.apply("add", s.array(), d.apply("mul", d.apply("sigmoid", r), h)))
    f.describe(d, "GRU cell.")
    return f.lerp(d, h, new, f.named(d.apply("sigmoid", z), "gate"))


def embedding(s: Context) -> Value:
    """Rows of a table picked by tokens, with positions."""
    d = s.d
    n, t, size = (
        d.stream.choice((4, 8, 16, 5, 10)),
        d.stream.choice((8, 10, 16, 20, 12, 6)),
        d.stream.choice((5, 8, 10, 16)),
    )
    s.shape = (t, n)
    table = s.argument((min(size, t), n), -1.0, 1.0, "weight")
    tokens = s.argument((t,), 0, table.shape[0] - 1, "labels", "int32")
    if d.stream.chance(60):
        x = d.apply("take", table, tokens, axis=0)
    else:
        x = d.apply("matmul", d.apply("one_hot", tokens, n=table.shape[0]), table)
    f.describe(d, "Token embedding.")
    if d.stream.chance(30):
        pad = d.apply("convert", d.apply("not_equal", tokens, 0), dtype=d.dtype)
        x = d.apply("mul", x, d.apply("expand_dims", pad, axis=-1))
    if d.stream.chance(50):
        return d.apply("add", x, s.array(role="offset"))
    return d.apply("mul", x, d.stream.choice((2.0, 4.0, 0.5))) if d.stream.chance(50) else x


def batch_norm(s: Context) -> tuple[Value, ...]:
    """Normalised over the rows, with running statistics."""
    d, n = s.d, s.width
    if len(s.shape) < 2 or s.shape[0] < 4:
        raise Rejected("rows are wanted")
    x = s.array()
    f.spreads(x)
    axes = tuple(range(len(s.shape) - 1))
    mean, var = d.apply("mean", x, axis=axes), d.apply("var", x, axis=axes)
    bound = math.sqrt(x.size / n)
    scale = d.claim(
        "rsqrt", 0.1, 1000.0 if d.dtype == "float32" else 50.0, d.apply("add", var, f.epsilon(d))
    )
    y = d.claim(
        "mul",
        -bound,
        bound,
        d.apply("sub", x, mean),
        scale,
        typical=(x.samples - x.samples.mean()) / x.samples.std(),
    )
    y = d.apply(
        "add",
        d.apply("mul", y, s.argument((n,), 0.5, 1.5, "gain")),
        s.argument((n,), -0.5, 0.5, "offset"),
    )
    f.describe(d, "Batch normalisation with running statistics.")
    running = f.moving_average(d, s.argument((n,), -0.5, 0.5, "mean"), mean)
    return (
        (y, running, f.moving_average(d, s.argument((n,), 0.5, 1.5, "var"), var))
        if d.stream.chance(50)
        else (y, running)
    )


# ---------------------------------------------------------------- probabilities


def gaussian_head(s: Context) -> tuple[Value, ...]:
    """A mean and a log spread in one array; the log density of a value and a divergence."""
    d, n = s.d, s.width
    x, both = s.array(), s.array((*s.shape[:-1], 2 * n))
    mean, log_std = several.split(d, both, (n, n))
    log_std = d.apply("clip", log_std, -2.0, 2.0) if log_std.bound > 2 else log_std
    logp = d.apply("sum", f.gaussian_logpdf(d, x, mean, log_std), axis=-1)
    kl = f.kl_gaussian(d, mean, d.apply("mul", 2.0, log_std))
    sample = d.apply("add", mean, d.apply("mul", d.apply("exp", log_std), x))
    return (logp, sample) if d.stream.chance(50) else (d.apply("mean", logp), kl, sample)


def classifier(s: Context) -> tuple[Value, ...]:
    """Logits and labels: losses by element, and probabilities."""
    d = s.d
    logits, labels = s.array(role="logits"), s.argument(s.shape, 0.0, 1.0, "targets")
    each = d.stream.choice((f.focal, f.sigmoid_cross_entropy))(d, logits, labels)
    p = d.apply("sigmoid", logits)
    loss = f.named(d.apply("mean", each), "loss")
    return loss, d.apply("sub", p, labels) if d.stream.chance(50) else p


def similarity(s: Context) -> tuple[Value, ...]:
    """Two sets of rows: cosines between them, and both normalised by one helper."""
    d = s.d
    x, y = s.array(), s.array()
    if x.ndim < 2 or s.width < 4:
        raise Rejected("rows are wanted")
    f.spreads(x)
    f.spreads(y)
    if d.stream.chance(50):
        (a,), (b,) = inlined.helper(d, [(x,), (y,)], lambda v: f.l2_normalize(d, v), "normalize")
        return d.apply("sum", d.apply("mul", a, b), axis=-1), d.apply("sub", a, b)
    return f.cosine_similarity(d, x, y), d.apply("sub", x, y)


def stacked_pair(s: Context) -> Value | tuple[Value, ...]:
    """Two arrays in one, taken apart again."""
    d = s.d
    both = s.array((2, *s.shape))
    a, b = (several.iterate if d.stream.chance(40) else several.unstack)(d, both)
    y = common.one_binary(d, a, common.one_unary(d, b))
    if d.stream.chance(45):
        return d.apply("stack", y, common.one_binary(d, a, b), axis=d.stream.choice((0, -1)))
    return y, common.one_binary(d, a, b)


STARTS: dict[Production, int] = {
    momentum: 4,
    adam: 6,
    rmsprop: 3,
    lion: 2,
    attention: 8,
    rotary: 4,
    feed_forward: 6,
    recurrent_cell: 4,
    embedding: 5,
    batch_norm: 4,
    stencil: 8,
    grid: 4,
    gaussian_head: 4,
    classifier: 4,
    similarity: 3,
    stacked_pair: 6,
}
