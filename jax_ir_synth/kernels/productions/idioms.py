"""Known formulas as functions of a builder and values: what people write again and again."""

import math

import numpy as np

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.common import Transform

_PROPER = {
    "GELU",
    "GEGLU",
    "SwiGLU",
    "RMS",
    "KL",
    "Rodrigues'",
    "Phong",
    "Lambertian",
    "Lennard-Jones",
    "Huber",
    "Adam",
    "RMSProp",
    "Lion",
    "SGD",
    "Swish",
    "Euler",
    "Gram-Schmidt",
}
EPSILONS = {
    1e-06: 6,
    1e-05: 6,
    1e-08: 4,
    0.001: 2,
    1e-12: 1,
    1.1920928955078125e-07: 2,
}  # the last is float32's own


def describe(d: ProgramBuilder, text: str) -> None:
    """Adds to the program's docstring, which describes up to three of its formulas."""
    if not d.doc:
        d.doc = text
    elif len(d.doc) + len(text) < 80 and text.rstrip(".").lower() not in d.doc.lower():
        later = text if text.split()[0] in _PROPER else text[0].lower() + text[1:]
        d.doc = f"{d.doc.rstrip('.')}; {later}"


def epsilon(d: ProgramBuilder) -> float:
    """A small number that keeps a denominator from zero."""
    return d.stream.choose(EPSILONS) if d.dtype == "float32" else 1e-3


def named(value: Value, role: str) -> Value:
    """The value, with a role that decides its name."""
    return value.named(role)


def rows(x: Value) -> int:
    """Length of the last axis; Rejected for a scalar."""
    if not x.ndim:
        raise Rejected("an axis is wanted")
    return x.shape[-1]


def spreads(x: Value, least: float = 0.2) -> None:
    """Rejected where x varies too little to be divided by its spread."""
    if float(x.samples.std()) < least or rows(x) < 4:
        raise Rejected("varies too little")


# ---------------------------------------------------------------- normalisations

_Scale = tuple[str, Value]  # "mul" or "div", and by what


def _inverse_root_of_variance(
    d: ProgramBuilder, x: Value, dev: Value, axis: int, eps: float
) -> _Scale:
    variance = d.apply("var", x, axis=axis, keepdims=True)
    return "mul", _inverse_root(d, d.apply("add", variance, eps))


def _root_of_variance(d: ProgramBuilder, x: Value, dev: Value, axis: int, eps: float) -> _Scale:
    variance = d.apply("var", x, axis=axis, keepdims=True)
    return "div", _root(d, d.apply("add", variance, eps))


def _root_mean_square(d: ProgramBuilder, x: Value, dev: Value, axis: int, eps: float) -> _Scale:
    variance = d.apply("mean", d.apply("square", dev), axis=axis, keepdims=True)
    return "div", _root(d, d.apply("add", variance, eps))


def _standard_deviation(d: ProgramBuilder, x: Value, dev: Value, axis: int, eps: float) -> _Scale:
    return "div", d.apply("add", d.apply("std", x, axis=axis, keepdims=True), eps)


_SCALES = (  # the first is twice as likely
    _inverse_root_of_variance,
    _root_of_variance,
    _inverse_root_of_variance,
    _root_mean_square,
    _standard_deviation,
)
_LAYER_NORM_TEXTS = (
    "Layer normalisation.",
    "Normalises x to zero mean and unit variance.",
    "Standardises along the last axis.",
)


def layer_norm(d: ProgramBuilder, x: Value, axis: int = -1) -> Value:
    """(x - mean) / sqrt(var + eps), in several ways; sums to zero."""
    spreads(x)
    eps, bound = epsilon(d), math.sqrt(x.shape[axis])
    mean = d.apply("mean", x, axis=axis, keepdims=True)
    dev = named(d.apply("sub", x, mean), "centered")
    op, scale = d.stream.choice(_SCALES)(d, x, dev, axis, eps)
    typical = dev.samples / float(x.samples.std())
    y = d.claim(op, -bound, bound, dev, scale, typical=typical)
    describe(d, d.stream.choice(_LAYER_NORM_TEXTS))
    return y.changed(centred=True)


