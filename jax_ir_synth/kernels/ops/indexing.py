"""Picks and updates by an index value."""

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
    promote,
)
from jax_ir_synth.kernels.ops.base import (
    INT32,
    NUMBERS,
    NUMBERS_AND_BOOLEANS,
    Op,
    RangeRule,
    SampleRule,
    first_dtype,
    first_shape,
    keep_bounds,
    keep_samples,
    unit_bounds,
)
from jax_ir_synth.kernels.ops.examples import array, example, integers
from jax_ir_synth.kernels.ops.rules import (
    RAMP,
    changing_axis,
    hull,
    interleaved,
    products,
    spread,
    summed,
)


def _taken(operands: Operands, params: Params) -> Shape:
    x, index = operands
    axis = params["axis"]
    if axis >= x.ndim:
        raise Rejected("no such axis")
    return x.shape[:axis] + index.shape + x.shape[axis + 1 :]


def _in_bounds(operands: Operands, params: Params) -> bool:
    x, index = operands[0], operands[-1]
    return index.dtype == "int32" and index.low >= 0 and index.high < x.shape[params["axis"]]


def _along_axis(operands: Operands, params: Params) -> Shape:
    x, index = operands
    if x.ndim != index.ndim or any(
        a != b
        for i, (a, b) in enumerate(zip(x.shape, index.shape, strict=True))
        if i != params["axis"]
    ):
        raise Rejected("take_along_axis: shapes")
    return index.shape


def _dynamic_sliced(operands: Operands, params: Params) -> Shape:
    return changing_axis(lambda n, p: p["length"])(operands, params)


def _slice_fits(operands: Operands, params: Params) -> bool:
    x, start = operands
    return (
        start.dtype == "int32"
        and start.ndim == 0
        and start.low >= 0
        and params["axis"] < x.ndim
        and start.high + params["length"] <= x.shape[params["axis"]]
        and params["length"] < x.shape[params["axis"]]
    )


def _updated_fits(operands: Operands, params: Params) -> bool:
    x, update, start = operands
    axis = params["axis"]
    return (
        start.ndim == 0
        and start.low >= 0
        and x.dtype == update.dtype
        and x.ndim == update.ndim
        and axis < x.ndim
        and start.high + update.shape[axis] <= x.shape[axis]
        and update.shape[axis] < x.shape[axis]
        and all(
            a == b for i, (a, b) in enumerate(zip(x.shape, update.shape, strict=True)) if i != axis
        )
    )


def _first_two_hull(operands: Operands, params: Params) -> Interval:
    return hull(operands[:2], params)


def _first_two_mixed(operands: Operands, params: Params) -> Samples:
    return interleaved(operands[:2], params)


def _at_target(operands: Operands, params: Params) -> Shape:
    """Shape of `x.at[i].op(value)`: the operand's, where the value fits the picked part."""
    x, value = operands[0], operands[1]
    part = x.shape[1:] if len(operands) < 3 else operands[2].shape + x.shape[1:]
    if "slice" in params:
        start, stop = params["slice"]
        if not 0 <= start < stop <= x.shape[0]:
            raise Rejected("at: slice")
        part = (stop - start,) + x.shape[1:]
    elif len(operands) < 3 and not 0 <= params["index"] < x.shape[0]:
        raise Rejected("at: index")
    if x.ndim < 1 or broadcast(part, value.shape) != part:
        raise Rejected("at: the value does not fit")
    return x.shape


def _at_ok(operands: Operands, params: Params) -> bool:
    # jax warns that it will refuse a value that doesn't become the array's dtype by itself.
    if promote(*operands[:2]) != operands[0].dtype:
        return False
    if len(operands) < 3:
        return True
    index = operands[2]
    return index.dtype == "int32" and index.low >= 0 and index.high < operands[0].shape[0]


