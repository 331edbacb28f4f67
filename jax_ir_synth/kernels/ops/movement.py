"""The same elements in other places, shapes, dtypes and arrays."""

import math
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    broadcast,
)
from jax_ir_synth.kernels.ops.base import (
    NUMBERS_AND_BOOLEANS,
    Op,
    ShapeRule,
    Spelling,
    first_dtype,
    first_shape,
    int_dtype,
    keep_bounds,
    keep_samples,
)
from jax_ir_synth.kernels.ops.examples import array, booleans, example, integers
from jax_ir_synth.kernels.ops.rules import (
    RAMP,
    axis_kept,
    changing_axis,
    hull,
    interleaved,
    of_param,
    with_ndim,
    with_zero,
)


def _move(name: str, spellings: tuple[Spelling, ...], shape: ShapeRule, **options: Any) -> Op:
    rules: dict[str, Any] = {
        "bounds": keep_bounds,
        "sample": keep_samples,
        "shape": shape,
        "dtype": first_dtype,
        "dtypes": NUMBERS_AND_BOOLEANS,
        "linear": True,
    } | options
    return Op(name, spellings, **rules)


def _reshape(operands: Operands, params: Params) -> Shape:
    shape: Shape = params["shape"]
    if math.prod(shape) != operands[0].size:
        raise Rejected("reshape: another size")
    return shape


def _transposed(operands: Operands, params: Params) -> Shape:
    x = operands[0]
    if sorted(params["perm"]) != list(range(x.ndim)) or x.ndim < 2:
        raise Rejected("transpose: axes")
    return tuple(x.shape[i] for i in params["perm"])


def _expanded(operands: Operands, params: Params) -> Shape:
    shape = list(operands[0].shape)
    shape.insert(params["axis"], 1)
    return tuple(shape)


def _squeezed(operands: Operands, params: Params) -> Shape:
    shape = list(operands[0].shape)
    if params["axis"] >= len(shape) or shape.pop(params["axis"]) != 1:
        raise Rejected("squeeze: not 1")
    return tuple(shape)


def _broadcasted(operands: Operands, params: Params) -> Shape:
    x = operands[0]
    shape: Shape = params["shape"]
    if broadcast(x.shape, shape) != shape or x.shape == shape:
        raise Rejected("broadcast_to: shape")
    return shape


def _padded(operands: Operands, params: Params) -> Shape:
    pads = params["pads"]
    return tuple(n + sum(pair) for n, pair in zip(operands[0].shape, pads, strict=True))


