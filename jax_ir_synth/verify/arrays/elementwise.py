"""What elementwise operations compute, as functions of NumPy arrays."""

from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from scipy import special

from jax_ir_synth.verify.arrays.tensors import Array, Function, Unknown, read_type


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


def _make_select(op: ir.Operation) -> Function:
    return lambda which, x, y: np.asarray(np.where(which, x, y))


# What makes the function of an operation. A result's element depends on the operands' elements at
# its place alone, so that a region of these operations may be called with whole arrays.
MAKERS: dict[str, Callable[[ir.Operation], Function]] = {
    **dict.fromkeys((*_UNARY, *_BINARY), _make_elementwise),
    "stablehlo.compare": _make_comparison,
    "stablehlo.convert": _make_conversion,
    "stablehlo.select": _make_select,
}
