"""Losses and likelihoods: one number, or one for each example, from predictions and targets."""

from typing import NamedTuple

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, idioms
from jax_ir_synth.kernels.productions.pooling import prepared, reduce


def _pair(d: ProgramBuilder, ranges: common.Ranges = ()) -> tuple[Value, Value]:
    shape = common.shape(d, 1, 2, limit=512)
    if max(shape) < 4:
        raise Rejected("too few")
    return common.array(d, shape, ranges=ranges), common.array(d, shape, ranges=ranges)


def _mean(d: ProgramBuilder, loss: Value) -> Value:
    """The loss of a batch: its mean or sum, over all or within each example, weighted at times."""
    if d.stream.chance(20):
        per_element = loss.ndim == 1 or d.stream.chance(50)
        weights = d.argument(loss.shape if per_element else loss.shape[-1:], 0.0, 1.0)
        loss = d.apply("mul", loss, weights)
    axis = d.stream.choice((None, None, None, -1, 0)) if loss.ndim > 1 else None
    return reduce(d, loss, axis, statistics={"mean": 7, "sum": 4})


def _per_row(d: ProgramBuilder, rows: Value) -> Value:
    """The losses of the rows, or one number from them."""
    if d.stream.chance(30):
        return rows
    return reduce(d, rows, None, statistics={"mean": 4, "sum": 1})


# ---------------------------------------------------------------- regression


class _Fit(NamedTuple):
    prediction: Value
    target: Value
    error: Value  # their difference, either way round


