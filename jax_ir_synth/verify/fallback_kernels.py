"""Implements the operations that StableHLO's interpreter lacks, by their definitions.

A custom call of JAX's linear algebra calls the LAPACK routine in its name. On the CPU, that routine
comes from SciPy's library, which is also called here. cuSOLVER documents its routines as LAPACK's,
so LAPACK stands in for them. Fourier transforms are NumPy's. Random bits are Philox's. StableHLO
leaves their layout to the implementation, and `numpy_jax.random` implements XLA's. The tests
compare each operation with XLA's CPU client.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
from jaxlib.mlir import ir
from scipy.linalg import blas, lapack

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.reference.numpy_jax.random import draw_philox_words

# The operations that JAX writes for this project's programs and that the interpreter lacks.
OPERATIONS = frozenset(
    f"stablehlo.{name}"
    for name in ("cholesky", "custom_call", "fft", "rng_bit_generator", "triangular_solve")
)
# Arrays, and also LAPACK's `info`, a number.
Results = Sequence[Any]
Function = Callable[..., Results]
_CPU_PREFIX = "lapack_"


class Undefined(JaxIrSynthError, ValueError):
    """An operation, or a form of one, is not implemented here; the message names it."""


def make_kernel(op: ir.Operation) -> Function:
    """Make a function that computes an operation, from arrays of its operands to its results.

    The function takes a complex operand, and returns a complex result, as two arrays: the real and
    the imaginary part. For unsuitable operands it raises whatever NumPy or SciPy raises.

    Raises Undefined.
    """
    make = {
        "stablehlo.cholesky": _cholesky,
        "stablehlo.custom_call": _custom_call,
        "stablehlo.fft": _fft,
        "stablehlo.rng_bit_generator": _rng_bit_generator,
        "stablehlo.triangular_solve": _triangular_solve,
    }[op.name]
    taken, given = (
        [_DTYPES.get(str(_get_type(value).element_type)) for value in values]
        for values in (op.operands, op.results)
    )
    if None in (*taken, *given):
        raise Undefined(f"{op.name} of these dtypes is not known")
    function = make(op)
    shapes = [tuple(_get_type(value).shape) for value in op.results]

    def call(*parts: np.ndarray) -> list[np.ndarray]:
        rest = iter(parts)
        operands = [
            next(rest) + 1j * next(rest) if dtype in _COMPLEX else next(rest) for dtype in taken
        ]
        results = []
        for x, dtype, shape in zip(function(*operands), given, shapes, strict=True):
            x = np.asarray(x).astype(dtype)
            if x.shape != shape:
                raise ValueError(f"a result is of shape {x.shape}, the text says {shape}")
            results += [x.real, x.imag] if dtype in _COMPLEX else [x]
        return results

    return call


_DTYPES = {
    "f32": np.float32,
    "i32": np.int32,
    "ui32": np.uint32,
    "ui64": np.uint64,
    "complex<f32>": np.complex64,
    # In a text that is read as float64; see `promote.promote_single`.
    "f64": np.float64,
    "complex<f64>": np.complex128,
}
_COMPLEX = (np.complex64, np.complex128)


def find_platform(target: str) -> str | None:
    """Find the platform on which JAX calls a target, `"cpu"` or `"cuda"`; None if unknown here."""
    if target not in _ROUTINES:
        return None
    return "cpu" if target.startswith(_CPU_PREFIX) else "cuda"


def _get_type(value: Value) -> ir.RankedTensorType:
    return ir.RankedTensorType(value.type)


def _custom_call(op: ir.Operation) -> Function:
    target = ir.StringAttr(op.attributes["call_target_name"]).value
    if target not in _ROUTINES:
        raise Undefined(f"custom_call @{target} is not known")
    config = _read_config(op)
    batched = max(0, *(_get_type(value).rank - 2 for value in op.operands), 0)
    for value, layout in zip(
        (*op.operands, *op.results),
        (*_layouts(op, "operand"), *_layouts(op, "result")),
        strict=True,
    ):
        rank = _get_type(value).rank
        # LAPACK's matrices are stored column by column, one after the other; others would be read
        # transposed.
        inner, outer = range(batched, rank), range(batched)
        if rank - batched not in (0, 1, 2) or list(layout) != [*inner, *reversed(outer)]:
            raise Undefined(f"custom_call @{target} of matrices that lie otherwise is not known")
    routine, known = _ROUTINES[target]
    if not config.items() <= {(key, value) for key, values in known.items() for value in values}:
        raise Undefined(f"custom_call @{target} with {config} is not known")
    shapes = {tuple(_get_type(value).shape[:batched]) for value in (*op.operands, *op.results)}
    if len(shapes) > 1:
        raise Undefined(f"custom_call @{target} of batches of several shapes is not known")
    return functools.partial(_map_batch, functools.partial(routine, **config), batched)


def _map_batch(routine: Function, batched: int, *operands: np.ndarray) -> Results:
    """Apply a routine to each matrix of a batch, over the first dimensions of the operands."""
    if not batched:
        return routine(*operands)
    shape = operands[0].shape[:batched]
    found = [[*routine(*(x[place] for x in operands))] for place in np.ndindex(shape)]
    return [
        np.stack([np.asarray(x) for x in each]).reshape(*shape, *np.shape(each[0]))
        for each in zip(*found, strict=True)
    ]


def _read_config(op: ir.Operation) -> dict[str, Any]:
    """Read the attributes that a call has for its routine."""
    config = {}
    for name in ("mhlo.backend_config", "backend_config"):
        if name in op.attributes and not isinstance(op.attributes[name], ir.StringAttr):
            for entry in cast(Iterable[Any], op.attributes[name]):
                config[entry.name] = entry.attr.value
    return config


def _layouts(op: ir.Operation, which: str) -> list[Any]:
    if f"{which}_layouts" not in op.attributes:
        raise Undefined(f"custom_call without {which}_layouts is not known")
    return [
        ir.DenseIntElementsAttr(layout)
        for layout in ir.ArrayAttr(op.attributes[f"{which}_layouts"])
    ]


def _find_routine(name: str, a: np.ndarray) -> Callable[..., Any]:
    """Find LAPACK's or BLAS's routine for the matrix's dtype."""
    name = ("d" if a.dtype == np.float64 else "s") + name
    return cast(Callable[..., Any], getattr(lapack, name, None) or getattr(blas, name))


