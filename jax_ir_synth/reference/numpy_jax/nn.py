"""Implements `jax.nn` and `jax.ops` in NumPy, by JAX's documented formulas."""

from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import error_functions
from jax_ir_synth.reference.numpy_jax.arithmetic import perturb, round_constant
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, resolve_dtype, wrap_numpy
from jax_ir_synth.reference.numpy_jax.bounds import check_elements


def _float(x: Operand) -> Any:
    return np.asarray(x, np.float64)


def celu(x: Operand, alpha: float = 1.0) -> Array:
    x = _float(x)
    return array(np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha))


def elu(x: Operand, alpha: float = 1.0) -> Array:
    x = _float(x)
    return array(np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


def gelu(x: Operand, approximate: bool = True) -> Array:
    x = _float(x)
    if not approximate:
        return array(x * error_functions.ndtr(x))
    inner = round_constant(np.sqrt(2 / np.pi)) * (x + round_constant(0.044715) * x**3)
    # Far below zero the two nearly cancel, and a program gets what rounding leaves of them.
    return array(0.5 * x * (1 + perturb(np.tanh(inner))))


def glu(x: Operand, axis: int = -1) -> Array:
    a, b = np.split(_float(x), 2, axis)
    return array(a * special.expit(b))


def hard_sigmoid(x: Operand) -> Array:
    return array(np.clip(_float(x) + 3, 0, 6) / 6)


def hard_silu(x: Operand) -> Array:
    return array(_float(x) * hard_sigmoid(x))


def hard_tanh(x: Operand) -> Array:
    return array(np.clip(_float(x), -1, 1))


def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Array:
    x = _float(x)
    return array(np.where(x >= 0, x, round_constant(negative_slope) * x))


def log_sigmoid(x: Operand) -> Array:
    return array(special.log_expit(_float(x)))


def log_softmax(x: Operand, axis: Any = -1, where: Operand = None) -> Array:
    x = _float(x)
    if where is None:
        return array(special.log_softmax(x, axis))
    return array(np.where(where, x - logsumexp(x, axis, where=where, keepdims=True), -np.inf))


def logsumexp(
    a: Operand,
    axis: Any = None,
    b: Operand = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: Operand = None,
) -> Any:
    a, b = _float(a), None if b is None else _float(b)
    if where is not None:
        a, b = np.where(where, a, -np.inf), None if b is None else np.where(where, b, 0.0)
    if return_sign:
        return tuple(map(array, special.logsumexp(a, axis, b, keepdims, return_sign=True)))
    return array(special.logsumexp(a, axis, b, keepdims))


def logmeanexp(
    x: Operand, axis: Any = None, where: Operand = None, keepdims: bool = False
) -> Array:
    counted = np.ones(np.shape(x)) if where is None else np.broadcast_to(where, np.shape(x))
    total = logsumexp(x, axis, where=where, keepdims=keepdims)
    return array(total - np.log(np.sum(np.asarray(counted, np.float64), axis, keepdims=keepdims)))


def log1mexp(x: Operand) -> Array:
    """log(1 - exp(-x))."""
    return array(np.log(-np.expm1(-_float(x))))


def mish(x: Operand) -> Array:
    return array(_float(x) * np.tanh(softplus(x)))


def one_hot(x: Operand, num_classes: Any, dtype: Any = float, axis: int = -1) -> Array:
    check_elements(num_classes * np.size(x))
    hot = np.asarray(x)[..., None] == np.arange(num_classes)
    return array(np.moveaxis(hot, -1, axis).astype(resolve_dtype(dtype)))


def relu(x: Operand) -> Array:
    return array(np.maximum(x, 0))


def relu6(x: Operand) -> Array:
    return array(np.clip(x, 0, 6))


def selu(x: Operand) -> Array:
    # The constants of Klambauer et al., "Self-Normalizing Neural Networks" (2017).
    return array(round_constant(1.0507009873554805) * elu(x, round_constant(1.6732632423543772)))


def silu(x: Operand) -> Array:
    return array(_float(x) * special.expit(_float(x)))


def soft_sign(x: Operand) -> Array:
    return array(_float(x) / (1 + np.abs(_float(x))))


def softmax(x: Operand, axis: Any = -1, where: Operand = None) -> Array:
    x = _float(x)
    if where is None:
        return array(special.softmax(x, axis))
    return array(np.where(where, special.softmax(np.where(where, x, -np.inf), axis), 0.0))


def softplus(x: Operand) -> Array:
    return array(np.logaddexp(_float(x), 0))


def sparse_plus(x: Operand) -> Array:
    x = _float(x)
    return array(np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)))


