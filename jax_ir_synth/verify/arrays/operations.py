"""What operations without regions compute, as functions of NumPy arrays.

A function is made of an operation once, and called for each input. Its results have the dtypes and
shapes of the operation's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from scipy import special

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import Value, read_integers

Array = np.ndarray
Function = Callable[..., Array]
Maker = Callable[[ir.Operation], Function]


class Unknown(JaxIrSynthError, ValueError):
    """NumPy doesn't run a module; the message names the operation or the type."""


# Not the 16-bit floats, whose sums the interpreter rounds after each addition.
DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
}


def read_type(value: Value) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read a value's shape and dtype. Raises Unknown."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        raise Unknown(f"a {kind}")
    dtype = DTYPES.get(str(kind.element_type))
    if dtype is None:
        raise Unknown(f"a {kind}")
    return tuple(kind.shape), dtype


def read_constant(op: ir.Operation) -> Array:
    """Read a constant's value. Raises Unknown."""
    shape, dtype = read_type(op.results[0])
    value = op.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr):
        raise Unknown(f"a constant that is {type(value).__name__}")
    found: Array = np.array(value)
    return found.astype(dtype, copy=False).reshape(shape)


def _round_away(x: Array) -> Array:
    whole = np.trunc(x)
    away = np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(1, x), whole)
    return np.asarray(away, x.dtype)


