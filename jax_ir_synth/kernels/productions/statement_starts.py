"""How programs of `multi_statement` begin: layers, attention, optimizers, stencils, losses."""

import math

from jax_ir_synth.kernels.builder.values import Rejected
from jax_ir_synth.kernels.productions import common, several
from jax_ir_synth.kernels.productions import idioms as f

# ---------------------------------------------------------------- optimizers


def momentum(s):
    """SGD with momentum: new parameters and momentum."""
    d = s.d
    p, g, m = s.array(role="params"), s.array(role="grad"), s.array(role="moment")
    decay, rate = d.stream.choice((0.9, 0.99, 0.8, 0.95)), _rate(s)
    if d.stream.chance(35):
        g = d.apply("add", g, d.apply("mul", d.stream.choice((0.01, 0.1, 1e-3)), p))
    new = f.named(d.apply("add", d.apply("mul", decay, m), g), "moment")
    step = d.apply("add", g, d.apply("mul", decay, new)) if d.stream.chance(30) else new
    f.describe(d, "SGD with momentum.")
    return f.named(d.apply("sub", p, d.apply("mul", rate, step)), "new_params"), new


def adam(s):
    """Adam or AdamW: new parameters and both moments."""
    d = s.d
    p, g, m = s.array(role="params"), s.array(role="grad"), s.array(role="moment")
    v = s.argument(s.shape, 0.1, 1.0, "second_moment")
    b1, b2 = d.stream.choice((0.9, 0.95, 0.8)), d.stream.choice((0.999, 0.99, 0.95, 0.98))
    m = f.named(
        d.apply("add", d.apply("mul", b1, m), d.apply("mul", round(1 - b1, 6), g)), "moment"
    )
    v = f.named(
        d.apply(
            "add", d.apply("mul", b2, v), d.apply("mul", round(1 - b2, 6), d.apply("square", g))
        ),
        "second_moment",
    )
    hat_m, hat_v = m, v
    if d.stream.chance(60):
        t = (
            s.argument((), 1.0, 10.0, "scalar")
            if d.stream.chance(30) and len(d.arguments) < 5
            else None
        )
        k = d.stream.choice((1, 2, 5, 10))
        c1, c2 = (round(1 - b**k, 6) for b in (b1, b2))
        if t is not None:
            c1 = d.claim("sub", 1 - b1**1.0, 1.0, 1.0, d.claim("power", b1**10, b1, b1, t))
            hat_m = d.claim("div", -12 * m.bound, 12 * m.bound, m, c1, typical=m.samples * 2)
        else:
            hat_m, hat_v = (
                d.apply("div", m, c1) if c1 >= 0.2 else m,
                d.claim("div", v.low / c2, v.high / c2, v, c2) if v.high / c2 < 1e3 else v,
            )
    step = d.claim(
        "div",
        -20 * hat_m.bound,
        20 * hat_m.bound,
        hat_m,
        d.apply("add", d.apply("sqrt", hat_v), f.epsilon(d)),
    )
    f.describe(d, "Adam update.")
    if d.stream.chance(35):
        step = d.apply("add", step, d.apply("mul", d.stream.choice((0.01, 0.1)), p))
    new = f.named(d.apply("sub", p, d.apply("mul", _rate(s), step)), "new_params")
    return (new, m, v) if d.stream.chance(70) else (new, d.apply("sum", d.apply("add", m, v)))


def rmsprop(s):
    """A step of RMSProp."""
    d = s.d
    p, g = s.array(role="params"), s.array(role="grad")
    v = f.named(
        f.moving_average(d, s.argument(s.shape, 0.1, 1.0, "second_moment"), d.apply("square", g)),
        "second_moment",
    )
    scale = d.apply("rsqrt", d.apply("add", v, d.stream.choice((1e-8, 1e-6, 1e-5, 1e-3))))
    f.describe(d, "RMSProp update.")
    return f.named(
        d.apply("sub", p, d.apply("mul", _rate(s), d.apply("mul", g, scale))), "new_params"
    ), v


