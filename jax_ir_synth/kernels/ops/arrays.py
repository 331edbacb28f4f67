"""Operations that make, move, select, sort, scan and contract arrays."""

import math

import numpy as np

from jax_ir_synth.kernels.core.values import SAMPLES, Undrawable, Value, broadcast, promote
from jax_ir_synth.kernels.ops.base import Op, first_dtype, first_shape, keep_bounds, keep_samples
from jax_ir_synth.kernels.ops.reductions import spread, summed

NUMBERS = ("float32", "float16", "bfloat16", "int32", "bool")
_RAMP = np.linspace(0.0, 1.0, SAMPLES)


def _param(name):
    return lambda operands, params: params[name]


# ---------------------------------------------------------------- arrays from nothing

def _filled(low, high):
    return {"bounds": lambda o, p: (low, high), "sample": lambda o, p: np.full(SAMPLES, (low + high) / 2)}


_new = {"shape": _param("shape"), "dtype": _param("dtype"), "checked": False, "dtypes": NUMBERS, "smooth": False}
_like = {"shape": first_shape, "dtype": first_dtype, "checked": False, "dtypes": NUMBERS, "smooth": False,
         "select": (0,)}


def _value_bounds(operands, params):
    return params["value"], params["value"]


def _arange_bounds(operands, params):
    return 0.0, float(params["shape"][0] - 1)


def _arange_sample(operands, params):
    return np.round(_RAMP * (params["shape"][0] - 1))


_SOURCES = (
    Op("zeros", ((4, "jnp.zeros({shape}{dtype_kw})"), (1, "jnp.zeros({shape}, {dtype})"),
                 (1, "jnp.empty({shape}{dtype_kw})")), **_filled(0.0, 0.0), **_new),
    Op("ones", ((1, "jnp.ones({shape}{dtype_kw})"),), **_filled(1.0, 1.0), **_new),
    Op("full", ((1, "jnp.full({shape}, {value}{dtype_kw})"),), _value_bounds,
       lambda o, p: np.full(SAMPLES, p["value"]), **_new),
    Op("zeros_like", ((1, "jnp.zeros_like({0})"),), **_filled(0.0, 0.0), **_like),
    Op("ones_like", ((1, "jnp.ones_like({0})"),), **_filled(1.0, 1.0), **_like),
    Op("full_like", ((1, "jnp.full_like({0}, {value})"),), _value_bounds,
       lambda o, p: np.full(SAMPLES, p["value"]), **_like),
    Op("arange", ((4, "jnp.arange({n}{dtype_kw})"), (1, "lax.iota({dtype}, {n})")), _arange_bounds,
       _arange_sample, **_new),
    Op("linspace", ((1, "jnp.linspace({start}, {stop}, {n})"),),
       lambda o, p: (p["start"], p["stop"]), lambda o, p: p["start"] + (p["stop"] - p["start"]) * _RAMP, **_new),
    Op("eye", ((2, "jnp.eye({n})"), (1, "jnp.identity({n})")), lambda o, p: (0.0, 1.0),
       lambda o, p: (_RAMP > 0.9) * 1.0, **_new),
    Op("broadcasted_iota", ((1, "lax.broadcasted_iota({dtype}, {shape}, {dimension})"),),
       lambda o, p: (0.0, float(p["shape"][p["dimension"]] - 1)),
       lambda o, p: np.round(_RAMP * (p["shape"][p["dimension"]] - 1)), **_new),
    Op("constant_array", ((1, "jnp.array({values})"),), lambda o, p: (min(p["values"]), max(p["values"])),
       lambda o, p: np.resize(np.array(p["values"]), SAMPLES), **_new),
)


# ---------------------------------------------------------------- the same elements, elsewhere

def _move(name, spellings, shape, **options):
    return Op(name, spellings, **({"bounds": keep_bounds, "sample": keep_samples, "shape": shape,
                                   "dtype": first_dtype, "dtypes": NUMBERS, "linear": True} | options))