def _divide(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.asarray(np.divide(x, y))
    # The quotient is rounded towards zero; that by zero is -1, as the interpreter has it.
    quotient = np.floor_divide(x, np.where(y == 0, 1, y))
    inexact = quotient * y != x
    negative = (x < 0) != (y < 0)
    found = quotient + (inexact & negative)
    return np.asarray(np.where(y == 0, np.array(-1).astype(x.dtype), found), x.dtype)


def _remainder(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.asarray(np.fmod(x, y))
    return np.asarray(np.where(y == 0, x, np.fmod(x, np.where(y == 0, 1, y))), x.dtype)


def _shift(function: Callable[[Array, Array], Array], fill: Callable[[Array], Array]) -> Function:
    def shift(x: Array, y: Array) -> Array:
        bits = x.dtype.itemsize * 8
        fits = (y >= 0) & (y < bits)
        shifted = function(x, np.where(fits, y, 0).astype(x.dtype))
        return np.asarray(np.where(fits, shifted, fill(x)), dtype=x.dtype)

    return shift


def _shift_right_logical(x: Array, y: Array) -> Array:
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    shifted: Array = np.right_shift(x.view(unsigned), y.view(unsigned))
    return shifted.view(x.dtype)


def _signed(x: Array) -> Array:
    return x.view(np.dtype(f"i{x.dtype.itemsize}"))


_UNARY: dict[str, Function] = {
    "stablehlo.abs": np.abs,
    "stablehlo.cbrt": np.cbrt,
    "stablehlo.ceil": np.ceil,
    "stablehlo.cosine": np.cos,
    "stablehlo.exponential": np.exp,
    "stablehlo.exponential_minus_one": np.expm1,
    "stablehlo.floor": np.floor,
    "stablehlo.is_finite": np.isfinite,
    "stablehlo.log": np.log,
    "stablehlo.log_plus_one": np.log1p,
    "stablehlo.logistic": lambda x: 1 / (1 + np.exp(-x)),
    "stablehlo.negate": np.negative,
    "stablehlo.not": np.invert,
    "stablehlo.popcnt": lambda x: np.bitwise_count(x.view(f"u{x.dtype.itemsize}")),
    "stablehlo.round_nearest_afz": _round_away,
    "stablehlo.round_nearest_even": np.rint,
    "stablehlo.rsqrt": lambda x: 1 / np.sqrt(x),
    "stablehlo.sign": np.sign,
    "stablehlo.sine": np.sin,
    "stablehlo.sqrt": np.sqrt,
    "stablehlo.tan": np.tan,
    "stablehlo.tanh": np.tanh,
    "chlo.acos": np.arccos,
    "chlo.acosh": np.arccosh,
    "chlo.asin": np.arcsin,
    "chlo.asinh": np.arcsinh,
    "chlo.atan": np.arctan,
    "chlo.atanh": np.arctanh,
    "chlo.cosh": np.cosh,
    "chlo.digamma": lambda x: np.where(x == 0, np.nan, special.psi(x)),
    "chlo.erf": special.erf,
    "chlo.erfc": special.erfc,
    "chlo.erf_inv": special.erfinv,
    "chlo.lgamma": special.gammaln,
    "chlo.sinh": np.sinh,
    "chlo.square": np.square,
    "chlo.tan": np.tan,
}
_BINARY: dict[str, Function] = {
    "stablehlo.add": np.add,
    "stablehlo.and": np.bitwise_and,
    "stablehlo.atan2": np.arctan2,
    "stablehlo.divide": _divide,
    "stablehlo.maximum": np.maximum,
    "stablehlo.minimum": np.minimum,
    "stablehlo.multiply": np.multiply,
    "stablehlo.or": np.bitwise_or,
    "stablehlo.power": np.power,
    "stablehlo.remainder": _remainder,
    "stablehlo.shift_left": _shift(np.left_shift, np.zeros_like),
    "stablehlo.shift_right_arithmetic": _shift(
        lambda x, y: np.right_shift(_signed(x), _signed(y)).view(x.dtype),
        lambda x: np.where(_signed(x) < 0, -1, 0).astype(x.dtype),
    ),
    "stablehlo.shift_right_logical": _shift(_shift_right_logical, np.zeros_like),
    "stablehlo.subtract": np.subtract,
    "stablehlo.xor": np.bitwise_xor,
}
_COMPARISONS = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}
# Those whose results hang on each element alone: a region of them may be called with whole arrays.
ELEMENTWISE = frozenset(
    {*_UNARY, *_BINARY, "stablehlo.compare", "stablehlo.select", "stablehlo.convert"}
)


def _make_elementwise(op: ir.Operation) -> Function:
    function = _UNARY.get(op.name) or _BINARY[op.name]
    _, dtype = read_type(op.results[0])
    if dtype.kind == "b" and op.name in ("stablehlo.add", "stablehlo.multiply"):
        return np.logical_or if op.name == "stablehlo.add" else np.logical_and
    if dtype.kind != "f" and op.name == "stablehlo.power":
        raise Unknown("a power of integers")
    # SciPy computes in 64 bits.
    return lambda *operands: np.asarray(function(*operands), dtype)


def _make_comparison(op: ir.Operation) -> Function:
    direction = str(stablehlo.ComparisonDirectionAttr(op.attributes["comparison_direction"]).value)
    kind = op.attributes.get("compare_type")
    if kind is not None and str(stablehlo.ComparisonTypeAttr(kind).value) == "TOTALORDER":
        raise Unknown("a total order")
    return _COMPARISONS[direction]


def _make_conversion(op: ir.Operation) -> Function:
    _, given = read_type(op.operands[0])
    _, dtype = read_type(op.results[0])
    if dtype.kind == "b":
        return lambda x: x != 0
    if given.kind == "f" and dtype.kind in "iu":
        # Beyond the range the interpreter takes the nearest end, and zero for NaN.
        ends = np.iinfo(dtype)
        return lambda x: np.nan_to_num(
            np.clip(np.trunc(x.astype(np.float64)), float(ends.min), float(ends.max))
        ).astype(dtype)
    return lambda x: x.astype(dtype)


def _make_bitcast(op: ir.Operation) -> Function:
    (_, given), (shape, dtype) = read_type(op.operands[0]), read_type(op.results[0])
    if given.itemsize != dtype.itemsize or "b" in (given.kind, dtype.kind):
        raise Unknown("a bitcast to another width")
    return lambda x: np.ascontiguousarray(x).view(dtype).reshape(shape)


def _make_iota(op: ir.Operation) -> Function:
    shape, dtype = read_type(op.results[0])
    dimension = ir.IntegerAttr(op.attributes["iota_dimension"]).value
    sizes = [size if k == dimension else 1 for k, size in enumerate(shape)]
    found = np.broadcast_to(np.arange(shape[dimension]).astype(dtype).reshape(sizes), shape)
    return lambda: found


def _make_broadcast(op: ir.Operation) -> Function:
    (given, _), (shape, _) = read_type(op.operands[0]), read_type(op.results[0])
    sizes = [1] * len(shape)
    dimensions = _integers(op, "broadcast_dimensions")
    if dimensions != sorted(dimensions):
        raise Unknown("a broadcast that transposes")
    for dimension, size in zip(dimensions, given, strict=True):
        sizes[dimension] = size
    return lambda x: np.broadcast_to(x.reshape(sizes), shape)


def _make_reshape(op: ir.Operation) -> Function:
    shape, _ = read_type(op.results[0])
    return lambda x: x.reshape(shape)


def _make_transpose(op: ir.Operation) -> Function:
    permutation = _integers(op, "permutation")
    return lambda x: x.transpose(permutation)


def _make_reverse(op: ir.Operation) -> Function:
    dimensions = tuple(_integers(op, "dimensions"))
    return lambda x: np.flip(x, dimensions)


def _make_slice(op: ir.Operation) -> Function:
    names = ("start_indices", "limit_indices", "strides")
    where = tuple(map(slice, *(_integers(op, name) for name in names)))
    return lambda x: x[where]


def _make_concatenation(op: ir.Operation) -> Function:
    dimension = ir.IntegerAttr(op.attributes["dimension"]).value
    return lambda *operands: np.concatenate(operands, dimension)


def _make_pad(op: ir.Operation) -> Function:
    shape, dtype = read_type(op.results[0])
    given, _ = read_type(op.operands[0])
    names = ("edge_padding_low", "edge_padding_high", "interior_padding")
    low, high, interior = (_integers(op, name) for name in names)
    # With the elements that negative padding cuts off.
    whole = [
        max(x, 0) + (size + max(size - 1, 0) * z) + max(y, 0)
        for size, x, y, z in zip(given, low, high, interior, strict=True)
    ]
    places = tuple(
        slice(max(x, 0), max(x, 0) + (size + max(size - 1, 0) * z), z + 1)
        for size, x, z in zip(given, low, interior, strict=True)
    )
    kept = tuple(slice(max(-x, 0), max(-x, 0) + size) for x, size in zip(low, shape, strict=True))

    def pad(x: Array, filling: Array) -> Array:
        padded = np.full(whole, filling, dtype)
        padded[places] = x
        return padded[kept]

    return pad


def _make_dynamic_slice(op: ir.Operation) -> Function:
    sizes = _integers(op, "slice_sizes")

    def cut(x: Array, *starts: Array) -> Array:
        return x[_locate(x.shape, starts, sizes)]

    return cut


def _make_dynamic_update(op: ir.Operation) -> Function:
    def update(x: Array, new: Array, *starts: Array) -> Array:
        found = x.copy()
        found[_locate(x.shape, starts, new.shape)] = new
        return found

    return update


def _locate(
    shape: Sequence[int], starts: Sequence[Array], sizes: Sequence[int]
) -> tuple[slice, ...]:
    """Locate a slice whose starts are moved so that it lies within the shape."""
    first = [
        min(max(int(start), 0), most - size)
        for start, most, size in zip(starts, shape, sizes, strict=True)
    ]
    return tuple(slice(start, start + size) for start, size in zip(first, sizes, strict=True))


def _make_dot(op: ir.Operation) -> Function:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    (left, kind), (right, _) = (read_type(value) for value in op.operands)
    _, dtype = read_type(op.results[0])
    if kind != dtype or dtype.kind == "b":
        raise Unknown("a product with another type")
    # A letter for each dimension: batching and contracting ones have the same on both sides.
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first, second = [""] * len(left), [""] * len(right)
    for x, y in (
        (numbers.lhs_batching_dimensions, numbers.rhs_batching_dimensions),
        (numbers.lhs_contracting_dimensions, numbers.rhs_contracting_dimensions),
    ):
        for k, j in zip(x, y, strict=True):
            first[k] = second[j] = next(letters)
    batch = [first[k] for k in numbers.lhs_batching_dimensions]
    kept = []
    for side in (first, second):
        for k, letter in enumerate(side):
            if not letter:
                side[k] = next(letters)
                kept.append(side[k])
    equation = f"{''.join(first)},{''.join(second)}->{''.join((*batch, *kept))}"
    return lambda x, y: np.einsum(equation, x, y)


def _make_select(op: ir.Operation) -> Function:
    return lambda which, x, y: np.asarray(np.where(which, x, y))


def _make_clamp(op: ir.Operation) -> Function:
    return lambda low, x, high: np.minimum(np.maximum(low, x), high)


def _make_gather(op: ir.Operation) -> Function:
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    (given, _), (indices, _), (shape, _) = map(read_type, (*op.operands, *op.results))
    sizes = _integers(op, "slice_sizes")
    offsets = list(numbers.offset_dims)
    batches = [k for k in range(len(shape)) if k not in offsets]
    dropped = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [k for k in range(len(given)) if k not in dropped]
    vector = numbers.index_vector_dim
    over = [k for k in range(len(indices)) if k != vector]

    def gather(x: Array, starts: Array) -> Array:
        if vector == starts.ndim:
            starts = starts[..., None]
        starts = np.moveaxis(starts, vector, -1).astype(np.int64)
        where = []
        for k, size in enumerate(sizes):
            at = np.zeros(starts.shape[:-1], np.int64)
            if k in numbers.start_index_map:
                at = starts[..., list(numbers.start_index_map).index(k)]
                at = np.clip(at, 0, given[k] - size)
            if k in numbers.operand_batching_dims:
                number = list(numbers.operand_batching_dims).index(k)
                axis = over.index(numbers.start_indices_batching_dims[number])
                sizes_over = [-1 if j == axis else 1 for j in range(at.ndim)]
                at = np.arange(given[k]).reshape(sizes_over) + np.zeros_like(at)
            at = at.reshape((*at.shape, *[1] * len(kept)))
            if k in kept:
                steps = [-1 if j == kept.index(k) else 1 for j in range(len(kept))]
                at = at + np.arange(size).reshape(steps)
            where.append(at)
        found = x[tuple(where)]
        order = [0] * len(shape)
        for number, k in enumerate((*batches, *offsets)):
            order[k] = number
        return np.broadcast_to(found, [shape[k] for k in (*batches, *offsets)]).transpose(order)

    return gather


_MAKERS: dict[str, Maker] = {
    **dict.fromkeys((*_UNARY, *_BINARY), _make_elementwise),
    "stablehlo.bitcast_convert": _make_bitcast,
    "stablehlo.broadcast_in_dim": _make_broadcast,
    "stablehlo.clamp": _make_clamp,
    "stablehlo.compare": _make_comparison,
    "stablehlo.concatenate": _make_concatenation,
    "stablehlo.convert": _make_conversion,
    "stablehlo.dot_general": _make_dot,
    "stablehlo.dynamic_slice": _make_dynamic_slice,
    "stablehlo.dynamic_update_slice": _make_dynamic_update,
    "stablehlo.gather": _make_gather,
    "stablehlo.iota": _make_iota,
    "stablehlo.pad": _make_pad,
    "stablehlo.reshape": _make_reshape,
    "stablehlo.reverse": _make_reverse,
    "stablehlo.select": _make_select,
    "stablehlo.slice": _make_slice,
    "stablehlo.transpose": _make_transpose,
}
OPERATIONS = frozenset({*_MAKERS, "stablehlo.constant"})


def make_function(op: ir.Operation) -> Function:
    """Make the function that computes an operation's one result, if its types are known ones.

    Raises Unknown.
    """
    make = _MAKERS.get(op.name)
    if make is None:
        raise Unknown(op.name)
    return make(op)


def _integers(op: ir.Operation, name: str) -> list[int]:
    return read_integers(op.attributes[name])