def lion(s):
    """Lion: the sign of an interpolated momentum."""
    d = s.d
    p, g = s.array(role="params"), s.argument(s.shape, -1.0, 1.0, "grad")
    m = s.argument(s.shape, -0.5, 0.5, "moment")
    sign = d.apply("sign", f.moving_average(d, m, g))
    step = (
        d.apply("add", sign, d.apply("mul", d.stream.choice((0.01, 0.1)), p))
        if d.stream.chance(60)
        else sign
    )
    f.describe(d, "Lion update.")
    return (
        f.named(d.apply("sub", p, d.apply("mul", _rate(s), step)), "new_params"),
        f.named(f.moving_average(d, m, g), "moment"),
    )


def _rate(s):
    d = s.d
    if d.stream.chance(40) and len(d.arguments) < s.most_arguments:
        return d.argument((), 0.01, 0.5, role="scalar")
    return d.stream.choice((0.1, 0.01, 1e-3, 0.05, 0.3, 0.5))


# ---------------------------------------------------------------- layers


def attention(s):
    """Queries, keys and values: masked or plain attention."""
    d = s.d
    t, n = d.stream.choice((4, 5, 6, 8, 10, 12, 16)), d.stream.choice((4, 8, 6, 16, 5, 10))
    lead = (d.stream.choice((2, 4)),) if d.stream.chance(25) else ()
    s.shape = (*lead, t, n)
    kind = d.stream.below(3)
    if kind == 0 and not lead:
        x = s.array()
        q, k, v = (d.apply("matmul", x, s.argument((n, n), -0.5, 0.5, "weight")) for _ in range(3))
    elif kind == 1 and not lead:
        x = s.array()
        q, k, v = several.split(
            d, d.apply("matmul", x, s.argument((n, 3 * n), -0.5, 0.5, "weight")), (n, n, n)
        )
    else:
        q, k, v = s.array(role="query"), s.array(role="key_array"), s.array(role="value_array")
    if lead:
        scores = d.apply("einsum", q, k, equation=d.stream.choice(("btd,bsd->bts", "bqd,bkd->bqk")))
    elif d.stream.chance(50):
        scores = d.apply("matmul", q, d.apply("transpose", k, perm=(1, 0)))
    else:
        scores = d.apply(
            "einsum", q, k, equation=d.stream.choice(("td,sd->ts", "qd,kd->qk", "id,jd->ij"))
        )
    scores = (
        d.apply("div", scores, round(math.sqrt(n), 4))
        if d.stream.chance(50)
        else d.apply("mul", scores, round(1 / math.sqrt(n), 6))
    )
    if d.stream.chance(45):
        mask = f.named(d.apply("tril", d.apply("ones", shape=(t, t), dtype="bool")), "keeps_some")
        probs = d.apply(
            "kept_softmax",
            scores,
            mask,
            instead=d.stream.choice(
                (-math.inf, -1e9, -1e30) if d.dtype == "float32" else (-math.inf,)
            ),
        )
        probs = probs.changed(centred=True)
        f.describe(d, "Causal attention.")
    else:
        probs = f.softmax(d, scores)
        f.describe(d, "Dot-product attention.")
    y = (
        d.apply("einsum", probs, v, equation="bts,bsd->btd" if lead else "ts,sd->td")
        if lead or d.stream.chance(40)
        else d.apply("matmul", probs, v)
    )
    return (
        (y, d.apply("mean", d.apply("square", probs)))
        if d.stream.chance(30) and d.dtype == "float32"
        else y
    )


def rotary(s):
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

    def turned(v):
        a, b = (
            several.split(d, v, (half, half))
            if d.stream.chance(60)
            else (
                d.apply("slice", v, axis=1, start=0, stop=half, step=1),
                d.apply("slice", v, axis=1, start=half, stop=n, step=1),
            )
        )
        return d.apply(
            "concatenate",
            d.apply("sub", d.apply("mul", a, cos), d.apply("mul", b, sin)),
            d.apply("add", d.apply("mul", a, sin), d.apply("mul", b, cos)),
            axis=-1,
        )

    y = turned(x)
    return (y, turned(s.array())) if d.stream.chance(40) else y


