"""Operations on vectors of three components."""

import numpy as np

from jax_ir_synth.kernels.ops.arrays import contraction
from jax_ir_synth.kernels.ops.base import Op
from jax_ir_synth.kernels.ops.reductions import around
from jax_ir_synth.kernels.values import Value, broadcast


def _products(x: Value, y: Value) -> tuple[float, float]:
    corners = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return min(corners), max(corners)


def _cross_bounds(operands, params):
    low, high = _products(*operands)
    return low - high, high - low


def _cross_sample(operands, params):
    x, y = (v.samples for v in operands)
    return np.roll(x, 1) * np.roll(y, 2) - np.roll(x, 2) * np.roll(y, 1)


def _of_three(operands, params):
    return all(v.ndim and v.shape[-1] == 3 for v in operands)


TABLE = (
    Op("cross", ((6, "jnp.cross({0}, {1})"), (1, "jnp.cross({0}, {1}, axis=-1)")), _cross_bounds, _cross_sample,
       accepts=_of_three),
    Op("vecdot3", ((1, "jnp.vecdot({0}, {1})"),), lambda o, p: tuple(3 * b for b in _products(*o)),
       lambda o, p: contraction(o, 3)[1], accepts=_of_three, shape=lambda o, p: broadcast(*(v.shape for v in o))[:-1],
       dtypes=("float32",)),
    Op("angle_cosine", ((1, "jnp.clip({0}, -1.0, 1.0)"),), lambda o, p: (-0.999, 0.999),
       lambda o, p: np.clip(around(0.0, 0.5), -0.95, 0.95), dtypes=("float32",)),
)
