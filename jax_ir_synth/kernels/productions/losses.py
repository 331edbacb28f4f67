"""Losses and likelihoods: one number, or one for each example, from predictions and targets."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, idioms
from jax_ir_synth.kernels.productions.pooling import prepared, reduce
from jax_ir_synth.kernels.productions.recurrences import light, mix


def _pair(d: ProgramBuilder, ranges=None) -> tuple[Value, Value]:
    shape = common.shape(d, 1, 2, limit=512)
    if max(shape) < 4:
        raise Rejected("too few")
    return common.array(d, shape, ranges=ranges), common.array(d, shape, ranges=ranges)


def _mean(d: ProgramBuilder, loss: Value, axes=(None, None, None, -1, 0)) -> Value:
    """The loss of a batch: its mean or sum, over all or within each example, weighted at times."""
    if d.stream.chance(20):
        weights = (
            d.argument(loss.shape, 0.0, 1.0)
            if loss.ndim == 1 or d.stream.chance(50)
            else d.argument(loss.shape[-1:], 0.0, 1.0)
        )
        loss = d.apply("mul", loss, weights)
    axis = d.stream.choice(axes) if loss.ndim > 1 else None
    return reduce(d, loss, axis, statistics={"mean": 7, "sum": 4})


def regression(d: ProgramBuilder) -> tuple[Value, ...]:
    """Squared, absolute, Huber, log-cosh, quantile and relative errors; determination; hinge."""
    x, y = _pair(d)
    prediction = prepared(d, x, 1)
    kind = d.stream.choose(
        {
            "plain": 4,
            "idiom": 6,
            "quantile": 3,
            "relative": 3,
            "determination": 2,
            "epsilon": 3,
            "charbonnier": 3,
            "log": 2,
        }
    )
    error = d.apply("sub", prediction, y) if d.stream.chance(60) else d.apply("sub", y, prediction)
    if kind == "plain":
        loss = d.apply(d.stream.choice(("square", "abs", "softplus")), error)
        mean = _mean(d, loss)
        if d.stream.chance(25):
            mean = d.apply("sqrt", d.apply("add", mean, 0.1)) if mean.low >= 0 else mean
        return (
            (mean, d.apply("max", d.apply("abs", error), axis=None))
            if d.stream.chance(15)
            else (mean,)
        )
    if kind == "idiom":
        return (_mean(d, idioms.elementwise_loss(d, prediction, y)),)
    if kind == "quantile":
        q = d.stream.choice((0.9, 0.1, 0.75, 0.25))
        return (
            _mean(
                d,
                d.apply(
                    "maximum", d.apply("mul", q, error), d.apply("mul", round(q - 1, 2), error)
                ),
            ),
        )
    if kind == "relative":
        scale = d.apply("add", d.apply("abs", y), d.stream.choice((1.0, 0.5)))
        return (_mean(d, d.apply("div", d.apply("abs", error), scale)),)
    if kind == "determination":
        rest = d.apply("sum", d.apply("square", error), axis=None)
        whole = d.apply(
            "sum", d.apply("square", d.apply("sub", y, d.apply("mean", y, axis=None))), axis=None
        )
        return (d.apply("sub", 1.0, d.apply("div", rest, d.apply("add", whole, 1.0))),)
    if kind == "epsilon":
        return (
            _mean(
                d,
                d.apply(
                    "relu", d.apply("sub", d.apply("abs", error), d.stream.choice((0.1, 0.2, 0.5)))
                ),
            ),
        )
    if kind == "charbonnier":
        return (
            _mean(
                d,
                d.apply(
                    "sqrt",
                    d.apply("add", d.apply("square", error), d.stream.choice((0.1, 1.0, 0.05))),
                ),
            ),
        )
    return (
        _mean(
            d,
            d.apply(
                "log", d.apply("add", 1.0 if d.stream.chance(50) else 2.0, d.apply("square", error))
            ),
        ),
    )


def classification(d: ProgramBuilder) -> tuple[Value, ...]:
    """Cross entropy with integer labels or soft ones, binary ones, margins, hits."""
    n, classes = common.size(d, small=True), d.stream.choice((4, 5, 6, 8, 10, 12, 16))
    if n < 4:
        raise Rejected("too few")
    kind = d.stream.choose(
        {"one_hot": 6, "picked": 6, "binary": 5, "soft": 4, "margin": 3, "dice": 3, "hinge": 3}
    )
    if kind in ("binary", "dice", "hinge"):
        logits = common.array(
            d,
            (n,) if d.stream.chance(50) else (n, classes),
            ranges=((-2.0, 2.0), (-3.0, 3.0), (-1.0, 1.0)),
        )
        y = prepared(d, logits, 1)
        if d.stream.chance(50):
            labels = d.argument(logits.shape, 0.0, 1.0)
        else:
            labels = d.apply(
                "convert",
                d.argument(logits.shape, 0, 1, dtype="int32", role="index"),
                dtype=d.dtype,
            )
        if kind == "binary":
            return (
                _mean(
                    d,
                    idioms.sigmoid_cross_entropy(d, y, labels)
                    if d.stream.chance(70)
                    else idioms.focal(d, y, labels),
                ),
            )
        if kind == "hinge":
            sign = d.apply("sub", d.apply("mul", 2.0, labels), 1.0)
            return (
                _mean(
                    d,
                    d.apply(
                        "relu", d.apply("sub", d.stream.choice((1.0, 0.5)), d.apply("mul", sign, y))
                    ),
                ),
            )
        p = d.apply("sigmoid", y)
        both = d.apply("sum", d.apply("mul", p, labels), axis=None)
        total = d.apply("add", d.apply("sum", p, axis=None), d.apply("sum", labels, axis=None))
        return (
            d.apply(
                "sub",
                1.0,
                d.claim(
                    "div",
                    0.0,
                    1.0,
                    d.apply("mul", 2.0, both),
                    d.apply("add", total, 1.0),
                    typical=0.5 + 0.2 * (p.samples - p.samples.mean()),
                ),
            ),
        )
    logits = common.array(d, (n, classes))
    scores = prepared(d, logits, 1)
    if d.stream.chance(35):
        scores = mix(d, [scores, common.array(d, (classes,))], 0)
    if kind == "soft":
        q = d.apply("softmax", common.array(d, (n, classes)), axis=-1)
        return (
            _per_row(
                d,
                d.apply(
                    "neg",
                    d.apply(
                        "sum", d.apply("mul", q, d.apply("log_softmax", scores, axis=-1)), axis=-1
                    ),
                ),
            ),
        )
    labels = d.argument((n,), 0, classes - 1, dtype="int32", role="index")
    if kind == "one_hot":
        log = d.apply("log_softmax", scores, axis=-1)
        target = d.apply("one_hot", labels, n=classes)
        if d.stream.chance(25):
            smooth = d.stream.choice((0.1, 0.05, 0.2))
            target = d.apply(
                "add", d.apply("mul", round(1 - smooth, 3), target), round(smooth / classes, 5)
            )
        row = d.apply("sum", d.apply("mul", target, log), axis=-1)
        return (_per_row(d, d.apply("neg", row)),)
    index = d.apply("expand_dims", labels, axis=1)
    if kind == "picked":
        if d.stream.chance(50):
            log = d.apply("log_softmax", scores, axis=-1)
            return (
                _per_row(
                    d,
                    d.apply(
                        "neg",
                        d.apply("squeeze", d.apply("take_along_axis", log, index, axis=1), axis=1),
                    ),
                ),
            )
        chosen = d.apply("squeeze", d.apply("take_along_axis", scores, index, axis=1), axis=1)
        return (_per_row(d, d.apply("sub", d.apply("logsumexp", scores, axis=-1), chosen)),)
    chosen = d.apply("take_along_axis", scores, index, axis=1)
    slack = d.apply("add", d.apply("sub", scores, chosen), d.stream.choice((1.0, 0.5, 0.2)))
    return (
        _per_row(d, d.apply("sum", d.apply(d.stream.choice(("relu", "softplus")), slack), axis=-1)),
    )


def _per_row(d: ProgramBuilder, rows: Value) -> Value:
    if d.stream.chance(30):
        return rows
    return reduce(d, rows, None, statistics={"mean": 4, "sum": 1})


def divergence(d: ProgramBuilder) -> tuple[Value, ...]:
    """Divergences of distributions: Kullback-Leibler, Jensen-Shannon, Hellinger, of Gaussians."""
    kind = d.stream.choose(
        {"kl": 5, "gaussian": 4, "two": 3, "hellinger": 2, "js": 3, "reverse": 3}
    )
    if kind in ("gaussian", "two"):
        mean, log_var = _pair(d, ranges=((-1.0, 1.0), (-2.0, 2.0), (-0.5, 0.5)))
        if kind == "gaussian":
            return (
                reduce(
                    d,
                    idioms.kl_gaussian(d, mean, log_var),
                    -1 if d.stream.chance(60) else None,
                    statistics={"sum": 4, "mean": 2},
                ),
            )
        other = common.array(d, mean.shape)
        term = d.apply(
            "div", d.apply("square", d.apply("sub", mean, other)), d.apply("exp", log_var)
        )
        return (d.apply("mul", 0.5, _mean(d, d.apply("add", term, log_var))),)
    x, y = _pair(d)
    if x.shape[-1] < 4:
        raise Rejected("too few classes")
    x = light(d, x)
    p = d.apply("softmax", x, axis=-1)
    if kind == "hellinger":
        diff = d.apply(
            "sub",
            d.apply("sqrt", d.apply("add", p, 0.02)),
            d.apply("sqrt", d.apply("add", d.apply("softmax", y, axis=-1), 0.02)),
        )
        return (reduce(d, d.apply("square", diff), -1, statistics={"sum": 1}),)
    log_p, log_q = d.apply("log_softmax", x, axis=-1), d.apply("log_softmax", y, axis=-1)
    if kind == "js":
        middle = d.apply("sub", d.apply("logaddexp", log_p, log_q), 0.6931472)
        return (d.apply("sum", d.apply("mul", p, d.apply("sub", log_p, middle)), axis=-1),)
    pair = d.apply("sub", log_p, log_q) if kind == "kl" else d.apply("sub", log_q, log_p)
    rows = d.apply("sum", d.apply("mul", p, pair), axis=-1)
    return (_per_row(d, rows),) if rows.ndim else (rows,)


def likelihood(d: ProgramBuilder) -> tuple[Value, ...]:
    """Log likelihoods of normal, Poisson, exponential, gamma-like, Bernoulli and mixture models."""
    kind = d.stream.choose(
        {"normal": 5, "poisson": 4, "exponential": 3, "mixture": 4, "laplace": 3, "student": 3}
    )
    x, y = _pair(d)
    if kind == "normal":
        shared = d.stream.chance(50)
        log_std = common.array(d, () if shared else x.shape[-1:], ranges=((-1.0, 1.0), (-0.5, 0.5)))
        return (_mean(d, idioms.gaussian_logpdf(d, x, light(d, y), log_std)),)
    if kind == "poisson":
        counts = d.apply(
            "convert",
            d.argument(x.shape, 0, d.stream.choice((5, 8, 10)), dtype="int32", role="integer"),
            dtype=d.dtype,
        )
        rate = mix(d, [x, y], 0)
        return (
            _mean(
                d,
                d.apply(
                    "sub", d.apply("exp", common.tamed(d, rate, 3.0)), d.apply("mul", counts, rate)
                ),
            ),
        )
    if kind == "exponential":
        rate = common.positive(d, x, 0.1)
        return (
            _mean(
                d,
                d.apply(
                    "sub", d.apply("log", rate), d.apply("mul", rate, common.positive(d, y, 0.0))
                ),
            ),
        )
    if kind == "laplace":
        scale = (
            d.stream.choice((0.5, 2.0, 1.5)) if d.stream.chance(50) else d.argument((), 0.5, 2.0)
        )
        return (
            d.apply("neg", _mean(d, d.apply("div", d.apply("abs", d.apply("sub", x, y)), scale))),
        )
    if kind == "student":
        z = d.apply(
            "div", d.apply("square", d.apply("sub", x, y)), d.stream.choice((2.0, 4.0, 5.0, 10.0))
        )
        return (d.apply("mul", d.stream.choice((-1.5, -2.5, -3.0)), _mean(d, d.apply("log1p", z))),)
    k = d.stream.choice((2, 4, 5))
    points = common.array(d, (x.shape[-1],))
    means, logits = common.array(d, (k,)), common.array(d, (k,))
    gap = d.apply("sub", d.apply("expand_dims", points, axis=1), means)
    parts = d.apply("add", logits, d.apply("mul", -0.5, d.apply("square", gap)))
    total = reduce(d, d.apply("logsumexp", parts, axis=1), None, statistics={"mean": 1, "sum": 1})
    cross = d.apply("mean", d.apply("mul", x, y), axis=None)
    return (d.apply("add", total, d.apply("mul", d.stream.choice((0.1, 0.5)), cross)),)


def contrastive(d: ProgramBuilder) -> tuple[Value, ...]:
    """Similarities of embeddings: cosine, triplet margins, in-batch cross entropy."""
    n, k = d.stream.choice((4, 5, 6, 8, 10, 16)), d.stream.choice((4, 5, 6, 8, 10, 16))
    a, b = common.array(d, (n, k)), common.array(d, (n, k))
    kind = d.stream.choose({"cosine": 4, "triplet": 4, "batch": 4, "margin": 3})
    if kind == "cosine":
        rows = idioms.cosine_similarity(d, prepared(d, a, 1), b)
        return (
            (rows,)
            if d.stream.chance(40)
            else (d.apply("sub", 1.0, d.apply("mean", rows, axis=None)),)
        )
    if kind == "triplet":
        c = common.array(d, (n, k))
        near = d.apply("sum", d.apply("square", d.apply("sub", a, b)), axis=-1)
        far = d.apply("sum", d.apply("square", d.apply("sub", a, c)), axis=-1)
        slack = d.apply("add", d.apply("sub", near, far), d.stream.choice((1.0, 0.5, 0.2)))
        return (_per_row(d, d.apply(d.stream.choice(("relu", "softplus")), slack)),)
    if kind == "batch":
        scores = d.apply("matmul", light(d, a), d.apply("transpose", b, perm=(1, 0)))
        heat = (
            d.stream.choice((0.5, 2.0, 0.25)) if d.stream.chance(60) else d.argument((), 0.5, 2.0)
        )
        scores = d.apply("div", scores, heat)
        log = d.apply("log_softmax", scores, axis=-1)
        return (
            d.apply(
                "neg",
                reduce(d, d.apply("diagonal", log), None, statistics={"mean": 4, "sum": 1}),
            ),
        )
    distance = d.apply("norm", d.apply("sub", a, b), axis=-1)
    labels = d.argument((n,), 0.0, 1.0)
    far = d.apply("relu", d.apply("sub", d.stream.choice((1.0, 2.0)), distance))
    pair = d.apply(
        "add",
        d.apply("mul", labels, d.apply("square", distance)),
        d.apply("mul", d.apply("sub", 1.0, labels), d.apply("square", far)),
    )
    return (_per_row(d, pair),)