def feed_forward(s):
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


def recurrent_cell(s):
    """One step of an LSTM or GRU cell: the new states."""
    d, n = s.d, _even_size(s)
    rows = s.shape[0] if len(s.shape) == 2 else 4
    s.shape = (rows, n)
    if d.stream.chance(55):
        gates, c = s.array((rows, 4 * n)), s.array(role="carry")
        i, g, o, forget = (
            several.split(d, gates, (n,) * 4)
            if d.stream.chance(80)
            else several.unstack(d, d.apply("reshape", gates, shape=(rows, 4, n)), 1)
        )
        c = d.apply(
            "add",
            d.apply("mul", d.apply("sigmoid", forget), c),
            d.apply("mul", d.apply("sigmoid", i), d.apply("tanh", g)),
        )
        f.describe(d, "LSTM cell.")
        return c, d.apply("mul", d.apply("sigmoid", o), d.apply("tanh", c))
    h, gates = s.array(), s.array((rows, 2 * n))
    r, z = several.split(d, gates, (n, n))
    new = d.apply("tanh", d.apply("add", s.array(), d.apply("mul", d.apply("sigmoid", r), h)))
    f.describe(d, "GRU cell.")
    return f.lerp(d, h, new, f.named(d.apply("sigmoid", z), "gate"))


def _even_size(s) -> int:
    return s.d.stream.choice((4, 8, 6, 16, 10, 5, 12))


def embedding(s):
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


def batch_norm(s):
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


# ---------------------------------------------------------------- fields


def stencil(s):
    """A step of a partial differential equation, by rolls or by slices."""
    d = s.d
    one = d.stream.chance(45)
    n = (
        d.stream.choice((8, 10, 16, 20, 32, 12, 50, 64))
        if one
        else d.stream.choice((6, 8, 10, 12, 16))
    )
    s.shape = (n,) if one else (n, d.stream.choice((8, 10, 5, 12, n)))
    u = s.array(role="field")
    lap = None
    if d.stream.chance(60):
        for axis in range(u.ndim):
            sides = d.apply(
                "add",
                d.apply("roll", u, shift=1, axis=axis),
                d.apply("roll", u, shift=-1, axis=axis),
            )
            lap = sides if lap is None else d.apply("add", lap, sides)
        lap = d.apply("sub", lap, d.apply("mul", 2.0 * u.ndim, u))
    else:
        m = s.shape[0]
        left, mid, right = (
            d.apply("slice", u, axis=0, start=i, stop=m - 2 + i, step=1) for i in range(3)
        )
        second = d.apply("add", d.apply("sub", left, d.apply("mul", 2.0, mid)), right)
        if d.stream.chance(50):
            c = d.stream.choice((0.1, 0.25, 0.2, 0.05))
            f.describe(d, "Explicit Euler step of the heat equation, ends held fixed.")
            return d.apply("at_add", u, d.apply("mul", c, second), slice=(1, m - 1)), d.apply(
                "mean", d.apply("square", u)
            )
        lap = d.apply("pad", second, pads=((1, 1),) + ((0, 0),) * (u.ndim - 1))
    f.named(lap, "laplacian")
    k = (
        s.argument((), 0.05, 0.3, "scalar")
        if d.stream.chance(45)
        else d.stream.choice((0.1, 0.25, 0.2, 0.05, 0.01))
    )
    flow = d.apply("mul", k, lap)
    kind = d.stream.below(3)
    if kind == 0:
        v = s.array(role="moment")
        v = d.apply("add", v, flow)
        f.describe(d, "Leapfrog step of the wave equation.")
        return d.apply("add", u, d.apply("mul", d.stream.choice((0.1, 0.5, 0.05)), v)), v
    if kind == 1:
        v = s.array(role="field")
        reaction = (
            d.apply("mul", u, d.apply("square", v))
            if d.stream.chance(50)
            else d.apply("sub", u, d.apply("cube", u))
        )
        f.describe(d, "Step of a reaction-diffusion system.")
        return d.apply("add", u, d.apply("sub", flow, d.apply("mul", 0.1, reaction))), d.apply(
            "add", v, d.apply("mul", 0.1, reaction)
        )
    f.describe(d, "Explicit Euler step of the heat equation.")
    new = d.apply("add", u, flow)
    return new, d.apply(
        "max", d.apply("abs", d.claim("sub", -flow.bound, flow.bound, new, u, typical=flow.samples))
    )


