"""Unary elementwise functions of jnp, lax, jax.nn and jax.scipy.special."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import ANY, Op, RangeRule, Spelling, first_dtype, first_shape

_GRID = np.linspace(0.0, 1.0, 41)
# Samples and grids are arrays, the ends of a range are scalars.
_Elements = Samples | np.float64
_Function = Callable[[_Elements], _Elements]


# Range rules: a monotone function has its bounds at the ends, an even one that rises from zero at
# the ends and at zero. The others are smooth on ranges a few units wide, where 41 points miss an
# extremum by less than 3 % of the range that they see.
def _monotone(fn: _Function) -> RangeRule:
    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        ends = float(fn(np.float64(x.low))), float(fn(np.float64(x.high)))
        return min(ends), max(ends)

    return bounds


def _gridded(fn: _Function) -> RangeRule:
    """Range by a grid, widened: for smooth functions on the short ranges that are drawn here."""

    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        y = fn(x.low + (x.high - x.low) * _GRID)
        low, high = float(y.min()), float(y.max())
        pad = 0.03 * (high - low)
        return low - pad, high + pad

    return bounds


def _even(fn: _Function) -> RangeRule:
    """Range of a function that falls to fn(0) and rises again."""

    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        ends = float(fn(np.float64(x.low))), float(fn(np.float64(x.high)))
        low = float(fn(np.float64(0.0))) if x.low < 0 < x.high else min(ends)
        return low, max(ends)

    return bounds


def _near(fn: _Function) -> RangeRule:
    """Range of a function that rounds to eight significant bits."""

    def bounds(operands: Operands, params: Params) -> Interval:
        # Neighbouring numbers of eight bits differ by at most 2^-7 of their size.
        x = operands[0]
        return x.low - abs(x.low) / 128, x.high + abs(x.high) / 128

    return bounds


def _fixed(low: float, high: float) -> RangeRule:
    def bounds(operands: Operands, params: Params) -> Interval:
        return low, high

    return bounds


_RANGE_RULES = {"monotone": _monotone, "grid": _gridded, "even": _even, "near": _near}


# `weight` says how often the function is drawn among those of one argument. The weights lean on the
# counts in a survey of real code, flattened so that the rare functions are met too.
def _unary(
    name: str,
    spellings: str | tuple[Spelling, ...],
    fn: _Function,
    kind: str | Interval = "monotone",
    domain: Interval = ANY,
    weight: int = 3,
    weights: dict[str, int] | None = None,
    **options: Any,
) -> Op:
    if isinstance(spellings, str):
        spellings = ((1, spellings),)
    return Op(
        name,
        spellings,
        bounds=_fixed(*kind) if isinstance(kind, tuple) else _RANGE_RULES[kind](fn),
        sample=lambda operands, params: np.asarray(fn(operands[0].samples)),
        domain=(domain,),
        shape=first_shape,
        dtype=first_dtype,
        weights=({"unary": weight} if options.get("smooth", True) else {}) | (weights or {}),
        **options,
    )


_sigmoid = special.expit


def _softplus(x: _Elements) -> _Elements:
    return np.logaddexp(x, 0.0)


def _selu(x: _Elements) -> _Elements:
    y: Samples = np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    return 1.0507009873554805 * y


def _gelu(x: _Elements) -> _Elements:
    below: _Elements = special.ndtr(x)
    return x * below


def _gelu_tanh(x: _Elements) -> _Elements:
    cube: _Elements = x**3
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * cube)))


ONLY32: dict[str, Any] = {"dtypes": ("float32",)}

TABLE = (
    _unary(
        "neg",
        ((12, "80|-{0:80}"), (2, "jnp.negative({0})"), (1, "lax.neg({0})")),
        np.negative,
        linear=True,
        ir_bytes=0,
        dull=True,
        weight=6,
    ),
    _unary(
        "abs",
        ((6, "jnp.abs({0})"), (1, "lax.abs({0})"), (1, "jnp.absolute({0})")),
        np.abs,
        "even",
        ir_bytes=800,
        title="absolute value",
        weight=10,
    ),
    _unary(
        "square",
        ((6, "jnp.square({0})"), (4, "90|{0:91} ** 2"), (1, "lax.square({0})")),
        np.square,
        "even",
        ir_bytes=350,
        weight=12,
        weights={"plain": 4},
    ),
    _unary(
        "cube",
        ((3, "90|{0:91} ** 3"), (1, "jnp.power({0}, 3)"), (1, "lax.integer_pow({0}, 3)")),
        lambda x: x**3,
        ir_bytes=600,
        weight=4,
    ),
    _unary(
        "sqrt",
        ((8, "jnp.sqrt({0})"), (1, "lax.sqrt({0})")),
        np.sqrt,
        domain=(0.02, np.inf),
        ir_bytes=460,
        weight=12,
        weights={"plain": 2},
    ),
    _unary(
        "rsqrt",
        "lax.rsqrt({0})",
        lambda x: 1 / np.sqrt(x),
        domain=(0.05, np.inf),
        ir_bytes=460,
        title="inverse square root",
        weight=6,
    ),
    _unary(
        "cbrt",
        ((2, "jnp.cbrt({0})"), (1, "lax.cbrt({0})")),
        np.cbrt,
        domain=(0.05, np.inf),
        ir_bytes=610,
    ),
    _unary(
        "reciprocal",
        ((3, "70|1.0 / {0:71}"), (3, "jnp.reciprocal({0})")),
        lambda x: 1 / x,
        domain=(0.2, np.inf),
        ir_bytes=930,
        weight=5,
    ),
    _unary(
        "exp",
        ((8, "jnp.exp({0})"), (1, "lax.exp({0})")),
        np.exp,
        domain=(-8, 4),
        ir_bytes=280,
        role="exp",
        title="exponential",
        weight=12,
        weights={"plain": 4},
    ),
    _unary(
        "exp2",
        ((3, "jnp.exp2({0})"), (1, "lax.exp2({0})")),
        np.exp2,
        domain=(-8, 5),
        **ONLY32,
        ir_bytes=600,
        role="exp",
    ),
    _unary(
        "expm1",
        ((3, "jnp.expm1({0})"), (1, "lax.expm1({0})")),
        np.expm1,
        domain=(-8, 4),
        ir_bytes=600,
        weight=4,
    ),
    _unary(
        "log",
        ((8, "jnp.log({0})"), (1, "lax.log({0})")),
        np.log,
        domain=(0.02, np.inf),
        ir_bytes=0,
        role="log",
        title="logarithm",
        weight=10,
    ),
    _unary("log2", "jnp.log2({0})", np.log2, domain=(0.02, np.inf), ir_bytes=610, role="log"),
    _unary(
        "log10",
        "jnp.log10({0})",
        np.log10,
        domain=(0.02, np.inf),
        skeleton="log2",
        ir_bytes=600,
        role="log",
    ),
    _unary(
        "log1p",
        ((4, "jnp.log1p({0})"), (1, "lax.log1p({0})")),
        np.log1p,
        domain=(-0.95, np.inf),
        ir_bytes=520,
        role="log",
        weight=6,
        weights={"plain": 2},
    ),
    _unary(
        "sin",
        ((6, "jnp.sin({0})"), (1, "lax.sin({0})")),
        np.sin,
        (-1.0, 1.0),
        domain=(-50, 50),
        ir_bytes=210,
        weight=9,
        weights={"squash": 5, "plain": 4},
    ),
    _unary(
        "cos",
        ((6, "jnp.cos({0})"), (1, "lax.cos({0})")),
        np.cos,
        (-1.0, 1.0),
        domain=(-50, 50),
        ir_bytes=220,
        weight=9,
        weights={"squash": 4},
    ),
    _unary(
        "tan", ((3, "jnp.tan({0})"), (1, "lax.tan({0})")), np.tan, domain=(-1.2, 1.2), ir_bytes=190
    ),
    _unary("arcsin", "jnp.arcsin({0})", np.arcsin, domain=(-0.95, 0.95), **ONLY32, ir_bytes=600),
    _unary("arccos", "jnp.arccos({0})", np.arccos, domain=(-0.95, 0.95), **ONLY32, ir_bytes=670),
    _unary(
        "arctan",
        ((3, "jnp.arctan({0})"), (1, "lax.atan({0})")),
        np.arctan,
        ir_bytes=470,
        weight=4,
        weights={"plain": 2},
    ),
    _unary("sinh", "jnp.sinh({0})", np.sinh, domain=(-4, 4), ir_bytes=210),
    _unary("cosh", "jnp.cosh({0})", np.cosh, "even", domain=(-4, 4), ir_bytes=430),
    _unary(
        "tanh",
        ((7, "jnp.tanh({0})"), (1, "lax.tanh({0})"), (1, "jax.nn.tanh({0})")),
        np.tanh,
        ir_bytes=460,
        saturates=True,
        weight=10,
        weights={"squash": 12, "plain": 4},
    ),
    _unary("arcsinh", "jnp.arcsinh({0})", np.arcsinh, **ONLY32, ir_bytes=820),
    _unary(
        "arccosh", "jnp.arccosh({0})", np.arccosh, domain=(1.1, np.inf), **ONLY32, ir_bytes=1200
    ),
    _unary("arctanh", "jnp.arctanh({0})", np.arctanh, domain=(-0.93, 0.93), **ONLY32, ir_bytes=910),
    _unary("sinc", "jnp.sinc({0})", np.sinc, "grid", domain=(0.15, 4), **ONLY32, ir_bytes=7390),
    _unary("sign", ((4, "jnp.sign({0})"), (1, "lax.sign({0})")), np.sign, smooth=False, ir_bytes=0),
    _unary(
        "floor",
        ((4, "jnp.floor({0})"), (1, "lax.floor({0})")),
        np.floor,
        smooth=False,
        ir_bytes=600,
    ),
    _unary(
        "round", ((3, "jnp.round({0})"), (1, "jnp.rint({0})")), np.round, smooth=False, ir_bytes=530
    ),
    _unary(
        "stop_gradient", "lax.stop_gradient({0})", lambda x: x, smooth=False, ir_bytes=0, title=""
    ),
    _unary("deg2rad", "jnp.deg2rad({0})", np.deg2rad, linear=True, weight=1, ir_bytes=680),
    _unary(
        "rad2deg",
        "jnp.rad2deg({0})",
        np.rad2deg,
        linear=True,
        domain=(-10, 10),
        skeleton="deg2rad",
        **ONLY32,
        ir_bytes=600,
        weight=1,
    ),
    _unary("nan_to_num", "jnp.nan_to_num({0})", lambda x: x, linear=True, ir_bytes=5160, weight=1),
    # jax.nn
    _unary(
        "relu",
        "jax.nn.relu({0})",
        lambda x: np.maximum(x, 0),
        ir_bytes=1480,
        title="ReLU",
        flat=True,
        weight=8,
    ),
    _unary("relu6", "jax.nn.relu6({0})", lambda x: np.clip(x, 0, 6), ir_bytes=2740, flat=True),
    _unary(
        "sigmoid",
        ((5, "jax.nn.sigmoid({0})"), (1, "lax.logistic({0})"), (1, "jax.scipy.special.expit({0})")),
        _sigmoid,
        ir_bytes=1490,
        role="scale",
        saturates=True,
        weight=8,
        weights={"squash": 6, "plain": 3},
    ),
    _unary(
        "softplus", "jax.nn.softplus({0})", _softplus, ir_bytes=5260, weight=7, weights={"plain": 3}
    ),
    _unary(
        "sparse_plus",
        "jax.nn.sparse_plus({0})",
        lambda x: np.where(x < -1, 0, np.where(x > 1, x, (x + 1) ** 2 / 4)),
        ir_bytes=7180,
        flat=True,
        weight=1,
    ),
    _unary(
        "soft_sign",
        "jax.nn.soft_sign({0})",
        lambda x: x / (1 + np.abs(x)),
        ir_bytes=2910,
        weights={"squash": 2},
    ),
    _unary(
        "silu",
        ((3, "jax.nn.silu({0})"), (1, "jax.nn.swish({0})")),
        lambda x: x * _sigmoid(x),
        "grid",
        ir_bytes=2670,
        title="SiLU",
        weight=5,
    ),
    _unary(
        "log_sigmoid", "jax.nn.log_sigmoid({0})", lambda x: -_softplus(-x), ir_bytes=6410, weight=4
    ),
    _unary(
        "elu",
        "jax.nn.elu({0})",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        ir_bytes=6650,
        title="ELU",
    ),
    _unary(
        "celu",
        "jax.nn.celu({0})",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        ir_bytes=5370,
        weight=1,
    ),
    _unary("selu", "jax.nn.selu({0})", _selu, ir_bytes=7870, title="SELU"),
    _unary(
        "gelu",
        ((2, "jax.nn.gelu({0}, approximate=False)"),),
        _gelu,
        "grid",
        ir_bytes=2360,
        title="GELU",
        weight=3,
    ),
    _unary(
        "gelu_tanh",
        ((2, "jax.nn.gelu({0})"), (1, "jax.nn.gelu({0}, approximate=True)")),
        _gelu_tanh,
        "grid",
        ir_bytes=3810,
        title="GELU",
        weight=4,
    ),
    _unary(
        "hard_tanh",
        "jax.nn.hard_tanh({0})",
        lambda x: np.clip(x, -1, 1),
        ir_bytes=5240,
        saturates=True,
        flat=True,
        weights={"squash": 1},
    ),
    _unary(
        "hard_sigmoid",
        "jax.nn.hard_sigmoid({0})",
        lambda x: np.clip(x + 3, 0, 6) / 6,
        ir_bytes=4330,
        saturates=True,
        flat=True,
    ),
    _unary(
        "hard_silu",
        ((2, "jax.nn.hard_swish({0})"), (1, "jax.nn.hard_silu({0})")),
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        "grid",
        ir_bytes=5160,
    ),
    _unary(
        "leaky_relu",
        ((2, "jax.nn.leaky_relu({0})"), (1, "jax.nn.leaky_relu({0}, 0.01)")),
        lambda x: np.where(x > 0, x, 0.01 * x),
        ir_bytes=3300,
    ),
    _unary(
        "squareplus",
        "jax.nn.squareplus({0})",
        lambda x: 0.5 * (x + np.sqrt(x * x + 4)),
        ir_bytes=2480,
    ),
    _unary("mish", "jax.nn.mish({0})", lambda x: x * np.tanh(_softplus(x)), "grid", ir_bytes=7220),
    # jax.scipy.special
    _unary(
        "erf",
        ((3, "jax.scipy.special.erf({0})"), (1, "lax.erf({0})")),
        special.erf,
        ir_bytes=600,
        saturates=True,
        weight=4,
        weights={"squash": 1},
    ),
    _unary(
        "erfc",
        ((2, "jax.scipy.special.erfc({0})"), (1, "lax.erfc({0})")),
        special.erfc,
        domain=(-5, 3),
        ir_bytes=380,
        saturates=True,
    ),
    _unary(
        "erf_inv",
        ((2, "jax.scipy.special.erfinv({0})"), (1, "lax.erf_inv({0})")),
        special.erfinv,
        domain=(-0.93, 0.93),
        **ONLY32,
        ir_bytes=560,
    ),
    _unary(
        "gammaln",
        ((3, "jax.scipy.special.gammaln({0})"), (1, "lax.lgamma({0})")),
        special.gammaln,
        "grid",
        domain=(0.3, 30),
        **ONLY32,
        weight=4,
        ir_bytes=300,
    ),
    _unary(
        "digamma",
        ((2, "jax.scipy.special.digamma({0})"), (1, "lax.digamma({0})")),
        special.digamma,
        domain=(0.4, 30),
        **ONLY32,
        ir_bytes=480,
    ),
    _unary(
        "logit", "jax.scipy.special.logit({0})", special.logit, domain=(0.03, 0.97), ir_bytes=980
    ),
    _unary(
        "ndtr",
        "jax.scipy.special.ndtr({0})",
        special.ndtr,
        branches=True,
        **ONLY32,
        saturates=True,
        ir_bytes=6950,
    ),
    _unary(
        "log_ndtr",
        "jax.scipy.special.log_ndtr({0})",
        special.log_ndtr,
        domain=(-4, 4),
        branches=True,
        **ONLY32,
        saturates=True,
        ir_bytes=12140,
    ),
    _unary(
        "norm_cdf",
        "jax.scipy.stats.norm.cdf({0})",
        special.ndtr,
        branches=True,
        **ONLY32,
        saturates=True,
        weight=2,
        ir_bytes=8020,
    ),
    _unary(
        "norm_logpdf",
        "jax.scipy.stats.norm.logpdf({0})",
        lambda x: -0.5 * x * x - 0.9189385332046727,
        "grid",
        domain=(-8, 8),
        **ONLY32,
        ir_bytes=2350,
        weight=2,
    ),
    _unary(
        "norm_pdf",
        "jax.scipy.stats.norm.pdf({0})",
        lambda x: np.exp(-0.5 * x * x) * 0.3989422804014327,
        "grid",
        domain=(-3, 3),
        **ONLY32,
        saturates=True,
        weight=1,
        ir_bytes=2900,
    ),
    _unary(
        "i1e",
        "jax.scipy.special.i1e({0})",
        special.i1e,
        "grid",
        domain=(0.1, 8),
        **ONLY32,
        ir_bytes=12200,
    ),
    _unary(
        "trigamma",
        "jax.scipy.special.polygamma(1, {0})",
        lambda x: special.polygamma(1, x),
        domain=(0.5, 30),
        **ONLY32,
        weight=1,
        ir_bytes=940,
    ),
    _unary(
        "zeta",
        "jax.scipy.special.zeta(2.5, {0})",
        lambda x: special.zeta(2.5, x),
        domain=(0.6, 30),
        **ONLY32,
        ir_bytes=27500,
        weight=1,
    ),
    _unary(
        "reduce_precision",
        ((2, "lax.reduce_precision({0}, exponent_bits=8, mantissa_bits=7)"),),
        lambda x: x,
        "near",
        **ONLY32,
        ir_bytes=0,
        weight=1,
    ),
    # integers and booleans
    _unary(
        "bitwise_not",
        ((2, "80|~{0:80}"), (1, "jnp.bitwise_not({0})"), (1, "jnp.invert({0})")),
        lambda x: -x - 1,
        smooth=False,
        dtypes=("int32",),
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    _unary(
        "int_abs",
        ((2, "jnp.abs({0})"),),
        np.abs,
        "even",
        smooth=False,
        dtypes=("int32",),
        ir_bytes=600,
        weights={"integer function": 1},
    ),
    _unary(
        "int_neg",
        ((2, "80|-{0:80}"),),
        np.negative,
        smooth=False,
        dtypes=("int32",),
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    _unary(
        "int_square",
        ((2, "90|{0:91} ** 2"), (1, "jnp.square({0})")),
        np.square,
        "even",
        smooth=False,
        dtypes=("int32",),
        ir_bytes=600,
        weights={"integer function": 1},
    ),
    _unary(
        "population_count",
        "lax.population_count({0})",
        lambda x: np.bitwise_count(x.astype(np.int64)).astype(np.float64),
        (0.0, 32.0),
        smooth=False,
        domain=(0, 2**31 - 1),
        dtypes=("int32",),
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    _unary(
        "clz",
        "lax.clz({0})",
        lambda x: 31 - np.floor(np.log2(np.maximum(x, 1))),
        (0.0, 32.0),
        smooth=False,
        domain=(0, 2**31 - 1),
        dtypes=("int32",),
        weights={"integer function": 1},
        ir_bytes=300,
    ),
    _unary(
        "logical_not",
        ((2, "jnp.logical_not({0})"), (2, "80|~{0:80}")),
        lambda x: 1 - x,
        smooth=False,
        dtypes=("bool",),
        ir_bytes=0,
        title="",
    ),
)
