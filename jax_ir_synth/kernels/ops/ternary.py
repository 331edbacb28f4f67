"""Choices and clips: operations on three values."""

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    Interval,
    Operands,
    Params,
    Samples,
    broadcast,
    promote,
)
from jax_ir_synth.kernels.ops.base import ANY, FLOAT32, INT32, NUMBERS, Op, first_dtype
from jax_ir_synth.kernels.ops.examples import array, booleans, example, integers
from jax_ir_synth.kernels.ops.rules import hull


def _choice_bounds(operands: Operands, params: Params) -> Interval:
    return hull(operands[1:], params)


def _choice_sample(operands: Operands, params: Params) -> Samples:
    return np.where(operands[0].samples > 0.5, operands[1].samples, operands[2].samples)


def _choice_dtype(operands: Operands, params: Params) -> str:
    return promote(*operands[1:])


def _condition(operands: Operands, params: Params) -> bool:
    return operands[0].dtype == "bool"


def _exact_choice(operands: Operands, params: Params) -> bool:
    c, x, y = operands
    return (
        c.dtype == "bool"
        and c.shape in ((), x.shape)
        and x.shape == y.shape
        and x.dtype == y.dtype
        and not x.weak
        and not y.weak
    )


def _clip_bounds(operands: Operands, params: Params) -> Interval:
    # Clipping is monotone in each operand.
    x, low, high = operands
    return (float(np.clip(x.low, low.low, high.low)), float(np.clip(x.high, low.high, high.high)))


def _clip_sample(operands: Operands, params: Params) -> Samples:
    x, low, high = (v.samples for v in operands)
    return np.clip(x, low, high)


def _clip_accepts(operands: Operands, params: Params) -> bool:
    x, low, high = operands
    return (
        low.high < high.low
        and promote(*operands) == x.dtype
        and broadcast(x.shape, low.shape, high.shape) == x.shape
    )


TABLE = (
    Op(
        "where",
        ((1, "jnp.where({0}, {1}, {2})"),),
        _choice_bounds,
        _choice_sample,
        accepts=_condition,
        dtype=_choice_dtype,
        select=(0,),
        dtypes=NUMBERS,
        ir_bytes=1590,
        title="masked combination",
        examples=(
            example(booleans(4, 3), array(4, 3), array(3)),
            example(booleans(), array(4, 3), array(4, 3)),
            example(booleans(4, 3), integers(4, 3), integers(4, 3)),
        ),
    ),
    Op(
        "select",
        ((5, "lax.select({0}, {1}, {2})"), (1, "lax.select_n({0}, {2}, {1})")),
        _choice_bounds,
        _choice_sample,
        accepts=_exact_choice,
        dtype=_choice_dtype,
        select=(0,),
        dtypes=NUMBERS,
        ir_bytes=430,
        title="masked combination",
        examples=(
            example(booleans(4, 3), array(4, 3), array(4, 3)),
            example(booleans(), array(5), array(5)),
        ),
    ),
    Op(
        "clip",
        ((5, "jnp.clip({0}, {1}, {2})"), (1, "jnp.clip({0}, min={1}, max={2})")),
        _clip_bounds,
        _clip_sample,
        domain=(ANY, ANY, ANY),
        accepts=_clip_accepts,
        dtype=first_dtype,
        dtypes=NUMBERS,
        ir_bytes=6580,
        examples=(
            example(array(4, 3), -0.5, 1.0),
            example(array(4, 3), array(3, low=-2.0, high=-1.0), array(low=0.0, high=1.0)),
        ),
    ),
    Op(
        "clamp",
        ((1, "lax.clamp({1}, {0}, {2})"),),
        _clip_bounds,
        _clip_sample,
        accepts=lambda o, p: _clip_accepts(o, p) and o[1].ndim == o[2].ndim == 0,
        dtype=first_dtype,
        dtypes=(*FLOAT32, *INT32),
        examples=(example(array(4, 3), -0.5, 1.0),),
        ir_bytes=1740,
    ),
)