def _plain_loss(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    mean = _mean(d, d.apply(d.stream.choice(("square", "abs", "softplus")), fit.error))
    if d.stream.chance(25) and mean.low >= 0:
        mean = d.apply("sqrt", d.apply("add", mean, 0.1))
    if d.stream.chance(15):
        return mean, d.apply("max", d.apply("abs", fit.error), axis=None)
    return (mean,)


def _known_loss(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    return (_mean(d, idioms.elementwise_loss(d, fit.prediction, fit.target)),)


def _quantile_loss(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    q = d.stream.choice((0.9, 0.1, 0.75, 0.25))
    above, below = d.apply("mul", q, fit.error), d.apply("mul", round(q - 1, 2), fit.error)
    return (_mean(d, d.apply("maximum", above, below)),)


def _relative_error(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    scale = d.apply("add", d.apply("abs", fit.target), d.stream.choice((1.0, 0.5)))
    return (_mean(d, d.apply("div", d.apply("abs", fit.error), scale)),)


def _determination(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    unexplained = d.apply("sum", d.apply("square", fit.error), axis=None)
    away = d.apply("sub", fit.target, d.apply("mean", fit.target, axis=None))
    total = d.apply("sum", d.apply("square", away), axis=None)
    return (d.apply("sub", 1.0, d.apply("div", unexplained, d.apply("add", total, 1.0))),)


def _epsilon_insensitive(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    size = d.apply("abs", fit.error)
    return (_mean(d, d.apply("relu", d.apply("sub", size, d.stream.choice((0.1, 0.2, 0.5))))),)


def _charbonnier(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    square = d.apply("square", fit.error)
    return (_mean(d, d.apply("sqrt", d.apply("add", square, d.stream.choice((0.1, 1.0, 0.05))))),)


def _log_loss(d: ProgramBuilder, fit: _Fit) -> tuple[Value, ...]:
    base = 1.0 if d.stream.chance(50) else 2.0
    return (_mean(d, d.apply("log", d.apply("add", base, d.apply("square", fit.error)))),)


_REGRESSIONS = {
    _plain_loss: 4,
    _known_loss: 6,
    _quantile_loss: 3,
    _relative_error: 3,
    _determination: 2,
    _epsilon_insensitive: 3,
    _charbonnier: 3,
    _log_loss: 2,
}


def regression(d: ProgramBuilder) -> tuple[Value, ...]:
    """Squared, absolute, Huber, log-cosh, quantile and relative errors; determination; hinge."""
    x, target = _pair(d)
    prediction = prepared(d, x, 1)
    loss = d.stream.choose(_REGRESSIONS)
    terms = (prediction, target) if d.stream.chance(60) else (target, prediction)
    return loss(d, _Fit(prediction, target, d.apply("sub", *terms)))


# ---------------------------------------------------------------- classification


def _binary_case(d: ProgramBuilder, n: int, classes: int) -> tuple[Value, Value]:
    """Logits, and a label of 0 or 1, or between them, for each."""
    logits = common.array(
        d,
        (n,) if d.stream.chance(50) else (n, classes),
        ranges=((-2.0, 2.0), (-3.0, 3.0), (-1.0, 1.0)),
    )
    y = prepared(d, logits, 1)
    if d.stream.chance(50):
        return y, d.argument(logits.shape, 0.0, 1.0)
    hits = d.argument(logits.shape, 0, 1, dtype="int32", role="index")
    return y, d.apply("convert", hits, dtype=d.dtype)


def _scores(d: ProgramBuilder, n: int, classes: int) -> Value:
    """Scores of the classes, for each example."""
    scores = prepared(d, common.array(d, (n, classes)), 1)
    return (
        common.mix(d, [scores, common.array(d, (classes,))], 0) if d.stream.chance(35) else scores
    )


def _class_labels(d: ProgramBuilder, n: int, classes: int) -> Value:
    return d.argument((n,), 0, classes - 1, dtype="int32", role="index")


def _one_hot_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    scores = _scores(d, n, classes)
    labels = _class_labels(d, n, classes)
    log = d.apply("log_softmax", scores, axis=-1)
    target = d.apply("one_hot", labels, n=classes)
    if d.stream.chance(25):
        smooth = d.stream.choice((0.1, 0.05, 0.2))
        kept = d.apply("mul", round(1 - smooth, 3), target)
        target = d.apply("add", kept, round(smooth / classes, 5))
    row = d.apply("sum", d.apply("mul", target, log), axis=-1)
    return _per_row(d, d.apply("neg", row))


def _picked_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    scores = _scores(d, n, classes)
    index = d.apply("expand_dims", _class_labels(d, n, classes), axis=1)

    def pick(x: Value) -> Value:
        return d.apply("squeeze", d.apply("take_along_axis", x, index, axis=1), axis=1)

    if d.stream.chance(50):
        return _per_row(d, d.apply("neg", pick(d.apply("log_softmax", scores, axis=-1))))
    picked = pick(scores)
    return _per_row(d, d.apply("sub", d.apply("logsumexp", scores, axis=-1), picked))


def _binary_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    y, labels = _binary_case(d, n, classes)
    loss = idioms.sigmoid_cross_entropy if d.stream.chance(70) else idioms.focal
    return _mean(d, loss(d, y, labels))


def _soft_label_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    scores = _scores(d, n, classes)
    q = d.apply("softmax", common.array(d, (n, classes)), axis=-1)
    log = d.apply("log_softmax", scores, axis=-1)
    return _per_row(d, d.apply("neg", d.apply("sum", d.apply("mul", q, log), axis=-1)))


def _margin_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    scores = _scores(d, n, classes)
    index = d.apply("expand_dims", _class_labels(d, n, classes), axis=1)
    picked = d.apply("take_along_axis", scores, index, axis=1)
    slack = d.apply("add", d.apply("sub", scores, picked), d.stream.choice((1.0, 0.5, 0.2)))
    bend = d.stream.choice(("relu", "softplus"))
    return _per_row(d, d.apply("sum", d.apply(bend, slack), axis=-1))


def _dice_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    y, labels = _binary_case(d, n, classes)
    p = d.apply("sigmoid", y)
    both = d.apply("sum", d.apply("mul", p, labels), axis=None)
    total = d.apply("add", d.apply("sum", p, axis=None), d.apply("sum", labels, axis=None))
    share = d.claim(
        "div",
        0.0,
        1.0,
        d.apply("mul", 2.0, both),
        d.apply("add", total, 1.0),
        typical=0.5 + 0.2 * (p.samples - p.samples.mean()),
    )
    return d.apply("sub", 1.0, share)


def _hinge_loss(d: ProgramBuilder, n: int, classes: int) -> Value:
    y, labels = _binary_case(d, n, classes)
    sign = d.apply("sub", d.apply("mul", 2.0, labels), 1.0)
    margin = d.stream.choice((1.0, 0.5))
    return _mean(d, d.apply("relu", d.apply("sub", margin, d.apply("mul", sign, y))))


_CLASSIFICATIONS = {
    _one_hot_loss: 6,
    _picked_loss: 6,
    _binary_loss: 5,
    _soft_label_loss: 4,
    _margin_loss: 3,
    _dice_loss: 3,
    _hinge_loss: 3,
}


def classification(d: ProgramBuilder) -> tuple[Value, ...]:
    """Cross entropy with integer labels, soft labels or binary ones; margins; overlap."""
    n, classes = common.size(d, small=True), d.stream.choice((4, 5, 6, 8, 10, 12, 16))
    if n < 4:
        raise Rejected("too few")
    loss = d.stream.choose(_CLASSIFICATIONS)
    return (loss(d, n, classes),)


# ---------------------------------------------------------------- divergences


def _gaussians(d: ProgramBuilder) -> tuple[Value, Value]:
    """Means and log variances."""
    return _pair(d, ranges=((-1.0, 1.0), (-2.0, 2.0), (-0.5, 0.5)))


def _to_standard_gaussian(d: ProgramBuilder) -> Value:
    mean, log_var = _gaussians(d)
    kl = idioms.kl_gaussian(d, mean, log_var)
    return reduce(d, kl, -1 if d.stream.chance(60) else None, statistics={"sum": 4, "mean": 2})


def _between_gaussians(d: ProgramBuilder) -> Value:
    mean, log_var = _gaussians(d)
    other = common.array(d, mean.shape)
    square = d.apply("square", d.apply("sub", mean, other))
    term = d.apply("div", square, d.apply("exp", log_var))
    return d.apply("mul", 0.5, _mean(d, d.apply("add", term, log_var)))


def _two_logits(d: ProgramBuilder) -> tuple[Value, Value]:
    """Logits of two distributions."""
    x, y = _pair(d)
    if x.shape[-1] < 4:
        raise Rejected("too few classes")
    return common.light(d, x), y


def _hellinger(d: ProgramBuilder) -> Value:
    x, y = _two_logits(d)
    p, q = (d.apply("softmax", logits, axis=-1) for logits in (x, y))
    one, other = (d.apply("sqrt", d.apply("add", probs, 0.02)) for probs in (p, q))
    square = d.apply("square", d.apply("sub", one, other))
    return reduce(d, square, -1, statistics={"sum": 1})


def _jensen_shannon(d: ProgramBuilder) -> Value:
    x, y = _two_logits(d)
    log_p, log_q = (d.apply("log_softmax", logits, axis=-1) for logits in (x, y))
    middle = d.apply("sub", d.apply("logaddexp", log_p, log_q), 0.6931472)
    return _expected(d, x, d.apply("sub", log_p, middle))


def _expected(d: ProgramBuilder, logits: Value, rows: Value) -> Value:
    """The expectation of each row under the distribution of the logits."""
    return d.apply("sum", d.apply("mul", d.apply("softmax", logits, axis=-1), rows), axis=-1)


def _kullback_leibler(d: ProgramBuilder) -> Value:
    x, y = _two_logits(d)
    return _expected_log_ratio(d, x, x, y)


def _reversed_ratio(d: ProgramBuilder) -> Value:
    x, y = _two_logits(d)
    return _expected_log_ratio(d, x, y, x)


def _expected_log_ratio(d: ProgramBuilder, under: Value, one: Value, other: Value) -> Value:
    log_p, log_q = (d.apply("log_softmax", logits, axis=-1) for logits in (one, other))
    rows = _expected(d, under, d.apply("sub", log_p, log_q))
    return _per_row(d, rows) if rows.ndim else rows


_DIVERGENCES = {
    _kullback_leibler: 5,
    _to_standard_gaussian: 4,
    _between_gaussians: 3,
    _hellinger: 2,
    _jensen_shannon: 3,
    _reversed_ratio: 3,
}


def divergence(d: ProgramBuilder) -> tuple[Value, ...]:
    """Divergences of distributions: Kullback-Leibler, Jensen-Shannon, Hellinger, of Gaussians."""
    return (d.stream.choose(_DIVERGENCES)(d),)


# ---------------------------------------------------------------- likelihoods


def _normal(d: ProgramBuilder, x: Value, y: Value) -> Value:
    shape = () if d.stream.chance(50) else x.shape[-1:]
    log_std = common.array(d, shape, ranges=((-1.0, 1.0), (-0.5, 0.5)))
    return _mean(d, idioms.gaussian_logpdf(d, x, common.light(d, y), log_std))


def _poisson(d: ProgramBuilder, x: Value, y: Value) -> Value:
    most = d.stream.choice((5, 8, 10))
    integers = d.argument(x.shape, 0, most, dtype="int32", role="integer")
    counts = d.apply("convert", integers, dtype=d.dtype)
    rate = common.mix(d, [x, y], 0)
    expected = d.apply("exp", common.tamed(d, rate, 3.0))
    return _mean(d, d.apply("sub", expected, d.apply("mul", counts, rate)))


def _exponential(d: ProgramBuilder, x: Value, y: Value) -> Value:
    rate = common.positive(d, x, 0.1)
    log = d.apply("log", rate)
    return _mean(d, d.apply("sub", log, d.apply("mul", rate, common.positive(d, y, 0.0))))


def _mixture(d: ProgramBuilder, x: Value, y: Value) -> Value:
    k = d.stream.choice((2, 4, 5))
    points = common.array(d, (x.shape[-1],))
    means, logits = common.array(d, (k,)), common.array(d, (k,))
    gap = d.apply("sub", d.apply("expand_dims", points, axis=1), means)
    parts = d.apply("add", logits, d.apply("mul", -0.5, d.apply("square", gap)))
    total = reduce(d, d.apply("logsumexp", parts, axis=1), None, statistics={"mean": 1, "sum": 1})
    cross = d.apply("mean", d.apply("mul", x, y), axis=None)
    return d.apply("add", total, d.apply("mul", d.stream.choice((0.1, 0.5)), cross))


def _laplace(d: ProgramBuilder, x: Value, y: Value) -> Value:
    scale = d.stream.choice((0.5, 2.0, 1.5)) if d.stream.chance(50) else d.argument((), 0.5, 2.0)
    error = d.apply("abs", d.apply("sub", x, y))
    return d.apply("neg", _mean(d, d.apply("div", error, scale)))


def _student(d: ProgramBuilder, x: Value, y: Value) -> Value:
    square = d.apply("square", d.apply("sub", x, y))
    z = d.apply("div", square, d.stream.choice((2.0, 4.0, 5.0, 10.0)))
    factor = d.stream.choice((-1.5, -2.5, -3.0))
    return d.apply("mul", factor, _mean(d, d.apply("log1p", z)))


_LIKELIHOODS = {
    _normal: 5,
    _poisson: 4,
    _exponential: 3,
    _mixture: 4,
    _laplace: 3,
    _student: 3,
}


def likelihood(d: ProgramBuilder) -> tuple[Value, ...]:
    """Log likelihoods of normal, Poisson, exponential, Laplace, Student and mixture models."""
    model = d.stream.choose(_LIKELIHOODS)
    return (model(d, *_pair(d)),)


# ---------------------------------------------------------------- embeddings


def _cosines(d: ProgramBuilder, a: Value, b: Value) -> Value:
    rows = idioms.cosine_similarity(d, prepared(d, a, 1), b)
    if d.stream.chance(40):
        return rows
    return d.apply("sub", 1.0, d.apply("mean", rows, axis=None))


def _triplet_loss(d: ProgramBuilder, a: Value, b: Value) -> Value:
    c = common.array(d, a.shape)
    near = d.apply("sum", d.apply("square", d.apply("sub", a, b)), axis=-1)
    far = d.apply("sum", d.apply("square", d.apply("sub", a, c)), axis=-1)
    slack = d.apply("add", d.apply("sub", near, far), d.stream.choice((1.0, 0.5, 0.2)))
    return _per_row(d, d.apply(d.stream.choice(("relu", "softplus")), slack))


def _in_batch_loss(d: ProgramBuilder, a: Value, b: Value) -> Value:
    scores = d.apply("matmul", common.light(d, a), d.apply("transpose", b, perm=(1, 0)))
    heat = d.stream.choice((0.5, 2.0, 0.25)) if d.stream.chance(60) else d.argument((), 0.5, 2.0)
    log = d.apply("log_softmax", d.apply("div", scores, heat), axis=-1)
    hits = d.apply("diagonal", log)
    return d.apply("neg", reduce(d, hits, None, statistics={"mean": 4, "sum": 1}))


def _pair_loss(d: ProgramBuilder, a: Value, b: Value) -> Value:
    distance = d.apply("norm", d.apply("sub", a, b), axis=-1)
    labels = d.argument(distance.shape, 0.0, 1.0)
    far = d.apply("relu", d.apply("sub", d.stream.choice((1.0, 2.0)), distance))
    alike = d.apply("mul", labels, d.apply("square", distance))
    unlike = d.apply("mul", d.apply("sub", 1.0, labels), d.apply("square", far))
    return _per_row(d, d.apply("add", alike, unlike))


_CONTRASTS = {_cosines: 4, _triplet_loss: 4, _in_batch_loss: 4, _pair_loss: 3}


def contrastive(d: ProgramBuilder) -> tuple[Value, ...]:
    """Similarities of embeddings: cosine, triplet margins, in-batch cross entropy."""
    n, k = d.stream.choice((4, 5, 6, 8, 10, 16)), d.stream.choice((4, 5, 6, 8, 10, 16))
    a, b = common.array(d, (n, k)), common.array(d, (n, k))
    return (d.stream.choose(_CONTRASTS)(d, a, b),)