def _accumulated_bounds(operands: Operands, params: Params) -> Interval:
    # With an array of indices, all of them may hit the same element.
    x, value = operands[0], operands[1]
    hits = operands[2].size if len(operands) == 3 else 1
    return x.low + min(0.0, hits * value.low), x.high + max(0.0, hits * value.high)


def _accumulated_sample(operands: Operands, params: Params) -> Samples:
    x, value = operands[0], operands[1]
    hits = operands[2].size // x.shape[0] if len(operands) == 3 else 0
    return x.samples + (0.5 * value.samples if hits < 2 else summed(*spread(value), hits))


def _product_bounds(operands: Operands, params: Params) -> Interval:
    # Elements that no index hits stay as they are, and the productions hit none of them twice.
    x, v = operands[0], operands[1]
    low, high = products(x, v)
    return min(x.low, low), max(x.high, high)


def _at(name: str, bounds: RangeRule, sample: SampleRule, **options: Any) -> Op:
    return Op(
        f"at_{name}",
        ((1, "{0:99}.at[{at}]." + name + "({1})"),),
        bounds,
        sample,
        accepts=_at_ok,
        shape=_at_target,
        dtype=first_dtype,
        select=(2,),
        dtypes=NUMBERS,
        **options,
    )


def _one_hot_shape(operands: Operands, params: Params) -> Shape:
    return operands[0].shape + (params["n"],)


def _segment_shape(operands: Operands, params: Params) -> Shape:
    x, ids = operands
    if x.ndim < 1 or ids.shape != x.shape[:1]:
        raise Rejected("segment_sum: shapes")
    return (params["n"],) + x.shape[1:]


def _segment_bounds(operands: Operands, params: Params) -> Interval:
    # A segment may be empty, or hold all n elements.
    x, n = operands[0], operands[0].shape[0]
    return min(0.0, n * x.low), max(0.0, n * x.high)