def grid(s):
    """A function of two coordinates on a mesh."""
    d = s.d
    n, m = d.stream.choice((4, 5, 8, 10, 16)), d.stream.choice((4, 6, 8, 12))
    xs = (
        s.array((n,))
        if d.stream.chance(60)
        else d.apply(
            "mul",
            d.apply("linspace", shape=(n,), dtype="float32", start=-1.0, stop=1.0),
            s.argument((), 0.5, 2.0, "scalar"),
        )
    )
    ys = s.array((m,))
    x, y = several.meshgrid(d, xs, ys, d.stream.choice(("ij", "xy")))
    f.named(x, "comp0")
    f.named(y, "comp1")
    s.shape = x.shape
    r2 = d.apply("add", d.apply("square", x), d.apply("square", y))
    f.describe(d, "A function on a mesh.")
    z = (
        f.gaussian(d, d.apply("sqrt", d.apply("add", r2, 0.1)))
        if d.stream.chance(50)
        else common.one_binary(d, x, common.one_unary(d, y))
    )
    return (z, r2) if d.stream.chance(50) else (z, common.one_unary(d, x))


# ---------------------------------------------------------------- probabilities


def gaussian_head(s):
    """A mean and a log spread in one array; the log density of a value and a divergence."""
    d, n = s.d, s.width
    x, both = s.array(), s.array((*s.shape[:-1], 2 * n))
    mean, log_std = several.split(d, both, (n, n))
    log_std = d.apply("clip", log_std, -2.0, 2.0) if log_std.bound > 2 else log_std
    logp = d.apply("sum", f.gaussian_logpdf(d, x, mean, log_std), axis=-1)
    kl = f.kl_gaussian(d, mean, d.apply("mul", 2.0, log_std))
    sample = d.apply("add", mean, d.apply("mul", d.apply("exp", log_std), x))
    return (logp, sample) if d.stream.chance(50) else (d.apply("mean", logp), kl, sample)


def classifier(s):
    """Logits and labels: losses by element, and probabilities."""
    d = s.d
    logits, labels = s.array(role="logits"), s.argument(s.shape, 0.0, 1.0, "targets")
    kind = d.stream.below(2)
    each = f.sigmoid_cross_entropy(d, logits, labels) if kind else f.focal(d, logits, labels)
    p = d.apply("sigmoid", logits)
    return f.named(d.apply("mean", each), "loss"), d.apply("sub", p, labels) if d.stream.chance(
        50
    ) else p


def similarity(s):
    """Two sets of rows: cosines between them, and both normalised by one helper."""
    d = s.d
    x, y = s.array(), s.array()
    if x.ndim < 2 or s.width < 4:
        raise Rejected("rows are wanted")
    f.spreads(x)
    f.spreads(y)
    if d.stream.chance(50):
        (a,), (b,) = several.helper(d, [(x,), (y,)], lambda v: f.l2_normalize(d, v), "normalize")
        return d.apply("sum", d.apply("mul", a, b), axis=-1), d.apply("sub", a, b)
    return f.cosine_similarity(d, x, y), d.apply("sub", x, y)


def stacked_pair(s):
    """Two arrays in one, taken apart again."""
    d = s.d
    both = s.array((2, *s.shape))
    a, b = (several.iterate if d.stream.chance(40) else several.unstack)(d, both)
    y = common.one_binary(d, a, common.one_unary(d, b))
    if d.stream.chance(45):
        return d.apply("stack", y, common.one_binary(d, a, b), axis=d.stream.choice((0, -1)))
    return y, common.one_binary(d, a, b)


STARTS = {
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