def rms_norm(d: ProgramBuilder, x: Value, axis: int = -1) -> Value:
    """Divides x by its root mean square, sqrt(mean(x²) + eps)."""
    spreads(x)
    bound = math.sqrt(x.shape[axis])
    rms = math.sqrt(float((x.samples**2).mean()))
    power = d.apply(
        "add", d.apply("mean", d.apply("square", x), axis=axis, keepdims=True), epsilon(d)
    )
    describe(d, d.stream.choice(("RMS normalisation.", "Scales x to unit root mean square.")))
    if d.stream.chance(55):
        return d.claim("mul", -bound, bound, x, _inverse_root(d, power), typical=x.samples / rms)
    return d.claim("div", -bound, bound, x, _root(d, power), typical=x.samples / rms)


def _root(d: ProgramBuilder, x: Value) -> Value:
    """Square root of a value whose range begins at its epsilon."""
    return d.claim("sqrt", math.sqrt(max(x.low, 0.0)), math.sqrt(x.high), x)


def _inverse_root(d: ProgramBuilder, x: Value) -> Value:
    """1/sqrt of such a value; it is large only where all elements agree, which is unlikely."""
    typical = 1 / np.sqrt(np.maximum(x.samples, 1e-3))
    most = 1000.0 if x.dtype == "float32" else 50.0
    return d.claim("rsqrt", float(1 / math.sqrt(x.high)), most, x, typical=typical)


def min_max(d: ProgramBuilder, x: Value, axis: int | None) -> Value:
    """(x - min) / (max - min + eps): the range [0, 1]."""
    spreads(x)
    low = d.apply("min", x, axis=axis, keepdims=axis is not None)
    high = d.apply("max", x, axis=axis, keepdims=axis is not None)
    span = d.claim("sub", 0.0, x.high - x.low, high, low)
    width = d.apply("add", span, epsilon(d))
    unit = (x.samples - x.samples.min()) / (x.samples.max() - x.samples.min())
    describe(d, "Rescales x to the unit interval.")
    return d.claim("div", 0.0, 1.0, d.apply("sub", x, low), width, typical=unit)


def _exp_below(d: ProgramBuilder, x: Value, top: Value) -> Value:
    """exp(x - top), where top is the largest of x."""
    below = x.samples - x.samples.max()
    return d.claim("exp", 0.0, 1.0, d.claim("sub", x.low - x.high, 0.0, x, top, typical=below))


def softmax_by_hand(d: ProgramBuilder, x: Value, axis: int) -> Value:
    """exp(x - max) / sum(exp(x - max)); sums to one."""
    spreads(x)
    if x.bound > 30 or x.shape[axis] > 64:
        raise Rejected("softmax: too wide")
    top = d.apply("max", x, axis=axis, keepdims=True)
    if d.stream.chance(35):
        top = d.apply("stop_gradient", top)
    e = _exp_below(d, x, top)
    total = d.claim("sum", 1.0, x.shape[axis], e, axis=axis, keepdims=True)
    y = d.claim("div", 0.0, 1.0, e, total, typical=e.samples / e.samples.sum() * 16 / x.shape[axis])
    describe(d, "Numerically stable softmax.")
    return named(y.changed(centred=True), "softmax")


def softmax(d: ProgramBuilder, x: Value, axis: int = -1) -> Value:
    """A softmax, by jax.nn or by hand."""
    return d.apply("softmax", x, axis=axis) if d.stream.chance(60) else softmax_by_hand(d, x, axis)


