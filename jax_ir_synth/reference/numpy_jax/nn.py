"""Implements `jax.nn`, `jax.scipy` and `jax.ops` in NumPy, by JAX's documented formulas."""

from typing import Any

import numpy as np
from scipy import linalg, special

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


def log_softmax(x: Operand, axis: int = -1) -> Array:
    return array(special.log_softmax(_float(x), axis))


def logsumexp(
    a: Operand, axis: int | None = None, b: Operand = None, keepdims: bool = False
) -> Array:
    if b is not None:
        raise TypeError("logsumexp's b is not known here")
    return array(special.logsumexp(_float(a), axis, keepdims=keepdims))


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


def softmax(x: Operand, axis: int = -1) -> Array:
    return array(special.softmax(_float(x), axis))


def softplus(x: Operand) -> Array:
    return array(np.logaddexp(_float(x), 0))


def sparse_plus(x: Operand) -> Array:
    x = _float(x)
    return array(np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)))


def sparse_sigmoid(x: Operand) -> Array:
    return array(np.clip((_float(x) + 1) / 2, 0, 1))


def squareplus(x: Operand, b: Operand = 4) -> Array:
    return array((_float(x) + perturb(np.sqrt(_float(x) ** 2 + b))) / 2)


def standardize(x: Operand, axis: int = -1, epsilon: float = 1e-5) -> Array:
    x = _float(x)
    mean, variance = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    return array((x - mean) / np.sqrt(variance + epsilon))


def segment_sum(data: Operand, segment_ids: Operand, num_segments: Any = None) -> Array:
    data, ids = np.asarray(data), np.asarray(segment_ids)
    number = int(ids.max()) + 1 if num_segments is None else num_segments
    check_elements(number)
    sums = np.zeros((number, *data.shape[1:]), data.dtype)
    # Data of segments beyond the first `number` is dropped.
    kept = (ids >= 0) & (ids < number)
    np.add.at(sums, ids[kept], data[kept])
    return array(sums)


def cho_solve(c_and_lower: Any, b: Operand) -> Array:
    c, lower = c_and_lower
    return array(linalg.cho_solve((np.asarray(c), lower), np.asarray(b)))


def cholesky(a: Operand, lower: Operand = False) -> Array:
    """Reads only one triangle of `a`, the same that it returns."""
    if lower:
        return array(np.linalg.cholesky(np.asarray(a)))
    return array(np.swapaxes(np.linalg.cholesky(np.swapaxes(np.asarray(a), -1, -2)), -1, -2))


def solve(a: Operand, b: Operand, assume_a: str = "gen") -> Array:
    """Ignores `assume_a`, which selects an algorithm and doesn't change the solution."""
    return array(np.linalg.solve(np.asarray(a), np.asarray(b)))


def solve_triangular(a: Operand, b: Operand, trans: int = 0, lower: Operand = False) -> Array:
    return array(linalg.solve_triangular(np.asarray(a), np.asarray(b), trans, lower))


SIGMOID = wrap_numpy(special.expit)
NN = {
    **{
        function.__name__: function
        for function in (
            celu, elu, gelu, glu, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, log_sigmoid,
            log_softmax, logsumexp, mish, one_hot, relu, relu6, selu, silu, soft_sign, softmax,
            softplus, sparse_plus, sparse_sigmoid, squareplus, standardize,
        )
    },
    "hard_swish": hard_silu,
    "sigmoid": SIGMOID,
    "swish": silu,
    "tanh": wrap_numpy(np.tanh),
}  # fmt: skip
OPS = {"segment_sum": segment_sum}
SPECIAL = {
    **{
        name: wrap_numpy(getattr(special, name))
        for name in "digamma expit gammaln i0e i1e log_ndtr logit polygamma zeta".split()
    },
    "erf": wrap_numpy(error_functions.erf),
    "erfc": wrap_numpy(error_functions.erfc),
    "erfinv": wrap_numpy(error_functions.erf_inv),
    "logsumexp": logsumexp,
    "ndtr": wrap_numpy(error_functions.ndtr),
}


def _logpdf(x: Operand) -> Array:
    return array(-(_float(x) ** 2 + round_constant(np.log(2 * np.pi))) / 2)


STATS_NORM = {
    "cdf": wrap_numpy(error_functions.ndtr),
    "logcdf": wrap_numpy(special.log_ndtr),
    "logpdf": _logpdf,
    "pdf": lambda x: array(np.exp(_logpdf(x))),
}
SCIPY_LINALG = {
    "cho_solve": cho_solve,
    "cholesky": cholesky,
    "inv": wrap_numpy(np.linalg.inv),
    "solve": solve,
    "solve_triangular": solve_triangular,
}