def _potrf(a: np.ndarray, uplo: int = 0, lower: bool | None = None) -> Results:
    """Writes only one triangle, and leaves the other unchanged."""
    c, info = _find_routine("potrf", a)(a, lower=_LOWER[uplo] if lower is None else lower, clean=0)
    return c, info


def _getrf(a: np.ndarray) -> Results:
    lu, pivots, info = _find_routine("getrf", a)(a)
    # SciPy counts them from 0, LAPACK from 1.
    return lu, pivots + 1, info


def _permutation(pivots: np.ndarray) -> Results:
    """The permutation of rows that LAPACK's swaps make; the pivots are counted from 0."""
    permutation = np.arange(len(pivots))
    for i, pivot in enumerate(pivots):
        permutation[[i, pivot]] = permutation[[pivot, i]]
    return (permutation,)


def _geqrf(a: np.ndarray) -> Results:
    qr, tau, _, _ = _find_routine("geqrf", a)(a)
    return qr, tau


def _orgqr(a: np.ndarray, tau: np.ndarray) -> Results:
    q, _, _ = _find_routine("orgqr", a)(a, tau)
    return (q,)


def _syevd(
    a: np.ndarray,
    uplo: int = 0,
    lower: bool | None = None,
    mode: int = ord("V"),
    algorithm: int = 0,
) -> Results:
    w, v, info = _find_routine("syevd", a)(a, lower=_LOWER[uplo] if lower is None else lower)
    return v, w, info


def _gesdd(a: np.ndarray, mode: int) -> Results:
    u, s, vt, info = _decompose(a, mode != ord("N"))
    return a, s, u, vt, info


def _gesvdj(a: np.ndarray, compute_uv: bool, full_matrices: bool) -> Results:
    """Returns V, not its transpose."""
    u, s, vt, info = _decompose(a, compute_uv)
    return a, s, u, vt.T, info