def _reshape(operands, params):
    if math.prod(params["shape"]) != operands[0].size:
        raise Undrawable("reshape: another size")
    return params["shape"]


def _transposed(operands, params):
    x = operands[0]
    if sorted(params["perm"]) != list(range(x.ndim)) or x.ndim < 2:
        raise Undrawable("transpose: axes")
    return tuple(x.shape[i] for i in params["perm"])


def _expanded(operands, params):
    shape = list(operands[0].shape)
    shape.insert(params["axis"], 1)
    return tuple(shape)


def _squeezed(operands, params):
    shape = list(operands[0].shape)
    if params["axis"] >= len(shape) or shape.pop(params["axis"]) != 1:
        raise Undrawable("squeeze: not 1")
    return tuple(shape)


def _broadcasted(operands, params):
    if broadcast(operands[0].shape, params["shape"]) != params["shape"] or operands[0].shape == params["shape"]:
        raise Undrawable("broadcast_to: shape")
    return params["shape"]


def _along(change):
    """Shape rule of an operation that changes the length of one axis."""
    def shape(operands, params):
        x, axis = operands[0], params["axis"]
        if axis >= x.ndim:
            raise Undrawable("no such axis")
        n = change(x.shape[axis], params)
        if n < 1:
            raise Undrawable("empty")
        return x.shape[:axis] + (n,) + x.shape[axis + 1:]
    return shape