def logsumexp_by_hand(d: ProgramBuilder, x: Value) -> Value:
    """Max + log(sum(exp(x - max))), along the last axis."""
    spreads(x)
    top = d.apply("max", x, axis=-1, keepdims=True)
    n = math.log(x.shape[-1])
    e = _exp_below(d, x, top)
    total = d.claim("log", 0.0, n, d.claim("sum", 1.0, x.shape[-1], e, axis=-1, keepdims=True))
    describe(d, "Log-sum-exp with the maximum subtracted first.")
    return d.claim("add", x.low, x.high + n, top, total)


def _root_of_products(d: ProgramBuilder, x: Value, eps: float) -> _Scale:
    return _root_of_sum(d, d.apply("mul", x, x), eps)


def _root_of_squares(d: ProgramBuilder, x: Value, eps: float) -> _Scale:
    return _root_of_sum(d, d.apply("square", x), eps)


def _root_of_sum(d: ProgramBuilder, squares: Value, eps: float) -> _Scale:
    total = d.apply("add", d.apply("sum", squares, axis=-1, keepdims=True), eps)
    return ("mul", _inverse_root(d, total)) if d.stream.chance(50) else ("div", _root(d, total))


def _norm_plus_epsilon(d: ProgramBuilder, x: Value, eps: float) -> _Scale:
    return "div", d.apply("add", d.apply("norm", x, axis=-1, keepdims=True), eps)


def _norm_above_epsilon(d: ProgramBuilder, x: Value, eps: float) -> _Scale:
    return "div", d.apply("maximum", d.apply("norm", x, axis=-1, keepdims=True), eps)


_LENGTHS = {
    _root_of_products: 1,
    _root_of_squares: 1,
    _norm_plus_epsilon: 2,
    _norm_above_epsilon: 1,
}


def l2_normalize(d: ProgramBuilder, x: Value) -> Value:
    """Divides x by its norm along the last axis: x / (‖x‖ + eps) or x / max(‖x‖, eps)."""
    eps = epsilon(d)
    rms = math.sqrt(float((x.samples**2).mean()) * x.shape[-1]) + 1e-9
    measure = d.stream.choose(_LENGTHS)
    describe(d, d.stream.choice(("Scales x to unit length.", "Normalises along the last axis.")))
    op, length = measure(d, x, eps)
    return d.claim(op, -1, 1, x, length, typical=x.samples / rms)


# ---------------------------------------------------------------- activations and gates


def gelu_by_hand(d: ProgramBuilder, x: Value) -> Value:
    """0.5 x (1 + tanh(0.7979 (x + 0.0447 x³)))."""
    inner = d.apply("add", x, d.apply("mul", 0.044715, d.apply("cube", x)))
    inner = d.apply(
        "mul", d.stream.choice((math.sqrt(2 / math.pi), 0.7978845608, 0.79788456)), inner
    )
    describe(d, "GELU activation (tanh approximation).")
    return d.apply("mul", d.apply("mul", 0.5, x), d.apply("add", 1.0, d.apply("tanh", inner)))


def swish(d: ProgramBuilder, x: Value) -> Value:
    """The swish, x sigmoid(beta x)."""
    beta = d.stream.choice((None, 1.702, 1.5, 2.0, 0.5))
    describe(d, "Swish activation.")
    return d.apply("mul", x, d.apply("sigmoid", x if beta is None else d.apply("mul", beta, x)))