def _decompose(a: np.ndarray, vectors: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Compute the singular value decomposition of a square matrix; zeros for omitted vectors."""
    if a.shape[0] != a.shape[1]:
        raise Undefined("a singular value decomposition of a matrix that is not square")
    u, s, vt, info = _find_routine("gesdd", a)(a, compute_uv=vectors)
    return (u, s, vt, info) if vectors else (np.zeros_like(a), s, np.zeros_like(a), info)


def _trsm(a: np.ndarray, b: np.ndarray, side: int, uplo: int, trans_x: int, diag: int) -> Results:
    solved = _find_routine("trsm", a)(
        1.0, a, b,
        side=side == ord("R"), lower=_LOWER[uplo],
        trans_a=trans_x != ord("N"), diag=diag == ord("U"),
    )  # fmt: skip
    return (solved,)


_LOWER = {ord("L"): 1, ord("U"): 0}
_BOTH = (False, True)
_UPLO = {"uplo": tuple(_LOWER)}
# The routines by target, and the values that their attributes may have.
_ROUTINES: dict[str, tuple[Function, dict[str, Any]]] = {
    "lapack_spotrf_ffi": (_potrf, _UPLO),
    "lapack_sgetrf_ffi": (_getrf, {}),
    "lapack_sgeqrf_ffi": (_geqrf, {}),
    "lapack_sorgqr_ffi": (_orgqr, {}),
    "lapack_ssyevd_ffi": (_syevd, {"mode": (ord("V"),), **_UPLO}),
    "lapack_sgesdd_ffi": (_gesdd, {"mode": tuple(map(ord, "NSA"))}),
    "lapack_strsm_ffi": (
        _trsm,
        {
            "side": tuple(map(ord, "LR")),
            "trans_x": tuple(map(ord, "NTC")),
            "diag": tuple(map(ord, "NU")),
            **_UPLO,
        },
    ),
    "cusolver_potrf_ffi": (_potrf, {"lower": _BOTH}),
    "cusolver_getrf_ffi": (_getrf, {}),
    "cu_lu_pivots_to_permutation": (_permutation, {}),
    "cusolver_geqrf_ffi": (_geqrf, {}),
    "cusolver_orgqr_ffi": (_orgqr, {}),
    "cusolver_syevd_ffi": (_syevd, {"algorithm": (0,), "lower": _BOTH}),
    "cusolver_gesvdj_ffi": (_gesvdj, {"compute_uv": _BOTH, "full_matrices": _BOTH}),
}


def _cholesky(op: ir.Operation) -> Function:
    lower = ir.BoolAttr(op.attributes["lower"]).value if "lower" in op.attributes else False

    def call(a: np.ndarray) -> Results:
        factor, info = _potrf(a, lower=lower)
        # XLA leaves the other triangle undefined.
        return (np.full_like(a, np.nan) if info else np.tril(factor) if lower else np.triu(factor),)

    return functools.partial(_map_batch, call, _get_type(op.operands[0]).rank - 2)


def _triangular_solve(op: ir.Operation) -> Function:
    flag = {
        name: ir.BoolAttr(op.attributes[name]).value
        for name in ("left_side", "lower", "unit_diagonal")
    }
    turned = "NO_TRANSPOSE" not in str(op.attributes["transpose_a"])

    def call(a: np.ndarray, b: np.ndarray) -> Results:
        side, lower, unit = not flag["left_side"], flag["lower"], flag["unit_diagonal"]
        return (
            _find_routine("trsm", a)(1.0, a, b, side=side, lower=lower, trans_a=turned, diag=unit),
        )

    return functools.partial(_map_batch, call, _get_type(op.operands[0]).rank - 2)


def _fft(op: ir.Operation) -> Function:
    kind = str(op.attributes["fft_type"])
    length = list(ir.DenseI64ArrayAttr(op.attributes["fft_length"]))
    for name, function in _FFT.items():
        if kind == f"#stablehlo<fft_type {name}>":
            return functools.partial(_transform, function, length)
    raise Undefined(f"fft of type {kind} is not known")


def _transform(
    function: Callable[..., np.ndarray], length: Sequence[int], x: np.ndarray
) -> Results:
    """Transform the last dimensions."""
    return (function(x, length, range(-len(length), 0)),)


_FFT: dict[str, Callable[..., np.ndarray]] = {
    "FFT": np.fft.fftn,
    "IFFT": np.fft.ifftn,
    "RFFT": np.fft.rfftn,
    "IRFFT": np.fft.irfftn,
}


def _rng_bit_generator(op: ir.Operation) -> Function:
    if "DEFAULT" not in str(op.attributes["rng_algorithm"]):
        raise Undefined(f"rng_bit_generator by {op.attributes['rng_algorithm']} is not known")
    state, bits = map(_get_type, op.results)
    if state.shape != [2] or str(bits.element_type) != "ui32":
        raise Undefined("rng_bit_generator of another state or width is not known")
    count = int(np.prod(bits.shape))

    def call(state: np.ndarray) -> Results:
        drawn = draw_philox_words(state.view(np.uint32), count).reshape(bits.shape)
        after = state.copy()
        after[1:] += np.uint64(-(-count // 4))
        return after, drawn

    return call
