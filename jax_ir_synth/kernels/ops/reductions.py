"""Reductions over axes: sums, extrema, moments, norms, also without NaNs; indices of extrema."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
)
from jax_ir_synth.kernels.ops.base import (
    BOOL,
    FLOAT32,
    NUMBERS,
    Condition,
    DtypeRule,
    Op,
    RangeRule,
    Spelling,
    bool_dtype,
    first_dtype,
    int_dtype,
    keep_bounds,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, booleans, example, integers
from jax_ir_synth.kernels.ops.rules import (
    NORMAL,
    around,
    is_near_one,
    magnitudes,
    reduced_count,
    reduced_shape,
    running_product,
    spread,
    summed,
)

# Examples of a reduction: along one axis, of all elements, and with the axis kept.
REDUCED = (
    example(array(4, 5), axis=-1),
    example(array(6)),
    example(array(4, 5), axis=0, keepdims=True),
    example(array(2, 4, 5), axis=(0, 2)),
)


def _reduction(
    name: str,
    spellings: tuple[Spelling, ...],
    bounds: RangeRule,
    sample: Callable[[Value, int, float, float], Samples],
    min_count: int = 2,
    accepts: Condition | None = None,
    dtype: DtypeRule = first_dtype,
    **options: Any,
) -> Op:
    """A reduction; `sample` is of the operand, its number of elements, their mean and deviation."""

    def accepted(operands: Operands, params: Params) -> bool:
        return reduced_count(operands[0], params) >= min_count and (
            accepts is None or accepts(operands, params)
        )

    def clipped(operands: Operands, params: Params) -> Samples:
        x = operands[0]
        low, high = bounds(operands, params)
        return np.clip(sample(x, reduced_count(x, params), *spread(x)), low, high)

    return Op(
        name,
        spellings,
        bounds,
        clipped,
        accepts=accepted,
        shape=reduced_shape,
        dtype=dtype,
        reduces=True,
        **options,
    )


def _mean_sample(x: Value, n: int, mean: float, std: float) -> Samples:
    return around(mean, std / math.sqrt(n))


def _var_sample(x: Value, n: int, mean: float, std: float) -> Samples:
    return around(std * std, std * std / math.sqrt(n))


def _max_sample(x: Value, n: int, mean: float, std: float) -> Samples:
    return around(mean + _tail(n) * std, std / math.log(n + 2))


def _least_sample(operands: Operands, params: Params) -> Samples:
    mean, std = spread(operands[0])
    return np.clip(around(mean - std, -0.3 * std), operands[0].low, operands[0].high)


def _scaled(operands: Operands, params: Params) -> Interval:
    n = reduced_count(operands[0], params)
    return n * operands[0].low, n * operands[0].high


# A product of n factors in [a, b], a > 0, lies between aⁿ and bⁿ. Its logarithm is a sum, so that
# its samples are log-normal.
def _power_bounds(operands: Operands, params: Params) -> Interval:
    return running_product(operands[0], reduced_count(operands[0], params))


def _tail(n: int) -> float:
    """Expected maximum of n standard normal values, roughly.

    Its leading term is sqrt(2 log n); for the 4 to 500 elements that are reduced here, three
    quarters of it are nearer.
    """
    return math.sqrt(2 * math.log(n)) * 0.75


# Values in [a, b] have a variance of at most (b - a)² / 4 (Popoviciu), that of half of them at
# each end; the rest is for rounding.
def _std_bounds(operands: Operands, params: Params) -> Interval:
    return 0.0, (operands[0].high - operands[0].low) / 2 + 1e-3


def _var_bounds(operands: Operands, params: Params) -> Interval:
    return 0.0, ((operands[0].high - operands[0].low) / 2 + 1e-3) ** 2


# The norm of n elements of sizes in [a, b] lies between a sqrt(n) and b sqrt(n), their sum of
# sizes between a n and b n; a is zero where the range holds zero.
def _norm_bounds(operands: Operands, params: Params) -> Interval:
    (low, high), n = magnitudes(operands[0]), reduced_count(operands[0], params)
    return low * math.sqrt(n), high * math.sqrt(n)


def _l1_bounds(operands: Operands, params: Params) -> Interval:
    (low, high), n = magnitudes(operands[0]), reduced_count(operands[0], params)
    return low * n, high * n


# log(sum(exp(x))) of n elements lies between min(x) + log(n) and max(x) + log(n).
def _lse_bounds(operands: Operands, params: Params) -> Interval:
    n = math.log(reduced_count(operands[0], params))
    return operands[0].low + n, operands[0].high + n


def _reduce(function: str, weight: int = 6) -> tuple[Spelling, ...]:
    return (
        (weight, f"jnp.{function}({{0}}{{axis:second}}{{keepdims}})"),
        (2, f"{{0:99}}.{function}({{axis:second}}{{keepdims}})"),
    )


def _index_bounds(operands: Operands, params: Params) -> Interval:
    return 0.0, float(reduced_count(operands[0], params) - 1)


def _index_shape(operands: Operands, params: Params) -> Shape:
    if len(params["axis"]) != 1:
        raise Rejected("one axis")
    return reduced_shape(operands, params)


def _indexes(name: str, spellings: tuple[Spelling, ...], **options: Any) -> Op:
    return Op(
        name,
        spellings,
        _index_bounds,
        lambda o, p: np.floor((NORMAL + 1.7) / 3.5 * reduced_count(o[0], p)),
        shape=_index_shape,
        accepts=lambda o, p: reduced_count(o[0], p) >= 2,
        dtype=int_dtype,
        smooth=False,
        dtypes=NUMBERS,
        reduces=True,
        **options,
    )


_FLAGS: dict[str, Any] = {"smooth": False, "dtypes": BOOL}

# As REDUCED, of conditions.
REDUCED_FLAGS = (
    example(booleans(4, 5), axis=-1),
    example(booleans(6)),
    example(booleans(4, 5), axis=0, keepdims=True),
)
# Floats and integers, whose place is looked for.
POSITIONS = (example(array(4, 5), axis=-1), example(array(6)), example(integers(4, 5), axis=0))

TABLE = (
    _reduction(
        "sum",
        _reduce("sum"),
        _scaled,
        lambda x, n, m, s: summed(m, s, n),
        dtypes=NUMBERS,
        linear=True,
        ir_bytes=1130,
        role="sum",
        examples=REDUCED,
        weights={"statistic": 30, "threshold": 9},
    ),
    _reduction(
        "mean",
        _reduce("mean"),
        keep_bounds,
        _mean_sample,
        linear=True,
        ir_bytes=1580,
        role="mean",
        examples=REDUCED,
        weights={"statistic": 22, "threshold": 9},
    ),
    _reduction(
        "prod",
        _reduce("prod"),
        _power_bounds,
        lambda x, n, m, s: np.exp(n * math.log(m) + math.sqrt(n) * s / m * NORMAL),
        accepts=lambda o, p: is_near_one(o[0]) and reduced_count(o[0], p) <= 12,
        examples=(
            example(array(4, 5, low=0.5, high=1.5), axis=-1),
            example(array(5, low=0.5, high=1.5)),
            example(array(2, 4, low=0.5, high=1.5), axis=(0, 1), keepdims=True),
        ),
        decided_by_few=True,
        weights={"statistic": 5},
        ir_bytes=3960,
    ),
    _reduction(
        "max",
        _reduce("max") + ((1, "jnp.amax({0}{axis:second}{keepdims})"),),
        keep_bounds,
        _max_sample,
        dtypes=NUMBERS,
        ir_bytes=1540,
        role="max",
        title="maximum",
        examples=REDUCED,
        decided_by_few=True,
        weights={"statistic": 10, "threshold": 6},
    ),
    _reduction(
        "min",
        _reduce("min"),
        keep_bounds,
        lambda x, n, m, s: around(m - _tail(n) * s, s / math.log(n + 2)),
        dtypes=NUMBERS,
        ir_bytes=1300,
        role="max",
        title="minimum",
        examples=REDUCED,
        decided_by_few=True,
        weights={"statistic": 6, "threshold": 4},
    ),
    _reduction(
        "var",
        _reduce("var", weight=4),
        _var_bounds,
        _var_sample,
        min_count=4,
        ir_bytes=5560,
        role="var",
        examples=REDUCED,
        weights={"statistic": 6, "threshold": 2},
    ),
    _reduction(
        "std",
        _reduce("std", weight=4),
        _std_bounds,
        lambda x, n, m, s: around(s, 0.5 * s / math.sqrt(n)),
        min_count=4,
        accepts=lambda o, p: o[0].samples.std() > 0.1,
        ir_bytes=9030,
        role="var",
        examples=REDUCED,
        weights={"statistic": 5, "threshold": 2},
    ),
    _reduction(
        "norm",
        ((4, "jnp.linalg.norm({0}{axis}{keepdims})"),),
        _norm_bounds,
        lambda x, n, m, s: around(math.sqrt(n * (m * m + s * s)), 0.7 * s),
        accepts=lambda o, p: (len(p["axis"]) == 1 or o[0].ndim == 1) and o[0].samples.std() > 0.1,
        min_count=3,
        ir_bytes=2730,
        role="norm",
        examples=(
            example(array(4, 5), axis=-1),
            example(array(6)),
            example(array(4, 5), axis=0, keepdims=True),
        ),
        weights={"statistic": 6, "threshold": 4},
    ),
    _reduction(
        "norm_l1",
        ((2, "jnp.linalg.norm({0}, ord=1{axis}{keepdims})"),),
        _l1_bounds,
        lambda x, n, m, s: summed(
            float(np.abs(x.samples).mean()), float(np.abs(x.samples).std()), n
        ),
        accepts=lambda o, p: len(p["axis"]) == 1,
        role="norm",
        title="L1 norm",
        examples=(
            example(array(4, 5), axis=-1),
            example(array(4, 5), axis=0, keepdims=True),
        ),
        weights={"statistic": 2, "threshold": 1},
        ir_bytes=2300,
    ),
    _reduction(
        "logsumexp",
        (
            (3, "jax.nn.logsumexp({0}{axis}{keepdims})"),
            (6, "jax.scipy.special.logsumexp({0}{axis}{keepdims})"),
        ),
        _lse_bounds,
        lambda x, n, m, s: around(m + math.log(n) + s * s / 2, s / math.sqrt(n)),
        ir_bytes=6570,
        role="log",
        title="log-sum-exp",
        examples=REDUCED,
        weights={"statistic": 7, "threshold": 1},
    ),
    _reduction(
        "median",
        ((1, "jnp.median({0}{axis:second}{keepdims})"),),
        keep_bounds,
        lambda x, n, m, s: around(m, 1.2 * s / math.sqrt(n)),
        dtypes=FLOAT32,
        ir_bytes=10600,
        role="mean",
        examples=REDUCED,
        decided_by_few=True,
        weights={"statistic": 2, "threshold": 1},
    ),
    _reduction(
        "nanmean",
        ((1, "jnp.nanmean({0}{axis}{keepdims})"),),
        keep_bounds,
        _mean_sample,
        dtypes=FLOAT32,
        role="mean",
        examples=REDUCED,
        weights={"statistic": 1},
        ir_bytes=5740,
    ),
    _reduction(
        "nanvar",
        ((1, "jnp.nanvar({0}{axis}{keepdims})"),),
        _var_bounds,
        _var_sample,
        min_count=4,
        dtypes=FLOAT32,
        role="var",
        weights={"statistic": 1},
        examples=REDUCED,
        ir_bytes=16150,
    ),
    _reduction(
        "nanmax",
        ((1, "jnp.nanmax({0}{axis}{keepdims})"),),
        keep_bounds,
        _max_sample,
        dtypes=FLOAT32,
        examples=REDUCED,
        role="max",
        decided_by_few=True,
        weights={"statistic": 1},
        ir_bytes=7070,
    ),
    _reduction(
        "ptp",
        ((1, "jnp.ptp({0}{axis}{keepdims})"),),
        lambda o, p: (0.0, o[0].high - o[0].low),
        lambda x, n, m, s: around(2 * _tail(n) * s, s / math.log(n + 2)),
        min_count=4,
        examples=REDUCED,
        decided_by_few=True,
        weights={"statistic": 2},
        ir_bytes=4240,
    ),
    _reduction(
        "any",
        ((2, "jnp.any({0}{axis:second}{keepdims})"),),
        unit_bounds,
        lambda x, n, m, s: (NORMAL > -0.7).astype(float),
        checked=False,
        dtype=bool_dtype,
        **_FLAGS,
        ir_bytes=1000,
        examples=REDUCED_FLAGS,
    ),
    _reduction(
        "all",
        ((2, "jnp.all({0}{axis:second}{keepdims})"),),
        unit_bounds,
        lambda x, n, m, s: (NORMAL > 0.7).astype(float),
        checked=False,
        dtype=bool_dtype,
        **_FLAGS,
        ir_bytes=600,
        examples=REDUCED_FLAGS,
    ),
    _reduction(
        "count_nonzero",
        ((2, "jnp.count_nonzero({0}{axis}{keepdims})"), (3, "jnp.sum({0}{axis}{keepdims})")),
        lambda o, p: (0.0, float(reduced_count(o[0], p))),
        lambda x, n, m, s: np.round(summed(m, s, n)),
        dtype=int_dtype,
        **_FLAGS,
        ir_bytes=600,
        examples=REDUCED_FLAGS,
    ),
    _indexes(
        "argmax",
        ((5, "jnp.argmax({0}{axis:second})"), (1, "{0:99}.argmax({axis:second})")),
        ir_bytes=2000,
        role="index",
        title="best index",
        examples=POSITIONS,
    ),
    _indexes(
        "argmin",
        ((5, "jnp.argmin({0}{axis:second})"),),
        ir_bytes=1090,
        role="index",
        examples=POSITIONS,
    ),
)

_NAN: dict[str, Any] = {
    "shape": reduced_shape,
    "dtype": first_dtype,
    "dtypes": FLOAT32,
    "reduces": True,
    "examples": REDUCED,
}

# Apart from the other reductions, as the draws go by the order of the tables: these come last.
LAST = (
    Op(
        "nansum",
        ((1, "jnp.nansum({0}{axis}{keepdims})"),),
        _scaled,
        lambda o, p: summed(*spread(o[0]), reduced_count(o[0], p)),
        linear=True,
        role="sum",
        weights={"statistic": 1},
        ir_bytes=3570,
        **_NAN,
    ),
    Op(
        "nanmin",
        ((1, "jnp.nanmin({0}{axis}{keepdims})"),),
        keep_bounds,
        _least_sample,
        role="max",
        decided_by_few=True,
        weights={"statistic": 1},
        ir_bytes=7070,
        **_NAN,
    ),
)
