"""Reductions under masks, by weights, in windows; quantiles; einsum of one array and of three."""

import math
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    broadcast,
)
from jax_ir_synth.kernels.ops.base import (
    FLOAT32,
    Op,
    RangeRule,
    SampleRule,
    Spelling,
    first_dtype,
    keep_bounds,
    promoted_dtype,
)
from jax_ir_synth.kernels.ops.examples import array, booleans, example, integers
from jax_ir_synth.kernels.ops.products import einsum_shape
from jax_ir_synth.kernels.ops.rules import around, reduced_count, reduced_shape, spread, summed


def _reduced(
    name: str,
    spellings: tuple[Spelling, ...],
    bounds: RangeRule,
    sample: SampleRule,
    **options: Any,
) -> Op:
    return Op(
        name,
        spellings,
        bounds,
        sample,
        shape=reduced_shape,
        dtype=first_dtype,
        reduces=True,
        **options,
    )


def _conditional(operands: Operands, params: Params) -> bool:
    x, mask = operands
    return (
        mask.dtype == "bool"
        and broadcast(x.shape, mask.shape) == x.shape
        and reduced_count(x, params) >= 4
    )


def _weighted(operands: Operands, params: Params) -> bool:
    x, w = operands
    return x.shape == w.shape and w.low >= 0.05 and x.dtype == w.dtype


def _some_sum_bounds(operands: Operands, params: Params) -> Interval:
    # The mask may keep any number of the elements, down to none.
    x, n = operands[0], reduced_count(operands[0], params)
    return min(0.0, n * x.low), max(0.0, n * x.high)


def _some_sum(operands: Operands, params: Params) -> Samples:
    x, mask = operands
    kept = x.samples * mask.samples
    return summed(float(kept.mean()), float(kept.std()), reduced_count(x, params))


def _trapezoid_bounds(operands: Operands, params: Params) -> Interval:
    # n values have n - 1 steps of length one between them, each with the mean of two of them.
    x, steps = operands[0], reduced_count(operands[0], params) - 1
    return steps * x.low, steps * x.high


def _average(operands: Operands, params: Params) -> Samples:
    mean, std = spread(operands[0])
    return around(mean, std / math.sqrt(reduced_count(operands[0], params)))


def _extreme(operands: Operands, params: Params) -> Samples:
    mean, std = spread(operands[0])
    return np.clip(around(mean + std, 0.3 * std), operands[0].low, operands[0].high)


def _quantile(operands: Operands, params: Params) -> Samples:
    mean, std = spread(operands[0])
    n = reduced_count(operands[0], params)
    return np.clip(
        around(mean + (2 * params["q"] - 1) * 1.5 * std, 1.2 * std / math.sqrt(n)),
        *keep_bounds(operands, params),
    )


# ---------------------------------------------------------------- windows


