"""Operations under a mask: softmax, extrema, means of what it keeps; infinities and NaNs."""

from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    SAMPLES,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
    broadcast,
)
from jax_ir_synth.kernels.ops.base import (
    CONDITION,
    FLOAT32,
    Op,
    SampleRule,
    first_dtype,
    first_shape,
    keep_bounds,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, booleans, example
from jax_ir_synth.kernels.ops.rules import around, spread


def keeps_some(mask: Value) -> bool:
    """Whether the mask was made so that each row along its last axis keeps an element."""
    return mask.dtype == "bool" and mask.role == "keeps_some"


def _masked(operands: Operands, params: Params) -> bool:
    x, mask = operands
    return keeps_some(mask) and broadcast(x.shape, mask.shape) == x.shape and x.shape[-1] >= 4


def _last_reduced(operands: Operands, params: Params) -> Shape:
    shape = operands[0].shape
    if not shape:
        raise Rejected("masked: a scalar")
    return shape[:-1]


def _softmax_sample(operands: Operands, params: Params) -> Samples:
    # As if half of the elements were kept: the weights' mean is 2 / n.
    x = operands[0]
    e = np.exp(x.samples - float(x.samples.mean()))
    return np.clip(e / float(e.mean()) * 2 / x.shape[-1], 0, 1)


def _extreme(sign: int) -> SampleRule:
    def sample(operands: Operands, params: Params) -> Samples:
        mean, std = spread(operands[0])
        return np.clip(around(mean + sign * std, 0.5 * std), operands[0].low, operands[0].high)

    return sample


_ROW: dict[str, Any] = {
    "shape": _last_reduced,
    "dtype": first_dtype,
    "accepts": _masked,
    "select": (1,),
}
_TEST: dict[str, Any] = CONDITION | {
    "shape": first_shape,
    "checked": False,
}
_ALL, _NONE = np.ones(SAMPLES), np.zeros(SAMPLES)

# A mask that keeps something in each row.
UNDER_A_MASK = (example(array(4, 5), booleans(4, 5, role="keeps_some")),)

TABLE = (
    Op(
        "kept_softmax",
        (
            (2, "jax.nn.softmax(jnp.where({1}, {0}, {instead}), axis=-1)"),
            (1, "jax.nn.softmax(jnp.where({1}, {0}, {instead}))"),
        ),
        unit_bounds,
        _softmax_sample,
        shape=first_shape,
        dtype=first_dtype,
        accepts=_masked,
        select=(1,),
        examples=(example(array(4, 5), booleans(4, 5, role="keeps_some"), instead=-1e9),),
        word="softmax",
        role="softmax",
        centred=True,
        ir_bytes=6910,
    ),
    Op(
        "kept_max",
        ((1, "jnp.max(jnp.where({1}, {0}, -jnp.inf), axis=-1)"),),
        keep_bounds,
        _extreme(1),
        **_ROW,
        examples=UNDER_A_MASK,
        word="max",
        role="max",
        ir_bytes=2710,
    ),
    Op(
        "kept_min",
        ((1, "jnp.min(jnp.where({1}, {0}, jnp.inf), axis=-1)"),),
        keep_bounds,
        _extreme(-1),
        **_ROW,
        examples=UNDER_A_MASK,
        word="min",
        role="max",
        ir_bytes=2710,
    ),
    Op(
        "kept_logsumexp",
        (
            (1, "jax.scipy.special.logsumexp(jnp.where({1}, {0}, -jnp.inf), axis=-1)"),
            (1, "jax.nn.logsumexp(jnp.where({1}, {0}, -jnp.inf), axis=-1)"),
        ),
        lambda o, p: (o[0].low, o[0].high + float(np.log(o[0].shape[-1]))),
        _extreme(1),
        **_ROW,
        examples=UNDER_A_MASK,
        word="logsumexp",
        role="log",
        ir_bytes=7010,
    ),
    Op(
        "kept_mean",
        ((1, "jnp.nanmean(jnp.where({1}, {0}, jnp.nan), axis=-1)"),),
        keep_bounds,
        lambda o, p: around(spread(o[0])[0], 0.5 * spread(o[0])[1]),
        **(_ROW | {"dtypes": FLOAT32}),
        examples=UNDER_A_MASK,
        word="mean",
        role="mean",
        ir_bytes=6640,
    ),
    Op(
        "surely_finite",
        ((1, "jnp.isfinite({0})"),),
        sample=lambda o, p: _ALL,
        **_TEST,
        dull=True,
        examples=(example(array(4, 3)),),
        ir_bytes=300,
    ),
    Op(
        "never_nan",
        ((1, "jnp.isnan({0})"),),
        sample=lambda o, p: _NONE,
        **_TEST,
        dull=True,
        examples=(example(array(4, 3)),),
        ir_bytes=310,
    ),
    Op(
        "never_inf",
        ((1, "jnp.isinf({0})"),),
        sample=lambda o, p: _NONE,
        **_TEST,
        dull=True,
        examples=(example(array(4, 3)),),
        ir_bytes=1030,
    ),
    Op(
        "through_int8",
        (
            (3, "{0:99}.astype(jnp.int8).astype({dtype})"),
            (1, "lax.convert_element_type({0:99}.astype(jnp.int8), {dtype})"),
        ),
        keep_bounds,
        lambda o, p: np.trunc(o[0].samples),
        shape=first_shape,
        dtype=first_dtype,
        smooth=False,
        domain=((-127, 127),),
        examples=(example(array(4, 3, low=-100.0, high=100.0)),),
        ir_bytes=330,
    ),
)