def _sliced(operands: Operands, params: Params) -> Shape:
    x, axis, start, stop, step = (
        operands[0],
        params["axis"],
        params["start"],
        params["stop"],
        params["step"],
    )
    if (
        axis >= x.ndim
        or not 0 <= start < stop <= x.shape[axis]
        or (start, stop, step) == (0, x.shape[axis], 1)
    ):
        raise Rejected("slice: bounds")
    return x.shape[:axis] + (-(-(stop - start) // step),) + x.shape[axis + 1 :]


def _picked(operands: Operands, params: Params) -> Shape:
    x, axis = operands[0], params["axis"]
    if axis >= x.ndim or not 0 <= params["index"] < x.shape[axis]:
        raise Rejected("index: bounds")
    return x.shape[:axis] + x.shape[axis + 1 :]


def _square(operands: Operands, params: Params) -> Shape:
    x = operands[0]
    if x.ndim != 2:
        raise Rejected("a matrix is wanted")
    return x.shape


PADDED = (example(array(4, 3), pads=((1, 0), (0, 2))), example(array(5), pads=((2, 1),)))
ALONG_AN_AXIS = (example(array(4, 3), axis=0), example(array(6), axis=0))

_MOVES = (
    _move(
        "reshape",
        (
            (5, "{0:99}.reshape({shape})"),
            (3, "jnp.reshape({0}, {shape})"),
            (1, "lax.reshape({0}, {shape})"),
        ),
        _reshape,
        ir_bytes=590,
        role="shaped",
        dull=True,
        examples=(
            example(array(4, 3), shape=(2, 6)),
            example(array(6), shape=(3, 2)),
        ),
    ),
    _move(
        "transpose",
        (
            (3, "jnp.transpose({0}, {perm})"),
            (2, "{0:99}.transpose({perm})"),
            (4, "{0:99}.T", "reversed"),
            (3, "jnp.swapaxes({0}, {swap})", "swap"),
            (2, "jnp.moveaxis({0}, {move})", "move"),
        ),
        _transposed,
        ir_bytes=770,
        role="shaped",
        dull=True,
        examples=(
            example(array(4, 3), perm=(1, 0)),
            example(array(2, 3, 4), perm=(2, 0, 1)),
            example(array(2, 3, 4), perm=(0, 2, 1)),
        ),
    ),
    _move(
        "expand_dims",
        (
            (4, "jnp.expand_dims({0}, {axis:d})"),
            (3, "jnp.expand_dims({0}, axis={axis:d})"),
            (6, "{0:99}[{newaxis}]"),
        ),
        _expanded,
        ir_bytes=600,
        dull=True,
        adds_axis=True,
        examples=(
            example(array(4, 3), axis=0),
            example(array(4, 3), axis=2),
            example(array(5), axis=1),
        ),
        role="shaped",
    ),
    _move(
        "squeeze",
        ((4, "jnp.squeeze({0}, axis={axis:d})"), (2, "{0:99}.squeeze({axis:d})")),
        _squeezed,
        ir_bytes=600,
        dull=True,
        examples=(
            example(array(4, 1), axis=1),
            example(array(1, 5), axis=0),
        ),
        role="shaped",
    ),
    _move(
        "broadcast_to",
        ((1, "jnp.broadcast_to({0}, {shape})"),),
        _broadcasted,
        ir_bytes=600,
        role="shaped",
        dull=True,
        examples=(
            example(array(3), shape=(4, 3)),
            example(array(), shape=(5,)),
        ),
    ),
    _move(
        "tile",
        ((1, "jnp.tile({0}, {reps})"),),
        lambda o, p: tuple(n * r for n, r in zip(o[0].shape, p["reps"], strict=True)),
        role="shaped",
        examples=(
            example(array(4, 3), reps=(2, 1)),
            example(array(5), reps=(2,)),
        ),
        ir_bytes=850,
    ),
    _move(
        "repeat",
        ((1, "jnp.repeat({0}, {repeats}, axis={axis:d})"),),
        changing_axis(lambda n, p: n * p["repeats"]),
        role="shaped",
        examples=(
            example(array(4, 3), repeats=2, axis=1),
            example(array(5), repeats=3, axis=0),
        ),
        ir_bytes=670,
    ),
    _move(
        "flip",
        ((2, "jnp.flip({0}, axis={axis:d})"), (1, "lax.rev({0}, ({axis:p},))")),
        axis_kept,
        sample=lambda o, p: o[0].samples[::-1],
        ir_bytes=810,
        examples=ALONG_AN_AXIS,
        role="shaped",
    ),
    _move(
        "roll",
        ((2, "jnp.roll({0}, {shift}, axis={axis:d})"),),
        axis_kept,
        sample=lambda o, p: np.roll(o[0].samples, p["shift"]),
        ir_bytes=1200,
        examples=(
            example(array(4, 3), shift=1, axis=1),
            example(array(6), shift=-2, axis=0),
        ),
        role="shaped",
    ),
    _move(
        "pad",
        ((1, "jnp.pad({0}, {pads})"),),
        _padded,
        bounds=with_zero,
        examples=PADDED,
        role="shaped",
        ir_bytes=1580,
    ),
    _move(
        "pad_edge",
        ((1, 'jnp.pad({0}, {pads}, mode="edge")'),),
        _padded,
        examples=PADDED,
        ir_bytes=6210,
    ),
    _move(
        "slice",
        ((1, "{0:99}[{slice}]"),),
        _sliced,
        ir_bytes=140,
        role="part",
        dull=True,
        examples=(
            example(array(4, 6), axis=1, start=1, stop=5, step=1),
            example(array(8), axis=0, start=0, stop=8, step=2),
        ),
    ),
    _move(
        "index",
        ((1, "{0:99}[{pick}]"),),
        _picked,
        ir_bytes=540,
        role="part",
        dull=True,
        examples=(
            example(array(4, 3), axis=1, index=2),
            example(array(5), axis=0, index=0),
        ),
    ),
    _move(
        "diag",
        ((1, "jnp.diag({0})"),),
        lambda o, p: with_ndim(o[0], 1).shape * 2,
        bounds=with_zero,
        ir_bytes=13170,
        title="diagonal",
        examples=(example(array(4)),),
    ),
    _move(
        "diagonal",
        ((2, "jnp.diagonal({0})"), (1, "jnp.diag({0})")),
        lambda o, p: (min(with_ndim(o[0], 2).shape),),
        ir_bytes=3750,
        examples=(
            example(array(4, 4)),
            example(array(4, 3)),
        ),
    ),
    _move(
        "tril",
        ((1, "jnp.tril({0})"),),
        _square,
        bounds=with_zero,
        examples=(
            example(array(4, 4)),
            example(array(4, 3)),
        ),
        ir_bytes=2380,
    ),
    _move(
        "sort",
        ((1, "jnp.sort({0}, axis={axis:d})"),),
        axis_kept,
        linear=False,
        ir_bytes=3810,
        examples=ALONG_AN_AXIS,
    ),
    Op(
        "argsort",
        ((1, "jnp.argsort({0}, axis={axis:d})"),),
        lambda o, p: (0.0, float(o[0].shape[p["axis"]] - 1)),
        lambda o, p: np.round(RAMP * (o[0].shape[p["axis"]] - 1)),
        shape=axis_kept,
        dtype=int_dtype,
        smooth=False,
        role="index",
        examples=ALONG_AN_AXIS,
        ir_bytes=3620,
    ),
)


def _convert_sample(operands: Operands, params: Params) -> Samples:
    samples = operands[0].samples
    return np.trunc(samples) if params["dtype"] == "int32" else samples


_CONVERT = Op(
    "convert",
    (
        (12, "{0:99}.astype({dtype})"),
        (2, "lax.convert_element_type({0}, {dtype})"),
        (1, "jnp.asarray({0}, dtype={dtype})"),
        (1, "jnp.astype({0}, {dtype})"),
    ),
    lambda o, p: (
        (math.trunc(o[0].low), math.trunc(o[0].high))
        if p["dtype"] == "int32"
        else keep_bounds(o, p)
    ),
    _convert_sample,
    shape=first_shape,
    dtype=of_param("dtype"),
    dtypes=NUMBERS_AND_BOOLEANS,
    linear=True,
    accepts=lambda o, p: o[0].dtype != p["dtype"],
    ir_bytes=0,
    dull=True,
    examples=(
        example(array(4, 3), dtype="int32"),
        example(integers(5), dtype="float32"),
        example(booleans(4, 3), dtype="float32"),
    ),
)


def _concatenated(operands: Operands, params: Params) -> Shape:
    axis = params["axis"]
    first = operands[0]
    for x in operands:
        if (
            x.ndim != first.ndim
            or axis >= x.ndim
            or any(
                a != b
                for i, (a, b) in enumerate(zip(x.shape, first.shape, strict=True))
                if i != axis
            )
        ):
            raise Rejected("concatenate: shapes")
    return first.shape[:axis] + (sum(x.shape[axis] for x in operands),) + first.shape[axis + 1 :]


def _stacked(operands: Operands, params: Params) -> Shape:
    if any(x.shape != operands[0].shape for x in operands):
        raise Rejected("stack: shapes")
    shape = list(operands[0].shape)
    shape.insert(params["axis"], len(operands))
    return tuple(shape)


_JOINS = (
    Op(
        "concatenate",
        (
            (8, "jnp.concatenate([{*}]{join_axis})"),
            (1, "jnp.hstack([{*}])", "hstack"),
            (1, "jnp.vstack([{*}])", "vstack"),
            (1, "jnp.append({0}, {1}, axis={axis:d})", "two"),
        ),
        hull,
        interleaved,
        shape=_concatenated,
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        ir_bytes=600,
        title="",
        examples=(
            example(array(4, 3), array(2, 3), axis=0),
            example(array(4, 3), array(4, 2), axis=1),
            example(array(5), array(4), axis=0),
        ),
    ),
    Op(
        "stack",
        ((1, "jnp.stack([{*}]{join_axis})"),),
        hull,
        interleaved,
        shape=_stacked,
        dtypes=NUMBERS_AND_BOOLEANS,
        linear=True,
        ir_bytes=800,
        adds_axis=True,
        examples=(
            example(array(4, 3), array(4, 3), axis=0),
            example(array(5), array(5), array(5), axis=1),
        ),
    ),
)


TABLE = (*_MOVES, _CONVERT, *_JOINS)
