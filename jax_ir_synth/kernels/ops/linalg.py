"""Small linear algebra: factorisations and solves, where CPU and CUDA differ already in StableHLO.

What these give is bounded by what the matrix is known to be (its least eigenvalue, say), which its
elements' range does not tell: the caller passes `range=(low, high)` and `spread=std`.
"""

from typing import Any

from jax_ir_synth.kernels.builder.values import Operands, Params, Rejected, Samples, Shape
from jax_ir_synth.kernels.ops.base import FLOAT32, Op, ShapeRule, Spelling
from jax_ir_synth.kernels.ops.examples import array, definite, example, made
from jax_ir_synth.kernels.ops.rules import around, of_param

FACTOR = made("cholesky", definite(4), range=(-4.0, 4.0), spread=1.0)


def _known_samples(operands: Operands, params: Params) -> Samples:
    # About the middle of a positive range, such as eigenvalues have, and about zero otherwise.
    low, high = params["range"]
    return around((low + high) / 2 if low >= 0 else 0.0, params["spread"])


def _square(operands: Operands, params: Params) -> Shape:
    shape = operands[0].shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise Rejected("a square matrix is wanted")
    return shape


def _solved(operands: Operands, params: Params) -> Shape:
    if _square(operands, params)[-1] != operands[1].shape[0] or operands[1].ndim > 2:
        raise Rejected("solve: shapes")
    return operands[1].shape


def _op(name: str, *spellings: Spelling, shape: ShapeRule, **options: Any) -> Op:
    return Op(
        name,
        spellings,
        of_param("range"),
        _known_samples,
        shape=shape,
        dtypes=FLOAT32,
        uniform=False,
        **options,
    )


OF_A_DEFINITE_MATRIX = (example(definite(4), range=(-40.0, 40.0), spread=1.0),)
# A vector and a matrix on the right.
SOLVES = (
    example(definite(4), array(4), range=(-40.0, 40.0), spread=1.0),
    example(definite(4), array(4, 2), range=(-40.0, 40.0), spread=1.0),
)
SOLVES_BY_A_FACTOR = (example(FACTOR, array(4, 2), range=(-40.0, 40.0), spread=1.0),)

TABLE = (
    _op(
        "cholesky",
        (4, "jnp.linalg.cholesky({0})"),
        (1, "jax.scipy.linalg.cholesky({0}, lower=True)"),
        shape=_square,
        ir_bytes=3410,
        role="cholesky",
        examples=(example(definite(4), range=(-4.0, 4.0), spread=1.0),),
    ),
    _op(
        "solve",
        (4, "jnp.linalg.solve({0}, {1})"),
        shape=_solved,
        ir_bytes=8510,
        examples=SOLVES,
    ),
    _op(
        "solve_pos",
        (1, 'jax.scipy.linalg.solve({0}, {1}, assume_a="pos")'),
        shape=_solved,
        examples=SOLVES,
        ir_bytes=10310,
    ),
    _op(
        "solve_lower",
        (1, "jax.scipy.linalg.solve_triangular({0}, {1}, lower=True)"),
        shape=_solved,
        ir_bytes=600,
        title="triangular solve",
        examples=SOLVES_BY_A_FACTOR,
    ),
    _op(
        "cho_solve",
        (1, "jax.scipy.linalg.cho_solve(({0}, True), {1})"),
        shape=_solved,
        ir_bytes=5150,
        examples=SOLVES_BY_A_FACTOR,
    ),
    _op(
        "inv",
        (4, "jnp.linalg.inv({0})"),
        (1, "jax.scipy.linalg.inv({0})"),
        shape=_square,
        ir_bytes=10080,
        title="inverse",
        examples=OF_A_DEFINITE_MATRIX,
    ),
    _op(
        "qr_r",
        (2, "jnp.linalg.qr({0})[1]"),
        (1, 'jnp.linalg.qr({0}, mode="r")'),
        shape=_square,
        ir_bytes=600,
        examples=OF_A_DEFINITE_MATRIX,
    ),
    _op(
        "eigvalsh",
        (1, "jnp.linalg.eigvalsh({0})"),
        (1, "jnp.linalg.eigh({0})[0]"),
        shape=lambda o, p: _square(o, p)[:-1],
        ir_bytes=600,
        examples=OF_A_DEFINITE_MATRIX,
    ),
    _op(
        "singular_values",
        (1, "jnp.linalg.svd({0}, compute_uv=False)"),
        shape=lambda o, p: _square(o, p)[:-1],
        examples=OF_A_DEFINITE_MATRIX,
        ir_bytes=7100,
    ),
)
