"""Activations: the elementwise functions of `jax.nn`."""

import math

import numpy as np
from scipy import special

from jax_ir_synth.kernels.builder.values import Samples
from jax_ir_synth.kernels.ops.elementwise import Elements, gridded, unary

_sigmoid = special.expit


def _softplus(x: Elements) -> Elements:
    return np.logaddexp(x, 0.0)


def _selu(x: Elements) -> Elements:
    y: Samples = np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    return 1.0507009873554805 * y


def _gelu(x: Elements) -> Elements:
    below: Elements = special.ndtr(x)
    return x * below


def _gelu_tanh(x: Elements) -> Elements:
    cube: Elements = x**3
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * cube)))


TABLE = (
    unary(
        "relu",
        "jax.nn.relu({0})",
        lambda x: np.maximum(x, 0),
        ir_bytes=1480,
        title="ReLU",
        flat=True,
        weight=8,
    ),
    unary("relu6", "jax.nn.relu6({0})", lambda x: np.clip(x, 0, 6), ir_bytes=2740, flat=True),
    unary(
        "sigmoid",
        ((5, "jax.nn.sigmoid({0})"), (1, "lax.logistic({0})"), (1, "jax.scipy.special.expit({0})")),
        _sigmoid,
        ir_bytes=1490,
        role="scale",
        saturates=True,
        weight=8,
        weights={"squash": 6, "plain": 3},
    ),
    unary(
        "softplus", "jax.nn.softplus({0})", _softplus, ir_bytes=5260, weight=7, weights={"plain": 3}
    ),
    unary(
        "sparse_plus",
        "jax.nn.sparse_plus({0})",
        lambda x: np.where(x < -1, 0, np.where(x > 1, x, (x + 1) ** 2 / 4)),
        ir_bytes=7180,
        flat=True,
        weight=1,
    ),
    unary(
        "soft_sign",
        "jax.nn.soft_sign({0})",
        lambda x: x / (1 + np.abs(x)),
        ir_bytes=2910,
        weights={"squash": 2},
    ),
    unary(
        "silu",
        ((3, "jax.nn.silu({0})"), (1, "jax.nn.swish({0})")),
        lambda x: x * _sigmoid(x),
        gridded,
        ir_bytes=2670,
        title="SiLU",
        weight=5,
    ),
    unary(
        "log_sigmoid", "jax.nn.log_sigmoid({0})", lambda x: -_softplus(-x), ir_bytes=6410, weight=4
    ),
    unary(
        "elu",
        "jax.nn.elu({0})",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        ir_bytes=6650,
        title="ELU",
    ),
    unary(
        "celu",
        "jax.nn.celu({0})",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        ir_bytes=5370,
        weight=1,
    ),
    unary("selu", "jax.nn.selu({0})", _selu, ir_bytes=7870, title="SELU"),
    unary(
        "gelu",
        ((2, "jax.nn.gelu({0}, approximate=False)"),),
        _gelu,
        gridded,
        ir_bytes=2360,
        title="GELU",
        weight=3,
    ),
    unary(
        "gelu_tanh",
        ((2, "jax.nn.gelu({0})"), (1, "jax.nn.gelu({0}, approximate=True)")),
        _gelu_tanh,
        gridded,
        ir_bytes=3810,
        title="GELU",
        weight=4,
    ),
    unary(
        "hard_tanh",
        "jax.nn.hard_tanh({0})",
        lambda x: np.clip(x, -1, 1),
        ir_bytes=5240,
        saturates=True,
        flat=True,
        weights={"squash": 1},
    ),
    unary(
        "hard_sigmoid",
        "jax.nn.hard_sigmoid({0})",
        lambda x: np.clip(x + 3, 0, 6) / 6,
        ir_bytes=4330,
        saturates=True,
        flat=True,
    ),
    unary(
        "hard_silu",
        ((2, "jax.nn.hard_swish({0})"), (1, "jax.nn.hard_silu({0})")),
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        gridded,
        ir_bytes=5160,
    ),
    unary(
        "leaky_relu",
        ((2, "jax.nn.leaky_relu({0})"), (1, "jax.nn.leaky_relu({0}, 0.01)")),
        lambda x: np.where(x > 0, x, 0.01 * x),
        ir_bytes=3300,
    ),
    unary(
        "squareplus",
        "jax.nn.squareplus({0})",
        lambda x: 0.5 * (x + np.sqrt(x * x + 4)),
        ir_bytes=2480,
    ),
    unary("mish", "jax.nn.mish({0})", lambda x: x * np.tanh(_softplus(x)), gridded, ir_bytes=7220),
)
