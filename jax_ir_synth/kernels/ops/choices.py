"""Choices among several values, and the tests and masks that they are made by."""

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    Interval,
    Operands,
    Params,
    Samples,
    Value,
    broadcast,
    promote,
)
from jax_ir_synth.kernels.ops.base import (
    ANY,
    CONDITION,
    FLOAT32,
    Op,
    SampleRule,
    first_dtype,
    first_shape,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, booleans, example, integers, made
from jax_ir_synth.kernels.ops.rules import hull

# The logarithm of the smallest positive number.
_LOG_FLOOR = {"float32": -104.0, "float16": -17.0, "bfloat16": -93.0}


def _split(operands: Operands) -> tuple[Operands, Operands, Value]:
    """Conditions, values and default of a `jnp.select`."""
    k = (len(operands) - 1) // 2
    return operands[:k], operands[k:-1], operands[-1]


def _choose_accepts(operands: Operands, params: Params) -> bool:
    conditions, values, _ = _split(operands)
    return (
        len(operands) >= 5
        and all(c.dtype == "bool" for c in conditions)
        and not any(v.dtype in ("bool", "int32") and not v.is_literal for v in values)
    )


def _choose_sample(operands: Operands, params: Params) -> Samples:
    conditions, values, default = _split(operands)
    return np.select(
        [c.samples > 0.5 for c in conditions], [v.samples for v in values], default.samples
    )


def _indexed_accepts(operands: Operands, params: Params) -> bool:
    index, first, *rest = operands
    return (
        index.dtype == "int32"
        and not index.weak
        and index.low >= 0
        and index.high <= len(rest)
        and index.shape in ((), first.shape)
        and len(rest) >= 2
        and not first.weak
        and all(v.shape == first.shape and v.dtype == first.dtype and not v.weak for v in rest)
    )


def _indexed_sample(operands: Operands, params: Params) -> Samples:
    picks = operands[0].samples.astype(int)
    return np.choose(picks, [v.samples for v in operands[1:]])


def _negative_sometimes(operands: Operands, params: Params) -> bool:
    return operands[0].low <= -0.25 and operands[0].high >= 0.25


def _log_bounds(operands: Operands, params: Params) -> Interval:
    x = operands[0]
    return _LOG_FLOOR[x.dtype], float(np.log(x.high))


def _of_log(fails: bool) -> SampleRule:
    """Tests of a `log_or_nan`, whose operand's sign decides them."""

    def sample(operands: Operands, params: Params) -> Samples:
        negative = operands[0].operands[0].samples < 0
        return (negative if fails else ~negative).astype(float)

    return sample


def _is_log(operands: Operands, params: Params) -> bool:
    return operands[0].op == "log_or_nan"


def _masked_accepts(operands: Operands, params: Params) -> bool:
    mask, x = operands
    return (
        (
            mask.dtype == "bool"
            and 4 <= x.shape[-1] <= 64
            and broadcast(mask.shape, x.shape) == x.shape
            and x.samples.std() > 0.2
            and x.bound <= 30
        )
        if x.ndim
        else False
    )


def _masked_sample(operands: Operands, params: Params) -> Samples:
    mask, x = operands
    weights: Samples = np.where(mask.samples > 0.5, np.exp(x.samples), 0.0)
    return weights / float(weights.mean()) / x.shape[-1]


TABLE = (
    Op(
        "choose",
        (
            (3, "jnp.select([{conditions}], [{choices}], {default})"),
            (2, "jnp.select([{conditions}], [{choices}], default={default})"),
        ),
        lambda o, p: hull(o[(len(o) - 1) // 2 :], p),
        _choose_sample,
        accepts=_choose_accepts,
        dtype=lambda o, p: promote(*o[(len(o) - 1) // 2 :]),
        ir_bytes=5680,
        title="piecewise choice",
        examples=(
            example(booleans(4, 3), booleans(4, 3), array(4, 3), array(4, 3), 0.0),
            example(booleans(5), booleans(5), array(5), array(5), array(5)),
        ),
    ),
    Op(
        "select_n",
        ((1, "lax.select_n({*})"),),
        lambda o, p: hull(o[1:], p),
        _indexed_sample,
        accepts=_indexed_accepts,
        shape=lambda o, p: o[1].shape,
        dtype=lambda o, p: o[1].dtype,
        select=(0,),
        ir_bytes=3180,
        examples=(
            example(integers(4, 3, low=0, high=2), array(4, 3), array(4, 3), array(4, 3)),
            example(integers(low=0, high=2), array(5), array(5), array(5)),
        ),
    ),
    # A logarithm of numbers that may be negative: only for a choice that leaves the NaNs out.
    Op(
        "log_or_nan",
        ((1, "jnp.log({0})"),),
        _log_bounds,
        lambda o, p: np.log(np.abs(o[0].samples)),
        domain=(ANY,),
        accepts=_negative_sometimes,
        shape=first_shape,
        dtype=first_dtype,
        ir_bytes=0,
        examples=(example(array(4, 3)),),
        role="log",
    ),
    Op(
        "isfinite",
        ((1, "jnp.isfinite({0})"),),
        sample=_of_log(False),
        accepts=_is_log,
        shape=first_shape,
        **CONDITION,
        ir_bytes=600,
        examples=(example(made("log_or_nan", array(4, 3))),),
    ),
    Op(
        "isnan",
        ((1, "jnp.isnan({0})"),),
        sample=_of_log(True),
        accepts=_is_log,
        shape=first_shape,
        **CONDITION,
        dtypes=FLOAT32,
        ir_bytes=600,
        examples=(example(made("log_or_nan", array(4, 3))),),
    ),
    Op(
        "masked_softmax",
        (
            (3, "jax.nn.softmax(jnp.where({0}, {1}, {fill}), axis=-1)"),
            (2, "jax.nn.softmax(jnp.where({0}, {1}, {fill}))"),
        ),
        unit_bounds,
        _masked_sample,
        accepts=_masked_accepts,
        shape=lambda o, p: o[1].shape,
        dtype=lambda o, p: o[1].dtype,
        select=(0,),
        dtypes=FLOAT32,
        centred=True,
        examples=(
            example(booleans(4, 5), array(4, 5), fill="-1e9"),
            example(booleans(5), array(4, 5), fill="-1e30"),
        ),
        role="softmax",
        ir_bytes=7120,
    ),
)