def _window_shape(operands: Operands, params: Params) -> Shape:
    x, k, s = operands[0], params["window"], params["stride"]
    if x.ndim not in (1, 2) or min(x.shape) < k:
        raise Rejected("window: rank or size")
    return tuple((n - k) // s + 1 for n in x.shape)


def _window(
    name: str,
    start: str,
    function: str,
    bounds: RangeRule,
    sample: SampleRule,
    **options: Any,
) -> Op:
    template = (
        f"lax.reduce_window({{0}}, {start}, {function}, "
        '{window_shape}, {window_strides}, "VALID")'
    )
    return Op(
        name,
        ((1, template),),
        bounds,
        sample,
        shape=_window_shape,
        dtype=first_dtype,
        dtypes=FLOAT32,
        **options,
    )


def _window_count(operands: Operands, params: Params) -> int:
    count: int = params["window"] ** operands[0].ndim
    return count


def _window_sum_bounds(operands: Operands, params: Params) -> Interval:
    n = _window_count(operands, params)
    return n * operands[0].low, n * operands[0].high


# ---------------------------------------------------------------- einsum


def _einsum_bounds(operands: Operands, params: Params) -> Interval:
    # A product of intervals has its extrema at corners, one operand after another; `count` such
    # products add up.
    count = einsum_shape(params["equation"], [v.shape for v in operands])[1]
    low, high = operands[0].low, operands[0].high
    for v in operands[1:]:
        corners = (low * v.low, low * v.high, high * v.low, high * v.high)
        low, high = min(corners), max(corners)
    return count * low, count * high


def _einsum_sample(operands: Operands, params: Params) -> Samples:
    count = einsum_shape(params["equation"], [v.shape for v in operands])[1]
    product = np.prod([v.samples for v in operands], axis=0)
    return summed(float(product.mean()), float(product.std()), count)


def _einsum(name: str, spelling: str, **options: Any) -> Op:
    return Op(
        name,
        ((1, spelling),),
        _einsum_bounds,
        _einsum_sample,
        shape=lambda o, p: einsum_shape(p["equation"], [v.shape for v in o])[0],
        dtype=promoted_dtype,
        equation=lambda o, p: p["equation"],
        **options,
    )


def _counts(operands: Operands, params: Params) -> bool:
    ids, weights = operands
    return (
        ids.dtype == "int32"
        and ids.ndim == 1
        and ids.shape == weights.shape
        and ids.low >= 0
        and ids.high < params["n"]
    )


# Windows that overlap.
WINDOWS = (example(array(6, 5), window=2, stride=1), example(array(8), window=3, stride=2))

TABLE = (
    _reduced(
        "norm_inf",
        ((1, "jnp.linalg.norm({0}, ord=jnp.inf{axis}{keepdims})"),),
        lambda o, p: (0.0, o[0].bound),
        lambda o, p: np.clip(
            around(*(f * float(np.abs(o[0].samples).max()) for f in (0.9, 0.08))), 0, o[0].bound
        ),
        accepts=lambda o, p: len(p["axis"]) == 1,
        examples=(
            example(array(4, 5), axis=-1),
            example(array(4, 5), axis=0, keepdims=True),
        ),
        role="norm",
        weights={"statistic": 1},
        ir_bytes=4850,
    ),
    _reduced(
        "sum_where",
        ((3, "jnp.sum({0}{axis}, where={1}{keepdims})"),),
        _some_sum_bounds,
        _some_sum,
        accepts=_conditional,
        select=(1,),
        examples=(
            example(array(4, 5), booleans(4, 5), axis=-1),
            example(array(4, 5), booleans(5), axis=(0, 1)),
        ),
        role="sum",
        ir_bytes=2090,
    ),
    _reduced(
        "max_where",
        ((1, "jnp.max({0}{axis}, initial={initial}, where={1}{keepdims})"),),
        lambda o, p: (min(p["initial"], o[0].low), max(p["initial"], o[0].high)),
        _extreme,
        accepts=lambda o, p: _conditional(o, p) and p["initial"] <= o[0].low,
        select=(1,),
        examples=(example(array(4, 5), booleans(4, 5), axis=-1, initial=-3.0),),
        ir_bytes=4240,
    ),
    _reduced(
        "average",
        ((1, "jnp.average({0}{axis}, weights={1})"),),
        keep_bounds,
        _average,
        accepts=_weighted,
        examples=(example(array(4, 5), array(4, 5, low=0.1), axis=-1),),
        role="mean",
        ir_bytes=1690,
    ),
    _reduced(
        "quantile",
        ((3, "jnp.quantile({0}, {q}{axis}{keepdims})"),),
        keep_bounds,
        _quantile,
        dtypes=FLOAT32,
        ir_bytes=11810,
        examples=(
            example(array(4, 5), axis=-1, q=0.25),
            example(array(6), q=0.9),
            example(array(4, 5), axis=0, keepdims=True, q=0.5),
        ),
        role="mean",
        decided_by_few=True,
        weights={"statistic": 3},
    ),
    _reduced(
        "trapezoid",
        ((1, "jnp.trapezoid({0}{axis})"),),
        _trapezoid_bounds,
        lambda o, p: summed(*spread(o[0]), reduced_count(o[0], p) - 1),
        dtypes=FLOAT32,
        accepts=lambda o, p: len(p["axis"]) == 1 and reduced_count(o[0], p) >= 4,
        linear=True,
        examples=(
            example(array(4, 5), axis=-1),
            example(array(6)),
        ),
        weights={"statistic": 1},
        ir_bytes=3810,
    ),
    _window(
        "window_sum",
        "0.0",
        "lax.add",
        _window_sum_bounds,
        lambda o, p: summed(*spread(o[0]), _window_count(o, p)),
        linear=True,
        examples=WINDOWS,
        role="sum",
        ir_bytes=2010,
    ),
    _window(
        "window_max",
        "-jnp.inf",
        "lax.max",
        keep_bounds,
        _extreme,
        examples=WINDOWS,
        role="max",
        ir_bytes=2160,
    ),
    _einsum(
        "einsum1",
        'jnp.einsum("{equation}", {0})',
        examples=(
            example(array(4, 3), equation="ij->j"),
            example(array(4, 3), equation="ij->ji"),
        ),
        ir_bytes=540,
    ),
    _einsum(
        "einsum3",
        'jnp.einsum("{equation}", {0}, {1}, {2})',
        ir_bytes=600,
        examples=(example(array(4, 3), array(4, 5), array(3), equation="ij,ik,j->k"),),
        role="matmul",
    ),
    Op(
        "bincount",
        ((1, "jnp.bincount({0}, weights={1}, length={n})"),),
        lambda o, p: (min(0.0, o[0].size * o[1].low), max(0.0, o[0].size * o[1].high)),
        lambda o, p: summed(*spread(o[1]), max(1, o[0].size // p["n"])),
        shape=lambda o, p: (p["n"],),
        dtype=lambda o, p: o[1].dtype,
        accepts=_counts,
        select=(0,),
        dtypes=FLOAT32,
        examples=(example(integers(8, low=0, high=3), array(8), n=4),),
        ir_bytes=4460,
    ),
)
