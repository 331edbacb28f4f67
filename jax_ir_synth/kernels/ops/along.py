"""Along an axis: cumulative operations, softmax and its kin, differences, the largest."""

import math
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import (
    Op,
    RangeRule,
    SampleRule,
    Spelling,
    first_dtype,
    keep_bounds,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, example
from jax_ir_synth.kernels.ops.rules import (
    RAMP,
    axis_kept,
    changing_axis,
    is_near_one,
    running_product,
    running_sum,
)


def _cumsum_bounds(operands: Operands, params: Params) -> Interval:
    return running_sum(operands[0], operands[0].shape[params["axis"]])


def _cumsum_sample(operands: Operands, params: Params) -> Samples:
    x, n = operands[0], operands[0].shape[params["axis"]]
    return x.samples * (1 + RAMP * 0.5 * n)


def _cumprod_ok(operands: Operands, params: Params) -> bool:
    return is_near_one(operands[0]) and operands[0].shape[params["axis"]] <= 10


def _cumprod_bounds(operands: Operands, params: Params) -> Interval:
    return running_product(operands[0], operands[0].shape[params["axis"]])


def _cumprod_sample(operands: Operands, params: Params) -> Samples:
    return operands[0].samples ** (1 + np.round(3 * RAMP))


def _cumlogsumexp_bounds(operands: Operands, params: Params) -> Interval:
    return operands[0].low, operands[0].high + math.log(operands[0].shape[params["axis"]])


def _cumlogsumexp_sample(operands: Operands, params: Params) -> Samples:
    x, n = operands[0], operands[0].shape[params["axis"]]
    return x.samples * 0.5 + np.log(1 + RAMP * n)


def _cumulative(
    name: str,
    spellings: tuple[Spelling, ...],
    bounds: RangeRule,
    sample: SampleRule,
    **options: Any,
) -> Op:
    """A cumulative operation; `cumulates` among the options says of what."""
    return Op(name, spellings, bounds, sample, shape=axis_kept, dtype=first_dtype, **options)


def _in_jnp(function: str) -> tuple[Spelling, ...]:
    return (
        (1, f"jnp.{function}({{0}}, axis={{axis:d}})"),
        (2, f"jnp.{function}({{0}})", "one_axis"),
    )


def _in_lax(function: str) -> tuple[Spelling, ...]:
    return (
        (1, f"lax.{function}({{0}}, axis={{axis:p}})"),
        (3, f"lax.{function}({{0}})", "one_axis"),
    )


def _reversed(function: str) -> tuple[Spelling, ...]:
    return ((1, f"lax.{function}({{0}}, axis={{axis:p}}, reverse=True)"),)


def _softmax_like(name: str, bounds: RangeRule, sample: SampleRule, **options: Any) -> Op:
    return Op(
        name,
        ((1, f"jax.nn.{name}({{0}}{{last_axis}})"),),
        bounds,
        sample,
        shape=axis_kept,
        dtype=first_dtype,
        accepts=lambda o, p: (
            4 <= o[0].shape[p["axis"]] <= 64 and o[0].samples.std() > 0.2 and o[0].bound <= 30
        ),
        **options,
    )


# Along the last axis, and along the only one.
ALONG_AN_AXIS = (example(array(4, 6), axis=1), example(array(6), axis=0))
# The same, for what multiplies up.
POSITIVE_ALONG_AN_AXIS = (
    example(array(4, 6, low=0.5, high=1.5), axis=1),
    example(array(6, low=0.5, high=1.5), axis=0),
)
# Along the last axis, the first, and the only one.
ALONG_EACH_AXIS = (
    example(array(4, 5), axis=1),
    example(array(5, 3), axis=0),
    example(array(6), axis=0),
)

TABLE = (
    _cumulative(
        "cumsum",
        _in_jnp("cumsum"),
        _cumsum_bounds,
        _cumsum_sample,
        linear=True,
        ir_bytes=2630,
        examples=ALONG_AN_AXIS,
        cumulates="add",
        weights={"cumulative": 40},
    ),
    _cumulative(
        "cumprod",
        _in_jnp("cumprod"),
        _cumprod_bounds,
        _cumprod_sample,
        accepts=_cumprod_ok,
        sized_as="cummax",
        doubles=True,
        examples=POSITIVE_ALONG_AN_AXIS,
        cumulates="mul",
        weights={"cumulative": 5},
    ),
    _cumulative(
        "cummax",
        _in_lax("cummax"),
        keep_bounds,
        lambda o, p: (
            np.maximum.accumulate(np.maximum(o[0].samples, np.roll(o[0].samples, 1))) * 0.5
            + 0.5 * o[0].samples
        ),
        ir_bytes=8100,
        doubles=True,
        examples=ALONG_AN_AXIS,
        cumulates="maximum",
        weights={"cumulative": 4},
    ),
    _cumulative(
        "cummin",
        _in_lax("cummin"),
        keep_bounds,
        lambda o, p: (
            np.minimum.accumulate(np.minimum(o[0].samples, np.roll(o[0].samples, 1))) * 0.5
            + 0.5 * o[0].samples
        ),
        sized_as="cummax",
        doubles=True,
        examples=ALONG_AN_AXIS,
        cumulates="minimum",
        weights={"cumulative": 3},
    ),
    _cumulative(
        "cumlogsumexp",
        _in_lax("cumlogsumexp"),
        _cumlogsumexp_bounds,
        _cumlogsumexp_sample,
        sized_as="cummax",
        doubles=True,
        examples=ALONG_AN_AXIS,
        cumulates="logaddexp",
        weights={"cumulative": 3},
    ),
    _cumulative(
        "cumsum_reverse",
        _reversed("cumsum"),
        _cumsum_bounds,
        _cumsum_sample,
        linear=True,
        sized_as="cumsum",
        examples=ALONG_AN_AXIS,
        cumulates="add",
        weights={"cumulative": 12},
    ),
    _cumulative(
        "cumprod_reverse",
        _reversed("cumprod"),
        _cumprod_bounds,
        _cumprod_sample,
        accepts=_cumprod_ok,
        sized_as="cummax",
        doubles=True,
        examples=POSITIVE_ALONG_AN_AXIS,
        cumulates="mul",
        weights={"cumulative": 1},
    ),
    _cumulative(
        "cummax_reverse",
        _reversed("cummax"),
        keep_bounds,
        lambda o, p: np.maximum(o[0].samples, np.roll(o[0].samples, 1)) * 0.5 + 0.5 * o[0].samples,
        sized_as="cummax",
        doubles=True,
        examples=ALONG_AN_AXIS,
        cumulates="maximum",
        weights={"cumulative": 1},
    ),
    _cumulative(
        "cumlogsumexp_reverse",
        _reversed("cumlogsumexp"),
        _cumlogsumexp_bounds,
        _cumlogsumexp_sample,
        sized_as="cummax",
        doubles=True,
        examples=ALONG_AN_AXIS,
        cumulates="logaddexp",
        weights={"cumulative": 1},
    ),
    _softmax_like(
        "softmax",
        unit_bounds,
        lambda o, p: (
            np.exp(o[0].samples) / np.exp(o[0].samples).mean() / o[0].shape[p["axis"]] * 1.0
        ),
        ir_bytes=4820,
        role="softmax",
        centred=True,
        examples=ALONG_EACH_AXIS,
    ),
    _softmax_like(
        "log_softmax",
        # x - log(Σ exp), and the sum of n terms is at most n times the largest.
        lambda o, p: (o[0].low - o[0].high - math.log(o[0].shape[p["axis"]]) - 1e-3, 0.0),
        lambda o, p: o[0].samples - math.log(np.exp(o[0].samples).mean() * o[0].shape[p["axis"]]),
        ir_bytes=3130,
        role="log",
        examples=(
            example(array(4, 5), axis=1),
            example(array(3, 5, low=1.0, high=2.0), axis=1),
            example(array(5, 3), axis=0),
            example(array(6), axis=0),
        ),
    ),
    # A z-score of n elements is at most (n - 1) / sqrt(n) in size (Samuelson).
    _softmax_like(
        "standardize",
        lambda o, p: (-math.sqrt(o[0].shape[p["axis"]]), math.sqrt(o[0].shape[p["axis"]])),
        lambda o, p: (o[0].samples - o[0].samples.mean()) / (o[0].samples.std() + 1e-3),
        centred=True,
        examples=ALONG_EACH_AXIS,
        ir_bytes=9960,
    ),
    Op(
        "diff",
        ((1, "jnp.diff({0}, axis={axis:d})"),),
        lambda o, p: (o[0].low - o[0].high, o[0].high - o[0].low),
        lambda o, p: o[0].samples - np.roll(o[0].samples, 1),
        shape=changing_axis(lambda n, p: n - 1),
        dtype=first_dtype,
        linear=True,
        role="diff",
        examples=ALONG_AN_AXIS,
        ir_bytes=1500,
    ),
    Op(
        "top_k",
        ((1, "lax.top_k({0}, {k})[0]"),),
        keep_bounds,
        lambda o, p: o[0].samples.mean() + abs(o[0].samples - o[0].samples.mean()),
        shape=lambda o, p: changing_axis(lambda n, q: q["k"] if q["k"] < n else 0)(
            o, {"axis": o[0].ndim - 1, **p}
        ),
        dtype=first_dtype,
        accepts=lambda o, p: o[0].ndim >= 1,
        examples=(
            example(array(4, 6), k=2),
            example(array(6), k=3),
        ),
        role="max",
        ir_bytes=1030,
    ),
)
