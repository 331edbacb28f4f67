"""Implements `jax.numpy.linalg` in NumPy."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from jax_ir_synth.reference.numpy_jax import trace_recorder
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, wrap_numpy


def _linalg_solve(a: Operand, b: Operand) -> Array:
    """Solves for a vector if b has one dimension, for a matrix otherwise, as JAX does."""
    return array(np.linalg.solve(np.asarray(a), np.asarray(b)))


def _qr(a: Operand, mode: Literal["reduced", "complete", "r"] = "reduced") -> Any:
    result = np.linalg.qr(np.asarray(a), mode)
    return array(result) if mode == "r" else tuple(map(array, result))


def _svd(a: Operand, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    result: Any = np.linalg.svd(  # type: ignore[call-overload]
        np.asarray(a), full_matrices, compute_uv
    )
    return tuple(map(array, result)) if compute_uv else array(result)


def _wrap_tuple(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, **_: tuple(array(part) for part in function(np.asarray(a)))


def _symmetrize_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of a symmetric matrix: JAX averages the matrix and its transpose first."""

    def call(a: Operand, **_: Any) -> Any:
        a = np.asarray(a)
        result = function((a + np.swapaxes(np.conj(a), -1, -2)) / 2)
        return result if isinstance(result, tuple) else array(result)

    return call


def _cholesky(
    a: Operand, *, upper: bool = False, symmetrize_input: bool = True, lower: bool = True
) -> Array:
    a = np.asarray(a)
    if symmetrize_input:
        a = (a + np.swapaxes(np.conj(a), -1, -2)) / 2
    found = np.linalg.cholesky(a)
    return array(np.swapaxes(np.conj(found), -1, -2) if upper else found)


def norm(x: Operand, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    sizes = array(np.linalg.norm(np.asarray(x), ord, axis, keepdims))
    return trace_recorder.record_root(sizes) if ord in (None, 2) else sizes


def vector_norm(x: Operand, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    sizes = array(np.linalg.vector_norm(np.asarray(x), axis=axis, keepdims=keepdims, ord=ord))
    return trace_recorder.record_root(sizes) if ord == 2 else sizes


def matrix_norm(x: Operand, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    sizes = array(np.linalg.matrix_norm(np.asarray(x), keepdims=keepdims, ord=ord))
    return trace_recorder.record_root(sizes) if ord == "fro" else sizes


def _lstsq(a: Operand, b: Operand, rcond: Any = None, **_: Any) -> Any:
    solution, residuals, rank, values = np.linalg.lstsq(np.asarray(a), np.asarray(b), rcond)
    return array(solution), array(residuals), array(np.int32(rank)), array(values)


LINALG: dict[str, Callable[..., Any]] = {
    "cholesky": _cholesky,
    "cross": wrap_numpy(np.linalg.cross),
    "det": wrap_numpy(np.linalg.det),
    "diagonal": wrap_numpy(np.linalg.diagonal),
    "eigh": _wrap_tuple(_symmetrize_first(np.linalg.eigh)),
    "eigvalsh": _symmetrize_first(np.linalg.eigvalsh),
    "inv": wrap_numpy(np.linalg.inv),
    "lstsq": _lstsq,
    "matmul": wrap_numpy(np.linalg.matmul),
    "matrix_norm": matrix_norm,
    "matrix_power": wrap_numpy(np.linalg.matrix_power),
    "matrix_rank": wrap_numpy(np.linalg.matrix_rank),
    "matrix_transpose": wrap_numpy(np.linalg.matrix_transpose),
    "multi_dot": lambda arrays, **_: array(np.linalg.multi_dot([np.asarray(x) for x in arrays])),
    "norm": norm,
    "outer": wrap_numpy(np.linalg.outer),
    "pinv": wrap_numpy(np.linalg.pinv),
    "qr": _qr,
    "slogdet": _wrap_tuple(np.linalg.slogdet),
    "solve": _linalg_solve,
    "svd": _svd,
    "svdvals": wrap_numpy(np.linalg.svdvals),
    "tensordot": wrap_numpy(np.linalg.tensordot),
    "trace": wrap_numpy(np.linalg.trace),
    "vecdot": wrap_numpy(np.linalg.vecdot),
    "vector_norm": vector_norm,
}