def _sliced(operands, params):
    x, axis, start, stop, step = operands[0], params["axis"], params["start"], params["stop"], params["step"]
    if axis >= x.ndim or not 0 <= start < stop <= x.shape[axis] or (start, stop, step) == (0, x.shape[axis], 1):
        raise Undrawable("slice: bounds")
    return x.shape[:axis] + (-(-(stop - start) // step),) + x.shape[axis + 1:]


def _picked(operands, params):
    x, axis = operands[0], params["axis"]
    if axis >= x.ndim or not 0 <= params["index"] < x.shape[axis]:
        raise Undrawable("index: bounds")
    return x.shape[:axis] + x.shape[axis + 1:]


def _same_shape(operands, params):
    if params.get("axis", 0) >= operands[0].ndim:
        raise Undrawable("no such axis")
    return operands[0].shape


def _square(operands, params):
    x = operands[0]
    if x.ndim != 2:
        raise Undrawable("a matrix is wanted")
    return x.shape


def _with_zero(operands, params):
    return min(operands[0].low, 0.0), max(operands[0].high, 0.0)


_MOVES = (
    _move("reshape", ((5, "{0:99}.reshape({shape})"), (3, "jnp.reshape({0}, {shape})"),
                      (1, "lax.reshape({0}, {shape})")), _reshape),
    _move("ravel", ((2, "jnp.ravel({0})"), (3, "{0:99}.reshape(-1)")),
          lambda o, p: (o[0].size,) if o[0].ndim > 1 else _reshape((o[0],), {"shape": ()})),
    _move("transpose", ((3, "jnp.transpose({0}, {perm})"), (2, "{0:99}.transpose({perm})"),
                        (4, "{0:99}.T", "reversed"), (3, "jnp.swapaxes({0}, {swap})", "swap"),
                        (2, "jnp.moveaxis({0}, {move})", "move")), _transposed),
    _move("expand_dims", ((4, "jnp.expand_dims({0}, {axis:d})"), (3, "jnp.expand_dims({0}, axis={axis:d})"),
                          (6, "{0:99}[{newaxis}]")), _expanded),
    _move("squeeze", ((4, "jnp.squeeze({0}, axis={axis:d})"), (2, "{0:99}.squeeze({axis:d})")), _squeezed),
    _move("broadcast_to", ((1, "jnp.broadcast_to({0}, {shape})"),), _broadcasted),
    _move("tile", ((1, "jnp.tile({0}, {reps})"),),
          lambda o, p: tuple(n * r for n, r in zip(o[0].shape, p["reps"], strict=True))),
    _move("repeat", ((1, "jnp.repeat({0}, {repeats}, axis={axis:d})"),), _along(lambda n, p: n * p["repeats"])),
    _move("flip", ((2, "jnp.flip({0}, axis={axis:d})"), (1, "lax.rev({0}, ({axis:p},))")), _same_shape,
          sample=lambda o, p: o[0].samples[::-1]),
    _move("roll", ((2, "jnp.roll({0}, {shift}, axis={axis:d})"),), _same_shape,
          sample=lambda o, p: np.roll(o[0].samples, p["shift"])),
    _move("pad", ((1, "jnp.pad({0}, {pads})"),), lambda o, p: tuple(
        n + sum(pair) for n, pair in zip(o[0].shape, p["pads"], strict=True)), bounds=_with_zero),
    _move("pad_edge", ((1, 'jnp.pad({0}, {pads}, mode="edge")'),), lambda o, p: tuple(
        n + sum(pair) for n, pair in zip(o[0].shape, p["pads"], strict=True))),
    _move("slice", ((1, "{0:99}[{slice}]"),), _sliced),
    _move("slice_in_dim", ((1, "lax.slice_in_dim({0}, {start}, {stop}, axis={axis:d})"),), _sliced),
    _move("index", ((1, "{0:99}[{pick}]"),), _picked),
    _move("diag", ((1, "jnp.diag({0})"),), lambda o, p: _with_ndim(o[0], 1).shape * 2, bounds=_with_zero),
    _move("diagonal", ((2, "jnp.diagonal({0})"), (1, "jnp.diag({0})")),
          lambda o, p: (min(_with_ndim(o[0], 2).shape),)),
    _move("tril", ((1, "jnp.tril({0})"),), _square, bounds=_with_zero),
    _move("triu", ((1, "jnp.triu({0})"),), _square, bounds=_with_zero),
    _move("sort", ((1, "jnp.sort({0}, axis={axis:d})"),), _same_shape, linear=False),
    Op("argsort", ((1, "jnp.argsort({0}, axis={axis:d})"),),
       lambda o, p: (0.0, float(o[0].shape[p["axis"]] - 1)),
       lambda o, p: np.round(_RAMP * (o[0].shape[p["axis"]] - 1)), shape=_same_shape,
       dtype=lambda o, p: "int32", smooth=False),
    _move("copy", ((1, "jnp.copy({0})"),), first_shape),
)


def _with_ndim(x: Value, ndim: int) -> Value:
    if x.ndim != ndim:
        raise Undrawable(f"{ndim} dimensions are wanted")
    return x


# ---------------------------------------------------------------- conversions

def _convert_sample(operands, params):
    samples = operands[0].samples
    return np.trunc(samples) if params["dtype"] == "int32" else samples


_CONVERT = Op(
    "convert", ((12, "{0:99}.astype({dtype})"), (2, "lax.convert_element_type({0}, {dtype})"),
                (1, "jnp.asarray({0}, dtype={dtype})"), (1, "jnp.astype({0}, {dtype})")),
    lambda o, p: (math.trunc(o[0].low), math.trunc(o[0].high)) if p["dtype"] == "int32" else keep_bounds(o, p),
    _convert_sample, shape=first_shape, dtype=_param("dtype"), dtypes=NUMBERS, linear=True,
    accepts=lambda o, p: o[0].dtype != p["dtype"])


# ---------------------------------------------------------------- several arrays into one

def _concatenated(operands, params):
    axis = params["axis"]
    first = operands[0]
    for x in operands:
        if x.ndim != first.ndim or axis >= x.ndim or any(
                a != b for i, (a, b) in enumerate(zip(x.shape, first.shape)) if i != axis):
            raise Undrawable("concatenate: shapes")
    return first.shape[:axis] + (sum(x.shape[axis] for x in operands),) + first.shape[axis + 1:]


def _stacked(operands, params):
    if any(x.shape != operands[0].shape for x in operands):
        raise Undrawable("stack: shapes")
    shape = list(operands[0].shape)
    shape.insert(params["axis"], len(operands))
    return tuple(shape)


def _hull(operands, params):
    return min(x.low for x in operands), max(x.high for x in operands)



def _interleaved(operands, params):
    picks = np.arange(SAMPLES) % len(operands)
    return np.stack([x.samples for x in operands])[picks, np.arange(SAMPLES)]


_JOINS = (
    Op("concatenate", ((8, "jnp.concatenate([{*}]{axis})"), (1, "jnp.hstack([{*}])", "hstack"),
                       (1, "jnp.vstack([{*}])", "vstack"), (1, "jnp.append({0}, {1}, axis={axis:d})", "two")),
       _hull, _interleaved, shape=_concatenated, dtypes=NUMBERS, linear=True),
    Op("stack", ((1, "jnp.stack([{*}]{axis})"),), _hull, _interleaved, shape=_stacked,
       dtypes=NUMBERS, linear=True),
)


# ---------------------------------------------------------------- picks by an index value

def _taken(operands, params):
    x, index = operands
    axis = params["axis"]
    if axis >= x.ndim:
        raise Undrawable("no such axis")
    return x.shape[:axis] + index.shape + x.shape[axis + 1:]


def _in_bounds(operands, params):
    x, index = operands[0], operands[-1]
    return index.dtype == "int32" and index.low >= 0 and index.high < x.shape[params["axis"]]


def _along_axis(operands, params):
    x, index = operands
    if x.ndim != index.ndim or any(a != b for i, (a, b) in enumerate(zip(x.shape, index.shape))
                                   if i != params["axis"]):
        raise Undrawable("take_along_axis: shapes")
    return index.shape


def _dynamic_sliced(operands, params):
    return _along(lambda n, p: p["length"])(operands, params)


def _slice_fits(operands, params):
    x, start = operands
    return (start.dtype == "int32" and start.ndim == 0 and start.low >= 0 and params["axis"] < x.ndim
            and start.high + params["length"] <= x.shape[params["axis"]] and params["length"] < x.shape[params["axis"]])


def _updated_fits(operands, params):
    x, update, start = operands
    axis = params["axis"]
    return (start.ndim == 0 and start.low >= 0 and x.dtype == update.dtype and x.ndim == update.ndim
            and axis < x.ndim and start.high + update.shape[axis] <= x.shape[axis]
            and update.shape[axis] < x.shape[axis]
            and all(a == b for i, (a, b) in enumerate(zip(x.shape, update.shape)) if i != axis))


def _first_two_hull(operands, params):
    return _hull(operands[:2], params)


def _first_two_mixed(operands, params):
    return _interleaved(operands[:2], params)


def _at_target(operands, params):
    """Shape of `x.at[i].op(value)`: the operand's, where the value fits the picked part."""
    x, value = operands[0], operands[1]
    part = x.shape[1:] if len(operands) < 3 else operands[2].shape + x.shape[1:]
    if "slice" in params:
        start, stop = params["slice"]
        if not 0 <= start < stop <= x.shape[0]:
            raise Undrawable("at: slice")
        part = (stop - start,) + x.shape[1:]
    elif len(operands) < 3 and not 0 <= params["index"] < x.shape[0]:
        raise Undrawable("at: index")
    if x.ndim < 1 or broadcast(part, value.shape) != part:
        raise Undrawable("at: the value does not fit")
    return x.shape


def _at_index_ok(operands, params):
    if len(operands) < 3:
        return True
    index = operands[2]
    return index.dtype == "int32" and index.low >= 0 and index.high < operands[0].shape[0]


def _accumulated_bounds(operands, params):
    x, value = operands[0], operands[1]
    hits = operands[2].size if len(operands) == 3 else 1
    return x.low + min(0.0, hits * value.low), x.high + max(0.0, hits * value.high)


def _accumulated_sample(operands, params):
    x, value = operands[0], operands[1]
    hits = operands[2].size // x.shape[0] if len(operands) == 3 else 0
    return x.samples + (0.5 * value.samples if hits < 2 else summed(*spread(value), hits))


def _product_bounds(operands, params):
    x, v = operands[0], operands[1]
    corners = [x.low, x.high, x.low * v.low, x.low * v.high, x.high * v.low, x.high * v.high]
    return min(corners), max(corners)


def _at(name, bounds, sample, **options):
    return Op(f"at_{name}", ((1, "{0:99}.at[{at}]." + name + "({1})"),), bounds, sample, accepts=_at_index_ok,
              shape=_at_target, dtype=first_dtype, select=(2,), dtypes=NUMBERS[:4], **options)


def _one_hot_shape(operands, params):
    return operands[0].shape + (params["n"],)


def _segment_shape(operands, params):
    x, ids = operands
    if x.ndim < 1 or ids.shape != x.shape[:1]:
        raise Undrawable("segment_sum: shapes")
    return (params["n"],) + x.shape[1:]


def _segment_bounds(operands, params):
    x, n = operands[0], operands[0].shape[0]
    return min(0.0, n * x.low), max(0.0, n * x.high)


def _segment_sample(operands, params):
    x = operands[0]
    return summed(*spread(x), max(1, x.shape[0] // params["n"]))


def _segment_extreme(name):
    # Every segment must be met, or the result holds an infinity: the ids come from a ramp.
    return Op(f"segment_{name}", ((1, f"jax.ops.segment_{name}({{0}}, {{1}}, num_segments={{n}})"),), keep_bounds,
              keep_samples, accepts=lambda o, p: o[1].role == "ramp_ids", shape=_segment_shape,
              dtype=first_dtype, select=(1,))


_PICKS = (
    Op("take", ((4, "jnp.take({0}, {1}, axis={axis:d})"), (5, "{0:99}[{gather}]")), keep_bounds, keep_samples,
       accepts=_in_bounds, shape=_taken, dtype=first_dtype, select=(1,), dtypes=NUMBERS, linear=True),
    Op("dynamic_index", ((3, "{0:99}[{1}]"), (1, "lax.dynamic_index_in_dim({0}, {1}, keepdims=False)")),
       keep_bounds, keep_samples, accepts=lambda o, p: _in_bounds(o, p) and p["axis"] == 0 and o[1].ndim == 0,
       shape=_taken, dtype=first_dtype, select=(1,), dtypes=NUMBERS, linear=True),
    Op("take_along_axis", ((1, "jnp.take_along_axis({0}, {1}, axis={axis:d})"),), keep_bounds, keep_samples,
       accepts=_in_bounds, shape=_along_axis, dtype=first_dtype, select=(1,), dtypes=NUMBERS, linear=True),
    Op("dynamic_slice", ((3, "lax.dynamic_slice_in_dim({0}, {1}, {length}, axis={axis:d})"),
                         (2, "lax.dynamic_slice({0}, {starts}, {sizes})")), keep_bounds, keep_samples,
       accepts=_slice_fits, shape=_dynamic_sliced, dtype=first_dtype, select=(1,), dtypes=NUMBERS, linear=True),
    Op("dynamic_update_slice", ((3, "lax.dynamic_update_slice_in_dim({0}, {1}, {2}, axis={axis:d})"),
                                (2, "lax.dynamic_update_slice({0}, {1}, {starts2})")), _first_two_hull,
       _first_two_mixed, accepts=_updated_fits, shape=first_shape, dtype=first_dtype, select=(2,),
       dtypes=NUMBERS, linear=True),
    _at("set", _first_two_hull, _first_two_mixed, linear=True),
    _at("add", _accumulated_bounds, _accumulated_sample, linear=True),
    _at("multiply", _product_bounds, lambda o, p: o[0].samples * np.where(_RAMP > 0.5, o[1].samples, 1.0)),
    _at("max", _first_two_hull, lambda o, p: np.where(_RAMP > 0.5, np.maximum(o[0].samples, o[1].samples),
                                                      o[0].samples)),
    _at("min", _first_two_hull, lambda o, p: np.where(_RAMP > 0.5, np.minimum(o[0].samples, o[1].samples),
                                                      o[0].samples)),
    Op("one_hot", ((5, "jax.nn.one_hot({0}, {n})"), (1, "jax.nn.one_hot({0}, num_classes={n})")),
       lambda o, p: (0.0, 1.0), lambda o, p: (_RAMP > 0.7) * 1.0, shape=_one_hot_shape,
       dtype=lambda o, p: "float32", smooth=False, dtypes=("int32",),
       accepts=lambda o, p: o[0].low >= 0 and o[0].high < p["n"]),
    Op("segment_sum", ((3, "jax.ops.segment_sum({0}, {1}, num_segments={n})"), (1, "jax.ops.segment_sum({0}, {1}, {n})")),
       _segment_bounds, _segment_sample, shape=_segment_shape, dtype=first_dtype, select=(1,),
       accepts=lambda o, p: o[1].dtype == "int32" and o[1].low >= 0 and o[1].high < p["n"]),
    _segment_extreme("max"), _segment_extreme("min"),
    Op("searchsorted", ((1, "jnp.searchsorted({0}, {1})"),), lambda o, p: (0.0, float(o[0].shape[0])),
       lambda o, p: np.round(_RAMP * o[0].shape[0]), shape=lambda o, p: o[1].shape, smooth=False,
       dtype=lambda o, p: "int32", accepts=lambda o, p: o[0].ndim == 1),
)


# ---------------------------------------------------------------- along an axis, keeping its length

def _scan_bounds(operands, params):
    x, n = operands[0], operands[0].shape[params["axis"]]
    return min(x.low, n * x.low), max(x.high, n * x.high)


def _cumprod_ok(operands, params):
    return operands[0].low >= 0.4 and operands[0].high <= 1.8 and operands[0].shape[params["axis"]] <= 10


def _cumprod_bounds(operands, params):
    x, n = operands[0], operands[0].shape[params["axis"]]
    return min(x.low, x.low**n), max(x.high, x.high**n)


def _cum(name, bounds, sample, **options):
    if name in ("cummax", "cummin", "cumlogsumexp"):
        spellings = ((1, f"lax.{name}({{0}}, axis={{axis:p}})"), (3, f"lax.{name}({{0}})", "vector"))
    elif name.endswith("_reverse"):
        spellings = ((1, f"lax.{name.removesuffix('_reverse')}({{0}}, axis={{axis:p}}, reverse=True)"),)
    else:
        spellings = ((1, f"jnp.{name}({{0}}, axis={{axis:d}})"), (2, f"jnp.{name}({{0}})", "vector"))
    return Op(name, spellings, bounds, sample, shape=_same_shape, dtype=first_dtype, **options)


def _softmax_like(name, bounds, sample, centred):
    return Op(name, ((1, f"jax.nn.{name}({{0}}{{last_axis}})"),), bounds, sample, shape=_same_shape,
              dtype=first_dtype, accepts=lambda o, p: 4 <= o[0].shape[p["axis"]] <= 64
              and o[0].samples.std() > 0.2 and o[0].bound <= 30)


_ALONG = (
    _cum("cumsum", _scan_bounds, lambda o, p: o[0].samples * (1 + _RAMP * 0.5 * o[0].shape[p["axis"]]), linear=True),
    _cum("cumprod", _cumprod_bounds, lambda o, p: o[0].samples ** (1 + np.round(3 * _RAMP)), accepts=_cumprod_ok),
    _cum("cummax", keep_bounds, lambda o, p: np.maximum.accumulate(np.maximum(o[0].samples, np.roll(o[0].samples, 1)))
         * 0.5 + 0.5 * o[0].samples),
    _cum("cummin", keep_bounds, lambda o, p: np.minimum.accumulate(np.minimum(o[0].samples, np.roll(o[0].samples, 1)))
         * 0.5 + 0.5 * o[0].samples),
    _cum("cumlogsumexp", lambda o, p: (o[0].low, o[0].high + math.log(o[0].shape[p["axis"]])),
         lambda o, p: o[0].samples * 0.5 + np.log(1 + _RAMP * o[0].shape[p["axis"]])),
    _cum("cumsum_reverse", _scan_bounds, lambda o, p: o[0].samples * (1 + _RAMP * 0.5 * o[0].shape[p["axis"]]),
         linear=True),
    _cum("cumprod_reverse", _cumprod_bounds, lambda o, p: o[0].samples ** (1 + np.round(3 * _RAMP)),
         accepts=_cumprod_ok),
    _cum("cummax_reverse", keep_bounds, lambda o, p: np.maximum(o[0].samples, np.roll(o[0].samples, 1)) * 0.5
         + 0.5 * o[0].samples),
    _cum("cumlogsumexp_reverse", lambda o, p: (o[0].low, o[0].high + math.log(o[0].shape[p["axis"]])),
         lambda o, p: o[0].samples * 0.5 + np.log(1 + _RAMP * o[0].shape[p["axis"]])),
    _softmax_like("softmax", lambda o, p: (0.0, 1.0), lambda o, p: np.exp(o[0].samples) / np.exp(
        o[0].samples).mean() / o[0].shape[p["axis"]] * 1.0, True),
    _softmax_like("log_softmax", lambda o, p: (2 * o[0].low - o[0].high - math.log(o[0].shape[p["axis"]]) - 1e-3, 0.0),
                  lambda o, p: o[0].samples - math.log(np.exp(o[0].samples).mean() * o[0].shape[p["axis"]]), False),
    _softmax_like("standardize", lambda o, p: (-math.sqrt(o[0].shape[p["axis"]]), math.sqrt(o[0].shape[p["axis"]])),
                  lambda o, p: (o[0].samples - o[0].samples.mean()) / (o[0].samples.std() + 1e-3), True),
    Op("diff", ((1, "jnp.diff({0}, axis={axis:d})"),), lambda o, p: (o[0].low - o[0].high, o[0].high - o[0].low),
       lambda o, p: o[0].samples - np.roll(o[0].samples, 1), shape=_along(lambda n, p: n - 1), dtype=first_dtype,
       linear=True),
    Op("top_k", ((1, "lax.top_k({0}, {k})[0]"),), keep_bounds,
       lambda o, p: o[0].samples.mean() + abs(o[0].samples - o[0].samples.mean()),
       shape=lambda o, p: _along(lambda n, q: q["k"] if q["k"] < n else 0)(o, {"axis": o[0].ndim - 1, **p}),
       dtype=first_dtype, accepts=lambda o, p: o[0].ndim >= 1),
)


# ---------------------------------------------------------------- products of arrays

def einsum_shape(equation: str, shapes: list[tuple[int, ...]]) -> tuple[tuple[int, ...], int]:
    """The result's shape and the number of products summed into each of its elements."""
    inputs, output = equation.split("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(inputs.split(","), shapes, strict=True):
        if len(letters) != len(shape):
            raise Undrawable("einsum: rank")
        for letter, n in zip(letters, shape):
            if sizes.setdefault(letter, n) != n:
                raise Undrawable("einsum: sizes")
    count = math.prod(n for letter, n in sizes.items() if letter not in output)
    return tuple(sizes[letter] for letter in output), count


def _product_range(x: Value, y: Value) -> tuple[float, float]:
    corners = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return min(corners), max(corners)


def contraction(operands: tuple[Value, ...], count: int) -> tuple[tuple[float, float], np.ndarray]:
    """Range and samples of a sum of `count` products."""
    x, y = operands
    low, high = _product_range(x, y)
    product = x.samples * y.samples
    return (count * low, count * high), summed(float(product.mean()), float(product.std()), count)


def _einsum_equation(operands, params):
    return params["equation"]


def _contract(name, spellings, equation, **options):
    """A product described by its einsum: `equation(operands, params)` gives it."""
    def shape(operands, params):
        return einsum_shape(equation(operands, params), [x.shape for x in operands])[0]

    def count(operands, params):
        return einsum_shape(equation(operands, params), [x.shape for x in operands])[1]
    return Op(name, spellings, lambda o, p: contraction(o, count(o, p))[0],
              lambda o, p: contraction(o, count(o, p))[1], shape=shape, dtype=lambda o, p: promote(*o), **options)


_DOT = {(1, 1): "i,i->", (2, 1): "ij,j->i", (1, 2): "i,ij->j", (2, 2): "ij,jk->ik", (3, 1): "bij,j->bi",
        (3, 2): "bij,jk->bik", (3, 3): "bij,bjk->bik"}


def _dot_equation(operands, params):
    ranks = operands[0].ndim, operands[1].ndim
    if ranks not in _DOT:
        raise Undrawable(f"matmul: ranks {ranks}")
    return _DOT[ranks]


def equation_of(op: str, operands: tuple[Value, ...], params: dict) -> str | None:
    """The einsum that a product of arrays lowers as, with letters in order of appearance; None for other operations."""
    if op == "matmul":
        equation = _dot_equation(operands, params)
    elif op == "tensordot":
        equation = {1: "ij,jk->ik", 2: "ij,ij->"}[params["axes"]]
    elif op == "vdot" and operands[0].ndim == 1:
        equation = "i,i->"
    else:
        equation = params.get("equation")
    if equation is None:
        return None
    letters = dict.fromkeys(c for c in equation if c.isalpha())
    return equation.translate({ord(c): "abcdefghijklm"[i] for i, c in enumerate(letters)})


_PRODUCTS = (
    _contract("einsum", ((4, 'jnp.einsum("{equation}", {0}, {1})'), (1, "jnp.vecdot({0}, {1})", "rows")), _einsum_equation),
    _contract("matmul", ((3, "70|{0:70} @ {1:71}"), (4, "jnp.dot({0}, {1})", "dot"), (3, "jnp.matmul({0}, {1})"),
                         (1, "lax.dot({0}, {1})", "dot2"), (1, "lax.dot_general({0}, {1}, (((1,), (0,)), ((), ())))", "mat2"),
                         (2, "jnp.vdot({0}, {1})", "vec1")), _dot_equation),
    _contract("vdot", ((1, "jnp.vdot({0}, {1})"),), lambda o, p: "i,i->" if o[0].ndim == 1 else "ij,ij->"),
    _contract("tensordot", ((1, "jnp.tensordot({0}, {1}, axes={axes})"),),
              lambda o, p: {1: "ij,jk->ik", 2: "ij,ij->"}[p["axes"]]),
    _contract("outer", ((2, "jnp.outer({0}, {1})"), (1, "70|{0:99}[:, None] * {1:99}[None, :]")), lambda o, p: "i,j->ij"),
    Op("trace", ((1, "jnp.trace({0})"),), lambda o, p: (min(o[0].shape) * o[0].low, min(o[0].shape) * o[0].high),
       lambda o, p: summed(*spread(o[0]), min(o[0].shape)), shape=lambda o, p: _with_ndim(o[0], 2).shape[:0],
       dtype=first_dtype, linear=True),
    Op("convolve", ((3, 'jnp.convolve({0}, {1}, mode="{mode}")'),),
       lambda o, p: tuple(min(o[1].shape[0], o[0].shape[0]) * b for b in (
           min(0.0, _product_range(*o)[0]), max(0.0, _product_range(*o)[1]))),
       lambda o, p: contraction(o, min(o[1].shape[0], o[0].shape[0]))[1],
       shape=lambda o, p: _convolved(*o, p["mode"]), dtypes=("float32",)),
)


def _convolved(x, kernel, mode):
    n, k = _with_ndim(x, 1).shape[0], _with_ndim(kernel, 1).shape[0]
    if k > n:
        raise Undrawable("convolve: kernel longer than the signal")
    return ({"same": n, "valid": n - k + 1, "full": n + k - 1}[mode],)


TABLE = (*_SOURCES, *_MOVES, _CONVERT, *_JOINS, *_PICKS, *_ALONG, *_PRODUCTS)
