"""Operations on vectors of three components."""

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import Op
from jax_ir_synth.kernels.ops.examples import array, example
from jax_ir_synth.kernels.ops.rules import products


def _cross_bounds(operands: Operands, params: Params) -> Interval:
    # Each component is a difference of two products.
    low, high = products(*operands)
    return low - high, high - low


def _cross_sample(operands: Operands, params: Params) -> Samples:
    x, y = (v.samples for v in operands)
    return np.roll(x, 1) * np.roll(y, 2) - np.roll(x, 2) * np.roll(y, 1)


def _of_three(operands: Operands, params: Params) -> bool:
    return all(v.ndim and v.shape[-1] == 3 for v in operands)


TABLE = (
    Op(
        "cross",
        ((6, "jnp.cross({0}, {1})"), (1, "jnp.cross({0}, {1}, axis=-1)")),
        _cross_bounds,
        _cross_sample,
        accepts=_of_three,
        ir_bytes=8780,
        examples=(
            example(array(4, 3), array(4, 3)),
            example(array(4, 3), array(3)),
        ),
    ),
)
