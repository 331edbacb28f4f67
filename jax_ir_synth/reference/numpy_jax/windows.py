"""Implements convolutions and reductions of windows, as `jax.lax` defines them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import lax
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array
from jax_ir_synth.reference.numpy_jax.bounds import check_elements
from jax_ir_synth.reference.numpy_jax.lax_structure import pad


def conv_general_dilated(
    lhs: Operand,
    rhs: Operand,
    window_strides: Any,
    padding: Any,
    lhs_dilation: Any = None,
    rhs_dilation: Any = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    **_: Any,
) -> Array:
    """Convolution as in neural networks: a sum over windows, without turning the kernel around."""
    if batch_group_count != 1:
        raise NotImplementedError("conv_general_dilated: batch_group_count is not known here")
    x, w, back = _to_channels_first(np.asarray(lhs), np.asarray(rhs), dimension_numbers)
    spatial = x.ndim - 2
    ones = (1,) * spatial
    x = _dilate(x, lhs_dilation or ones)
    w = _dilate(w, rhs_dilation or ones)
    pads = _find_padding(padding, x.shape[2:], w.shape[2:], window_strides)
    x = np.asarray(pad(x, x.dtype.type(0), [(0, 0, 0)] * 2 + [(*each, 0) for each in pads]))
    check_elements(x.size * int(np.prod(w.shape[2:])))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], tuple(range(2, 2 + spatial)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in window_strides))]
    groups = feature_group_count
    windows = windows.reshape(windows.shape[0], groups, -1, *windows.shape[2:])
    w = w.reshape(groups, -1, *w.shape[1:])
    letters = "uvwxyz"[:spatial]
    places = "HIJKLM"[:spatial]
    equation = f"ngc{places}{letters},goc{letters}->ngo{places}"
    result = np.einsum(equation, windows, w)
    return array(np.transpose(result.reshape(result.shape[0], -1, *result.shape[3:]), back))


def _to_channels_first(x: np.ndarray, w: np.ndarray, numbers: Any) -> Any:
    """Move the dimensions to (batch, channel, ...) and (out, in, ...); and say how to move back."""
    if numbers is None:
        return x, w, tuple(range(x.ndim))
    if isinstance(numbers, ConvDimensionNumbers):
        numbers = tuple(numbers)
    if not isinstance(numbers[0], str):
        lhs, rhs, out = (tuple(each) for each in numbers)
        return np.transpose(x, lhs), np.transpose(w, rhs), tuple(np.argsort(out))
    lhs, rhs, out = numbers
    letters = [each for each in lhs if each not in "NC"]
    places = {each: 2 + i for i, each in enumerate(letters)} | {"N": 0, "C": 1}
    return (
        np.transpose(x, [lhs.index(each) for each in ("N", "C", *letters)]),
        np.transpose(w, [rhs.index(each) for each in ("O", "I", *letters)]),
        tuple(places[each] for each in out),
    )


class ConvDimensionNumbers(tuple[Any, ...]):
    """`jax.lax.ConvDimensionNumbers`: the places of the dimensions."""

    def __new__(cls, lhs_spec: Any, rhs_spec: Any, out_spec: Any) -> "ConvDimensionNumbers":
        """Take the places of operand, kernel and result."""
        return super().__new__(cls, (tuple(lhs_spec), tuple(rhs_spec), tuple(out_spec)))


def conv_dimension_numbers(
    lhs_shape: Any, rhs_shape: Any, dimension_numbers: Any
) -> ConvDimensionNumbers:
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    if dimension_numbers is None:
        places = range(len(lhs_shape))
        return ConvDimensionNumbers(places, places, places)
    lhs, rhs, out = dimension_numbers
    letters = [each for each in lhs if each not in "NC"]
    rest = [each for each in rhs if each not in "IO"]
    return ConvDimensionNumbers(
        [lhs.index(each) for each in ("N", "C", *letters)],
        [rhs.index(each) for each in ("O", "I", *rest)],
        [out.index(each) for each in ("N", "C", *letters)],
    )


def conv(lhs: Operand, rhs: Operand, window_strides: Any, padding: Any, **_: Any) -> Array:
    return conv_general_dilated(lhs, rhs, window_strides, padding)


def _dilate(x: np.ndarray, factors: Any) -> np.ndarray:
    config = [(0, 0, 0)] * 2 + [(0, 0, factor - 1) for factor in factors]
    return np.asarray(pad(x, x.dtype.type(0), config))


def _find_padding(padding: Any, sizes: Any, windows: Any, strides: Any) -> Any:
    if not isinstance(padding, str):
        return [(int(low), int(high)) for low, high in padding]
    if padding.upper() == "VALID":
        return [(0, 0)] * len(sizes)
    found = []
    for size, window, stride in zip(sizes, windows, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        low = total // 2 if padding.upper() == "SAME" else total - total // 2
        found.append((low, total - low))
    return found


def reduce_window(
    operand: Operand,
    init_value: Operand,
    computation: Callable[..., Any],
    window_dimensions: Any,
    window_strides: Any = None,
    padding: Any = "VALID",
    base_dilation: Any = None,
    window_dilation: Any = None,
) -> Array:
    """Reduces windows by `lax.add`, `max`, `min` or `mul`, with any padding."""
    how = lax.REDUCERS.get(computation)
    x = np.asarray(operand)
    ones = (1,) * x.ndim
    strides = window_strides or ones
    if how is None or set(base_dilation or ones) | set(window_dilation or ones) != {1}:
        raise TypeError(f"reduce_window: {computation}, or a dilation, is not known here")
    pads = _find_padding(padding, x.shape, window_dimensions, strides)
    x = np.asarray(pad(x, x.dtype.type(init_value), [(*each, 0) for each in pads]))
    windows = np.lib.stride_tricks.sliding_window_view(x, window_dimensions)
    windows = windows[tuple(slice(None, None, stride) for stride in strides)]
    axes = tuple(range(x.ndim, windows.ndim))
    return array(how.reduce(windows, axes, initial=init_value))


WINDOWS: dict[str, Any] = {
    "ConvDimensionNumbers": ConvDimensionNumbers,
    "conv": conv,
    "conv_dimension_numbers": conv_dimension_numbers,
    "conv_general_dilated": conv_general_dilated,
    "reduce_window": reduce_window,
}
