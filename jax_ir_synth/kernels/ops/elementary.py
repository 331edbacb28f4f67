"""Elementary functions of one operand: powers, exponentials, trigonometry, rounding."""

import numpy as np

from jax_ir_synth.kernels.ops.base import FLOAT32
from jax_ir_synth.kernels.ops.elementwise import even, gridded, near, unary

TABLE = (
    unary(
        "neg",
        ((12, "80|-{0:80}"), (2, "jnp.negative({0})"), (1, "lax.neg({0})")),
        np.negative,
        linear=True,
        ir_bytes=0,
        dull=True,
        weight=6,
    ),
    unary(
        "abs",
        ((6, "jnp.abs({0})"), (1, "lax.abs({0})"), (1, "jnp.absolute({0})")),
        np.abs,
        even,
        ir_bytes=800,
        title="absolute value",
        weight=10,
    ),
    unary(
        "square",
        ((6, "jnp.square({0})"), (4, "90|{0:91} ** 2"), (1, "lax.square({0})")),
        np.square,
        even,
        ir_bytes=350,
        weight=12,
        weights={"plain": 4},
    ),
    unary(
        "cube",
        ((3, "90|{0:91} ** 3"), (1, "jnp.power({0}, 3)"), (1, "lax.integer_pow({0}, 3)")),
        lambda x: x**3,
        ir_bytes=600,
        weight=4,
    ),
    unary(
        "sqrt",
        ((8, "jnp.sqrt({0})"), (1, "lax.sqrt({0})")),
        np.sqrt,
        domain=(0.02, np.inf),
        ir_bytes=460,
        weight=12,
        weights={"plain": 2},
    ),
    unary(
        "rsqrt",
        "lax.rsqrt({0})",
        lambda x: 1 / np.sqrt(x),
        domain=(0.05, np.inf),
        ir_bytes=460,
        title="inverse square root",
        weight=6,
    ),
    unary(
        "cbrt",
        ((2, "jnp.cbrt({0})"), (1, "lax.cbrt({0})")),
        np.cbrt,
        domain=(0.05, np.inf),
        ir_bytes=610,
    ),
    unary(
        "reciprocal",
        ((3, "70|1.0 / {0:71}"), (3, "jnp.reciprocal({0})")),
        lambda x: 1 / x,
        domain=(0.2, np.inf),
        ir_bytes=930,
        weight=5,
    ),
    unary(
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
    unary(
        "exp2",
        ((3, "jnp.exp2({0})"), (1, "lax.exp2({0})")),
        np.exp2,
        domain=(-8, 5),
        dtypes=FLOAT32,
        ir_bytes=600,
        role="exp",
    ),
    unary(
        "expm1",
        ((3, "jnp.expm1({0})"), (1, "lax.expm1({0})")),
        np.expm1,
        domain=(-8, 4),
        ir_bytes=600,
        weight=4,
    ),
    unary(
        "log",
        ((8, "jnp.log({0})"), (1, "lax.log({0})")),
        np.log,
        domain=(0.02, np.inf),
        ir_bytes=0,
        role="log",
        title="logarithm",
        weight=10,
    ),
    unary("log2", "jnp.log2({0})", np.log2, domain=(0.02, np.inf), ir_bytes=610, role="log"),
    unary(
        "log10",
        "jnp.log10({0})",
        np.log10,
        domain=(0.02, np.inf),
        skeleton="log2",
        ir_bytes=600,
        role="log",
    ),
    unary(
        "log1p",
        ((4, "jnp.log1p({0})"), (1, "lax.log1p({0})")),
        np.log1p,
        domain=(-0.95, np.inf),
        ir_bytes=520,
        role="log",
        weight=6,
        weights={"plain": 2},
    ),
    unary(
        "sin",
        ((6, "jnp.sin({0})"), (1, "lax.sin({0})")),
        np.sin,
        (-1.0, 1.0),
        domain=(-50, 50),
        ir_bytes=210,
        weight=9,
        weights={"squash": 5, "plain": 4},
    ),
    unary(
        "cos",
        ((6, "jnp.cos({0})"), (1, "lax.cos({0})")),
        np.cos,
        (-1.0, 1.0),
        domain=(-50, 50),
        ir_bytes=220,
        weight=9,
        weights={"squash": 4},
    ),
    unary(
        "tan", ((3, "jnp.tan({0})"), (1, "lax.tan({0})")), np.tan, domain=(-1.2, 1.2), ir_bytes=190
    ),
    unary(
        "arcsin", "jnp.arcsin({0})", np.arcsin, domain=(-0.95, 0.95), dtypes=FLOAT32, ir_bytes=600
    ),
    unary(
        "arccos", "jnp.arccos({0})", np.arccos, domain=(-0.95, 0.95), dtypes=FLOAT32, ir_bytes=670
    ),
    unary(
        "arctan",
        ((3, "jnp.arctan({0})"), (1, "lax.atan({0})")),
        np.arctan,
        ir_bytes=470,
        weight=4,
        weights={"plain": 2},
    ),
    unary("sinh", "jnp.sinh({0})", np.sinh, domain=(-4, 4), ir_bytes=210),
    unary("cosh", "jnp.cosh({0})", np.cosh, even, domain=(-4, 4), ir_bytes=430),
    unary(
        "tanh",
        ((7, "jnp.tanh({0})"), (1, "lax.tanh({0})"), (1, "jax.nn.tanh({0})")),
        np.tanh,
        ir_bytes=460,
        saturates=True,
        weight=10,
        weights={"squash": 12, "plain": 4},
    ),
    unary("arcsinh", "jnp.arcsinh({0})", np.arcsinh, dtypes=FLOAT32, ir_bytes=820),
    unary(
        "arccosh",
        "jnp.arccosh({0})",
        np.arccosh,
        domain=(1.1, np.inf),
        dtypes=FLOAT32,
        ir_bytes=1200,
    ),
    unary(
        "arctanh",
        "jnp.arctanh({0})",
        np.arctanh,
        domain=(-0.93, 0.93),
        dtypes=FLOAT32,
        ir_bytes=910,
    ),
    unary(
        "sinc", "jnp.sinc({0})", np.sinc, gridded, domain=(0.15, 4), dtypes=FLOAT32, ir_bytes=7390
    ),
    unary("sign", ((4, "jnp.sign({0})"), (1, "lax.sign({0})")), np.sign, smooth=False, ir_bytes=0),
    unary(
        "floor",
        ((4, "jnp.floor({0})"), (1, "lax.floor({0})")),
        np.floor,
        smooth=False,
        ir_bytes=600,
    ),
    unary(
        "round", ((3, "jnp.round({0})"), (1, "jnp.rint({0})")), np.round, smooth=False, ir_bytes=530
    ),
    unary(
        "stop_gradient", "lax.stop_gradient({0})", lambda x: x, smooth=False, ir_bytes=0, title=""
    ),
    unary("deg2rad", "jnp.deg2rad({0})", np.deg2rad, linear=True, weight=1, ir_bytes=680),
    unary(
        "rad2deg",
        "jnp.rad2deg({0})",
        np.rad2deg,
        linear=True,
        domain=(-10, 10),
        skeleton="deg2rad",
        dtypes=FLOAT32,
        ir_bytes=600,
        weight=1,
    ),
    unary("nan_to_num", "jnp.nan_to_num({0})", lambda x: x, linear=True, ir_bytes=5160, weight=1),
)

# Joined after the special functions.
ROUNDING = (
    unary(
        "reduce_precision",
        ((2, "lax.reduce_precision({0}, exponent_bits=8, mantissa_bits=7)"),),
        lambda x: x,
        near,
        dtypes=FLOAT32,
        ir_bytes=0,
        weight=1,
    ),
)