def _segment_sample(operands: Operands, params: Params) -> Samples:
    x = operands[0]
    return summed(*spread(x), max(1, x.shape[0] // params["n"]))


# At an index, in a slice, and at an array of indices.
UPDATES = (
    example(array(6, 3), array(3), index=2),
    example(array(8), array(4), slice=(2, 6)),
    example(array(6), array(4), integers(4, low=0, high=5)),
)

TABLE = (
    Op(
        "take",
        ((4, "jnp.take({0}, {1}, axis={axis:d})"), (5, "{0:99}[{gather}]")),
        keep_bounds,
        keep_samples,
        accepts=_in_bounds,
        shape=_taken,
        dtype=first_dtype,
        select=(1,),
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        ir_bytes=4910,
        role="part",
        title="gathered rows",
        examples=(
            example(array(6, 3), integers(4, low=0, high=5), axis=0),
            example(array(3, 6), integers(4, low=0, high=5), axis=1),
        ),
    ),
    Op(
        "dynamic_index",
        ((3, "{0:99}[{1}]"), (1, "lax.dynamic_index_in_dim({0}, {1}, keepdims=False)")),
        keep_bounds,
        keep_samples,
        accepts=lambda o, p: _in_bounds(o, p) and p["axis"] == 0 and o[1].ndim == 0,
        shape=_taken,
        dtype=first_dtype,
        select=(1,),
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        ir_bytes=2130,
        title="",
        examples=(example(array(6, 3), integers(low=0, high=5), axis=0),),
        role="part",
    ),
    Op(
        "take_along_axis",
        ((1, "jnp.take_along_axis({0}, {1}, axis={axis:d})"),),
        keep_bounds,
        keep_samples,
        accepts=_in_bounds,
        shape=_along_axis,
        dtype=first_dtype,
        select=(1,),
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        ir_bytes=4950,
        examples=(
            example(array(6, 3), integers(4, 3, low=0, high=5), axis=0),
            example(array(4, 6), integers(4, 2, low=0, high=5), axis=1),
        ),
    ),
    Op(
        "dynamic_slice",
        (
            (3, "lax.dynamic_slice_in_dim({0}, {1}, {length}, axis={axis:d})"),
            (2, "lax.dynamic_slice({0}, {starts}, {sizes})"),
        ),
        keep_bounds,
        keep_samples,
        accepts=_slice_fits,
        shape=_dynamic_sliced,
        dtype=first_dtype,
        select=(1,),
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        role="part",
        examples=(
            example(array(8, 3), integers(low=0, high=4), axis=0, length=3),
            example(array(4, 8), integers(low=0, high=4), axis=1, length=2),
        ),
        ir_bytes=1120,
    ),
    Op(
        "dynamic_update_slice",
        (
            (3, "lax.dynamic_update_slice_in_dim({0}, {1}, {2}, axis={axis:d})"),
            (2, "lax.dynamic_update_slice({0}, {1}, {starts2})"),
        ),
        _first_two_hull,
        _first_two_mixed,
        accepts=_updated_fits,
        shape=first_shape,
        dtype=first_dtype,
        select=(2,),
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        examples=(
            example(array(8, 3), array(2, 3), integers(low=0, high=5), axis=0),
            example(array(8), array(3), integers(low=0, high=5), axis=0),
        ),
        ir_bytes=1140,
    ),
    _at(
        "set",
        _first_two_hull,
        _first_two_mixed,
        linear=True,
        ir_bytes=1380,
        examples=(
            example(array(6, 3), array(3), index=2),
            example(array(8), array(4), slice=(2, 6)),
            example(array(6, 3), array(3), integers(low=0, high=5)),
        ),
    ),
    _at(
        "add",
        _accumulated_bounds,
        _accumulated_sample,
        linear=True,
        ir_bytes=2940,
        examples=UPDATES,
    ),
    _at(
        "multiply",
        _product_bounds,
        lambda o, p: o[0].samples * np.where(RAMP > 0.5, o[1].samples, 1.0),
        examples=(
            example(array(6, 3), array(3), index=2),
            example(array(8), array(4), slice=(2, 6)),
            example(array(6), array(), integers(low=0, high=5)),
        ),
        ir_bytes=2910,
    ),
    _at(
        "max",
        _first_two_hull,
        lambda o, p: np.where(RAMP > 0.5, np.maximum(o[0].samples, o[1].samples), o[0].samples),
        examples=UPDATES,
        ir_bytes=8540,
    ),
    _at(
        "min",
        _first_two_hull,
        lambda o, p: np.where(RAMP > 0.5, np.minimum(o[0].samples, o[1].samples), o[0].samples),
        examples=UPDATES,
        ir_bytes=8540,
    ),
    Op(
        "one_hot",
        ((5, "jax.nn.one_hot({0}, {n})"), (1, "jax.nn.one_hot({0}, num_classes={n})")),
        unit_bounds,
        lambda o, p: (RAMP > 0.7).astype(float),
        shape=_one_hot_shape,
        dtype=lambda o, p: "float32",
        smooth=False,
        dtypes=INT32,
        accepts=lambda o, p: o[0].low >= 0 and o[0].high < p["n"],
        ir_bytes=980,
        examples=(example(integers(6, low=0, high=3), n=4),),
    ),
    Op(
        "segment_sum",
        (
            (3, "jax.ops.segment_sum({0}, {1}, num_segments={n})"),
            (1, "jax.ops.segment_sum({0}, {1}, {n})"),
        ),
        _segment_bounds,
        _segment_sample,
        shape=_segment_shape,
        dtype=first_dtype,
        select=(1,),
        accepts=lambda o, p: o[1].dtype == "int32" and o[1].low >= 0 and o[1].high < p["n"],
        ir_bytes=2390,
        title="segment sums",
        examples=(
            example(array(8), integers(8, low=0, high=3), n=4),
            example(array(6, 3), integers(6, low=0, high=2), n=3),
        ),
    ),
)