def sigmoid_by_hand(d: ProgramBuilder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return d.apply("reciprocal", d.apply("add", 1.0, d.apply("exp", d.apply("neg", x))))


def softplus_by_hand(d: ProgramBuilder, x: Value) -> Value:
    """log(1 + exp(x))."""
    e = d.apply("exp", x)
    return (
        d.apply("log1p", e)
        if d.stream.chance(60)
        else d.claim("log", 0.0, math.log(1 + e.high), d.apply("add", 1.0, e))
    )


def mish_by_hand(d: ProgramBuilder, x: Value) -> Value:
    """The mish, x tanh(softplus(x))."""
    return d.apply("mul", x, d.apply("tanh", d.apply("softplus", x)))


_GATING = "Gates x by an activation."
# The activation of a gate, and what its function is called.
_GATES = {
    ("sigmoid", "Gated linear unit."): 5,
    ("silu", "SwiGLU gating."): 4,
    ("gelu_tanh", "GEGLU gating."): 3,
    ("tanh", _GATING): 2,
    ("relu", _GATING): 1,
}


def gate(d: ProgramBuilder, x: Value, g: Value) -> Value:
    """Gates x by an activation of g."""
    name, text = d.stream.choose(_GATES)
    describe(d, text)
    return d.apply("mul", x, named(d.apply(name, g), "gate"))


_BY_HAND = (gelu_by_hand, swish, sigmoid_by_hand, softplus_by_hand, mish_by_hand)


def _activation_by_hand(d: ProgramBuilder, x: Value) -> Value:
    return d.stream.choice(_BY_HAND)(d, x)


_ACTIVATIONS: dict[str | Transform, int] = {
    "relu": 6,
    "gelu_tanh": 5,
    "silu": 5,
    "tanh": 6,
    "sigmoid": 3,
    "softplus": 3,
    "elu": 2,
    "leaky_relu": 2,
    _activation_by_hand: 8,
}


def activation(
    d: ProgramBuilder, x: Value, functions: dict[str | Transform, int] = _ACTIVATIONS
) -> Value:
    """One of the weighted activations of x: by default the common ones, by jax.nn or by hand."""
    return d.attempt(lambda: common.transform(d, x, functions))


# ---------------------------------------------------------------- mixing two values


def lerp(d: ProgramBuilder, a: Value, b: Value, t: Value | float) -> Value:
    """Interpolates: a + t (b - a), or (1 - t) a + t b."""
    describe(d, "Linear interpolation.")
    if d.stream.chance(50):
        return d.apply("add", a, d.apply("mul", t, d.apply("sub", b, a)))
    rest = round(1 - t, 6) if not isinstance(t, Value) else d.apply("sub", 1.0, t)
    return d.apply("add", d.apply("mul", rest, a), d.apply("mul", t, b))


def average(d: ProgramBuilder, share: float, old: Value, new: Value) -> Value:
    """Share * old + (1 - share) * new."""
    rest = round(1 - share, 6)
    return d.apply("add", d.apply("mul", share, old), d.apply("mul", rest, new))


def moving_average(d: ProgramBuilder, old: Value, new: Value) -> Value:
    """An average whose share of the old value is near one, as for running statistics."""
    return average(d, d.stream.choice((0.9, 0.99, 0.95, 0.999, 0.8, 0.5, 0.98)), old, new)


def gaussian(d: ProgramBuilder, x: Value, sigma: Value | float | None = None) -> Value:
    """exp(-0.5 (x / sigma)²), or exp(-x²)."""
    z = x if sigma is None else d.apply("div", x, sigma)
    square = d.apply("square", z)
    return d.apply(
        "exp", d.apply("mul", -0.5, square) if d.stream.chance(60) else d.apply("neg", square)
    )


def gaussian_logpdf(d: ProgramBuilder, x: Value, mean: Value, log_std: Value) -> Value:
    """Log density of a normal distribution with its logarithm of the standard deviation."""
    z = d.apply("mul", d.apply("sub", x, mean), d.apply("exp", d.apply("neg", log_std)))
    half = d.apply("mul", -0.5, d.apply("square", z))
    describe(d, "Log density of a diagonal Gaussian.")
    return named(d.apply("sub", d.apply("sub", half, log_std), 0.5 * math.log(2 * math.pi)), "log")


def cosine_similarity(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """Cosine of the angle between x and y along the last axis."""
    dot = d.apply("sum", d.apply("mul", x, y), axis=-1)
    norms = d.apply("mul", d.apply("norm", x, axis=-1), d.apply("norm", y, axis=-1))
    norms = (
        d.apply("add", norms, epsilon(d))
        if d.stream.chance(50)
        else d.apply("maximum", norms, epsilon(d))
    )
    n = rows(x)
    typical = dot.samples / (n * math.sqrt(float((x.samples**2).mean() * (y.samples**2).mean())))
    describe(d, "Cosine similarity along the last axis.")
    return d.claim("div", -1.0, 1.0, dot, norms, typical=typical)


# ---------------------------------------------------------------- losses, element by element


def squared_error(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """(x - y)²."""
    return d.apply("square", d.apply("sub", x, y))


def absolute_error(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """|x - y|."""
    return d.apply("abs", d.apply("sub", x, y))


def huber(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """Huber's loss without a branch: 0.5 q² + delta (|e| - q), where q = min(|e|, delta)."""
    delta = d.stream.choice((1.0, 0.5, 0.1, 2.0))
    error = absolute_error(d, x, y)
    quadratic = d.apply("minimum", error, delta)
    linear = d.apply("sub", error, quadratic)
    describe(d, "Huber loss.")
    return d.apply(
        "add", d.apply("mul", 0.5, d.apply("square", quadratic)), d.apply("mul", delta, linear)
    )


def log_cosh(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """Log cosh of the error, kept from overflow."""
    error = d.apply("sub", x, y)
    describe(d, "Log-cosh loss.")
    return d.apply(
        "sub", d.apply("logaddexp", error, d.apply("neg", error)), round(math.log(2.0), 7)
    )


def sigmoid_cross_entropy(d: ProgramBuilder, logits: Value, labels: Value) -> Value:
    """Binary cross entropy of logits."""
    describe(d, "Sigmoid cross entropy with logits.")
    if d.stream.chance(50):
        relu = d.apply("maximum", logits, 0.0)
        soft = d.apply("log1p", d.apply("exp", d.apply("neg", d.apply("abs", logits))))
        return d.apply("add", d.apply("sub", relu, d.apply("mul", logits, labels)), soft)
    positive = d.apply("mul", labels, d.apply("log_sigmoid", logits))
    negative = d.apply(
        "mul", d.apply("sub", 1.0, labels), d.apply("log_sigmoid", d.apply("neg", logits))
    )
    return d.apply("sub", d.apply("neg", positive), negative)


def focal(d: ProgramBuilder, logits: Value, labels: Value) -> Value:
    """Focal loss of probabilities that a sigmoid gives."""
    p = d.apply("sigmoid", logits)
    hit = d.apply(
        "add",
        d.apply("mul", p, labels),
        d.apply("mul", d.apply("sub", 1.0, p), d.apply("sub", 1.0, labels)),
    )
    miss = d.apply("sub", 1.0, hit)
    weight = (
        d.apply("square", miss)
        if d.stream.chance(60)
        else d.apply("power", d.claim("add", 0.1, 1.1, miss, 0.1), 1.5)
    )
    describe(d, "Binary focal loss.")
    return d.apply(
        "mul", weight, d.apply("neg", d.claim("log", -8.0, 0.2, d.apply("add", hit, 1e-3)))
    )


def kl_gaussian(d: ProgramBuilder, mean: Value, log_var: Value) -> Value:
    """Divergence of a normal distribution from the standard one, by element."""
    inner = d.apply("sub", d.apply("add", 1.0, log_var), d.apply("square", mean))
    describe(d, "KL divergence of a diagonal Gaussian from the standard normal.")
    return d.apply("mul", -0.5, d.apply("sub", inner, d.apply("exp", log_var)))


_LOSSES = (squared_error, huber, log_cosh, absolute_error)


def elementwise_loss(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """One of the losses of a prediction and a target, by element."""
    return d.stream.choice(_LOSSES)(d, x, y)