def sparse_sigmoid(x: Operand) -> Array:
    return array(np.clip((_float(x) + 1) / 2, 0, 1))


def squareplus(x: Operand, b: Operand = 4) -> Array:
    return array((_float(x) + perturb(np.sqrt(_float(x) ** 2 + b))) / 2)


def standardize(
    x: Operand,
    axis: Any = -1,
    mean: Operand = None,
    variance: Operand = None,
    epsilon: float = 1e-5,
    where: Operand = None,
) -> Array:
    x = _float(x)
    counted = {} if where is None else {"where": np.asarray(where)}
    if mean is None:
        mean = x.mean(axis, keepdims=True, **counted)
    if variance is None:
        squares = np.square(x).mean(axis, keepdims=True, **counted)
        variance = squares - np.square(np.asarray(mean))
    return array((x - np.asarray(mean)) / np.sqrt(np.asarray(variance) + epsilon))


def _segment(ufunc: np.ufunc, empty: Any) -> Any:
    def call(data: Operand, segment_ids: Operand, num_segments: Any = None, **_: Any) -> Array:
        data, ids = np.asarray(data), np.asarray(segment_ids)
        number = int(ids.max()) + 1 if num_segments is None else int(num_segments)
        check_elements(number)
        found = np.full((number, *data.shape[1:]), empty(data.dtype), data.dtype)
        # Data of segments beyond the first `number` is dropped.
        kept = (ids >= 0) & (ids < number)
        ufunc.at(found, ids[kept], data[kept])
        return array(found)

    return call


def _least(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else dtype.kind != "b" and np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else dtype.kind == "b" or np.iinfo(dtype).max


def dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    bias: Operand = None,
    mask: Operand = None,
    *,
    scale: Any = None,
    is_causal: bool = False,
    **_: Any,
) -> Array:
    """Attention of arrays (batch, time, heads, size), or without the batch; equal heads only."""
    query, key, value = (_float(x) for x in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = np.einsum("...tnh,...snh->...nts", query, key) * scale
    scores = scores if bias is None else scores + np.asarray(bias)
    if is_causal:
        causal = np.tril(np.ones(scores.shape[-2:], bool))
        mask = causal if mask is None else np.logical_and(mask, causal)
    if mask is not None:
        scores = np.where(mask, scores, -0.7 * np.finfo(np.float32).max)
    return array(np.einsum("...nts,...snh->...tnh", special.softmax(scores, -1), value))


SIGMOID = wrap_numpy(special.expit)
NN = {
    **{
        function.__name__: function
        for function in (
            celu, dot_product_attention, elu, gelu, glu, hard_sigmoid, hard_silu, hard_tanh,
            leaky_relu, log_sigmoid, log1mexp, log_softmax, logmeanexp, logsumexp, mish, one_hot,
            relu, relu6, selu, silu, soft_sign, softmax, softplus, sparse_plus, sparse_sigmoid,
            squareplus, standardize,
        )
    },
    "hard_swish": hard_silu,
    "identity": array,
    "sigmoid": SIGMOID,
    "swish": silu,
    "tanh": wrap_numpy(np.tanh),
}  # fmt: skip
OPS = {
    "segment_max": _segment(np.maximum, _least),
    "segment_min": _segment(np.minimum, _greatest),
    "segment_prod": _segment(np.multiply, lambda _: 1),
    "segment_sum": _segment(np.add, lambda _: 0),
}
