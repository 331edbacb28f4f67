"""Implements `jax.scipy.linalg` and `jax.lax.linalg` with SciPy."""

from typing import Any

import numpy as np
from scipy import linalg

from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, wrap_numpy
from jax_ir_synth.reference.numpy_jax.linear_algebra import LINALG


def cho_solve(c_and_lower: Any, b: Operand) -> Array:
    c, lower = c_and_lower
    return array(linalg.cho_solve((np.asarray(c), lower), np.asarray(b)))


def cholesky(a: Operand, lower: Operand = False) -> Array:
    """Reads only one triangle of `a`, the same that it returns."""
    if lower:
        return array(np.linalg.cholesky(np.asarray(a)))
    return array(np.swapaxes(np.linalg.cholesky(np.swapaxes(np.asarray(a), -1, -2)), -1, -2))


def solve(a: Operand, b: Operand, lower: bool = False, assume_a: str = "gen", **_: Any) -> Array:
    """Ignores `assume_a`, which selects an algorithm and doesn't change the solution."""
    return array(np.linalg.solve(np.asarray(a), np.asarray(b)))


def solve_triangular(
    a: Operand,
    b: Operand,
    trans: Any = 0,
    lower: Operand = False,
    unit_diagonal: bool = False,
    **_: Any,
) -> Array:
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == 2:
        return array(linalg.solve_triangular(a, b, trans, lower, unit_diagonal))
    vector = b.ndim < a.ndim
    found = triangular_solve(
        a,
        b[..., None] if vector else b,
        left_side=True,
        lower=bool(lower),
        transpose_a=trans in (1, "T", 2, "C"),
        unit_diagonal=unit_diagonal,
    )
    return array(found[..., 0] if vector else found)


def block_diag(*arrays: Operand) -> Array:
    return array(linalg.block_diag(*(np.asarray(each) for each in arrays)))


def cho_factor(a: Operand, lower: Operand = False) -> Any:
    return cholesky(a, lower), lower


def expm(A: Operand, **_: Any) -> Array:
    return array(linalg.expm(np.asarray(A)))


def lu(a: Operand, permute_l: bool = False) -> Any:
    return tuple(map(array, linalg.lu(np.asarray(a), permute_l)))


def lu_factor(a: Operand) -> Any:
    factors, pivots = linalg.lu_factor(np.asarray(a))
    return array(factors), array(pivots.astype(np.int32))


def lu_solve(lu_and_piv: Any, b: Operand, trans: int = 0) -> Array:
    return array(linalg.lu_solve(tuple(map(np.asarray, lu_and_piv)), np.asarray(b), trans))


def qr(a: Operand, *, mode: str = "full") -> Any:
    """SciPy's names of the modes are others than NumPy's."""
    return LINALG["qr"](a, {"full": "complete", "economic": "reduced"}.get(mode, mode))


def toeplitz(c: Operand, r: Operand = None) -> Array:
    return array(linalg.toeplitz(np.asarray(c), None if r is None else np.asarray(r)))


def triangular_solve(
    a: Operand,
    b: Operand,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Array:
    """`jax.lax.linalg.triangular_solve`, of real matrices."""
    a, b = np.asarray(a), np.asarray(b)
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a = a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    if left_side:
        return array(np.linalg.solve(a, b))
    turned = np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2))
    return array(np.swapaxes(turned, -1, -2))


SCIPY_LINALG = {
    "block_diag": block_diag,
    "cho_factor": cho_factor,
    "cho_solve": cho_solve,
    "cholesky": cholesky,
    "det": wrap_numpy(np.linalg.det),
    "expm": expm,
    "inv": wrap_numpy(np.linalg.inv),
    "lu": lu,
    "lu_factor": lu_factor,
    "lu_solve": lu_solve,
    "qr": qr,
    "solve": solve,
    "svd": LINALG["svd"],
    "solve_triangular": solve_triangular,
    "toeplitz": toeplitz,
}
LAX_LINALG = {"cholesky": LINALG["cholesky"], "triangular_solve": triangular_solve}
