"""What is done here for StableHLO's interpreter is what XLA's CPU client does, or what cuSOLVER is documented to do."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xla_oracle
from jax import lax
from operation_texts import call_of, definite, draws, lowered, matrix, module_of, tensor

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.interpreter import Program

# Of float32 factorisations, relative to the largest element.
NEAR = 3e-6


def run(text, inputs):
    """What this package makes of it, with NumPy in the interpreter's place."""
    with open_module(text) as module:
        program = Program(module)
        assert program.how == "interpreter+numpy"
        return program(inputs)


def assert_near(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=False):
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
        if other.dtype.kind == "f":
            np.testing.assert_allclose(mine, other, 0, NEAR * np.abs(other).max(initial=1e-30))
        else:
            np.testing.assert_array_equal(mine, other)


F, INFO = tensor, "tensor<i32>"
SQUARE = (4, 4)
L, U, N, T, R, C = map(ord, "LUNTRC")
# Routine, attributes, operands, results' types.
ROUTINES = [
    *[("lapack_spotrf_ffi", f"uplo = {uplo} : ui8", [definite(n)], [F((n, n)), INFO])
      for uplo in (L, U) for n in (1, 5)],
    ("lapack_spotrf_ffi", f"uplo = {L} : ui8", [-definite(3)], [F((3, 3)), INFO]),
    *[("lapack_sgetrf_ffi", "", [matrix(*shape)], [F(shape), tensor((min(shape),), "i32"), INFO])
      for shape in ((1, 1), (5, 5), (4, 3), (3, 5))],
    ("lapack_sgetrf_ffi", "", [matrix(4, 4)[[2, 0, 3, 1]]], [F(SQUARE), tensor((4,), "i32"), INFO]),
    *[("lapack_sgeqrf_ffi", "", [matrix(*shape)], [F(shape), F((min(shape),))]) for shape in ((4, 4), (5, 3), (3, 5))],
    *[("lapack_ssyevd_ffi", f"mode = {ord('V')} : ui8, uplo = {uplo} : ui8", [definite(4)], [F(SQUARE), F((4,)), INFO])
      for uplo in (L, U)],
    *[("lapack_sgesdd_ffi", f"mode = {ord(mode)} : ui8", [matrix(4, 4)],
       [F(SQUARE), F((4,)), F(SQUARE), F(SQUARE), INFO]) for mode in "AS"],
    *[("lapack_strsm_ffi",
       f"diag = {diag} : ui8, side = {side} : ui8, trans_x = {trans} : ui8, uplo = {uplo} : ui8",
       [matrix(4, 4), matrix(4, 2) if side == L else matrix(2, 4)], [F((4, 2) if side == L else (2, 4))])
      for side, uplo, trans, diag in itertools.product((L, R), (L, U), (N, T, C), (N, U))],
]  # fmt: skip


@pytest.mark.parametrize(("target", "config", "inputs", "given"), ROUTINES)
def test_a_routine_of_lapack(target, config, inputs, given):
    text = call_of(target, config, [tensor(x.shape) for x in inputs], given)
    ours, theirs = run(text, inputs), xla_oracle.run(text, inputs)
    if target == "lapack_sgesdd_ffi":
        # What is left of the operand is nobody's business.
        ours, theirs = ours[1:], theirs[1:]
    if any(np.isnan(x).any() or x.size == 1 and x.dtype.kind == "i" and x != 0 for x in theirs):
        # It failed, and says so; its matrix is then not to be read.
        ours, theirs = ours[-1:], theirs[-1:]
    assert_near(ours, theirs)


def test_singular_values_alone():
    given = [F(SQUARE), F((4,)), F(SQUARE), F(SQUARE), INFO]
    text = call_of("lapack_sgesdd_ffi", f"mode = {N} : ui8", [F(SQUARE)], given)
    inputs = [matrix(4, 4)]
    ours, theirs = run(text, inputs), xla_oracle.run(text, inputs)
    assert_near([ours[1], ours[4]], [theirs[1], theirs[4]])


@pytest.mark.parametrize("shape", [(4, 4), (5, 3)])
def test_q_of_its_reflectors(shape):
    a, tau = run(
        call_of("lapack_sgeqrf_ffi", "", [F(shape)], [F(shape), F(shape[1:])]), [matrix(*shape)]
    )
    text = call_of("lapack_sorgqr_ffi", "", [F(shape), F(shape[1:])], [F(shape)])
    assert_near(run(text, [a, tau]), xla_oracle.run(text, [a, tau]))


def test_every_routine_of_lapack_is_tested():
    lapack = {name for name in fallback_kernels._ROUTINES if name.startswith("lapack")}
    assert lapack == {case[0] for case in ROUTINES} | {"lapack_sorgqr_ffi"}


@pytest.mark.parametrize(
    ("left", "low", "unit", "turned"),
    [
        *itertools.product(
            (True, False), (True, False), (True, False), ("NO_TRANSPOSE", "TRANSPOSE", "ADJOINT")
        )
    ],
)
def test_triangular_solve(left, low, unit, turned):
    flags = f"left_side = {left}, lower = {low}, unit_diagonal = {unit}".lower()
    taken = [F(SQUARE), F((4, 2) if left else (2, 4))]
    text = module_of(
        f'"stablehlo.triangular_solve"(%a0, %a1) <{{{flags}, transpose_a = #stablehlo<transpose {turned}>}}>',
        taken, taken[1:],
    )  # fmt: skip
    inputs = [matrix(4, 4), matrix(4, 2) if left else matrix(2, 4)]
    assert_near(run(text, inputs), xla_oracle.run(text, inputs))


@pytest.mark.parametrize("function", [
    lambda x: jnp.fft.rfft(x).real, lambda x: jnp.fft.rfft(x, axis=0).imag, lambda x: jnp.fft.fft(x).imag,
    lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * x[:, :4], n=6), lambda x: jnp.fft.irfft(jnp.fft.rfft(x), n=5),
    lambda x: jnp.fft.ifft(jnp.fft.fft(x) * x).real, lambda x: jnp.abs(jnp.fft.fft(x, n=8)),
    lambda x: jnp.fft.irfft(lax.complex(x, jnp.sin(x)), n=10), lambda x: jnp.fft.ifft(lax.complex(x, x * x)).imag,
    lambda x: jnp.fft.rfft(x[0])[0].real,
])  # fmt: skip
def test_fourier_transforms(function):
    x = draws.uniform(-2, 2, (3, 6)).astype(np.float32)
    text = lowered(function, x)
    assert "stablehlo.fft" in text
    assert_near(run(text, [x]), xla_oracle.run(text, [x]))


@pytest.mark.parametrize("shape", [(), (1,), (4,), (7,), (3, 5), (0,), (2, 1, 33)])
def test_random_bits_and_what_follows_them(shape):
    state = "tensor<2xui64>"
    text = module_of(
        "stablehlo.rng_bit_generator %a0, algorithm = DEFAULT",
        [state],
        [state, tensor(shape, "ui32")],
    )
    states = [(0, 0), (58, 7), (2**64 - 1, 2**64 - 1), (1, 2**64 - 2), (2**63, 2**32 - 1)]
    for state in states:
        inputs = [np.array(state, np.uint64)]
        for mine, other in zip(run(text, inputs), xla_oracle.run(text, inputs), strict=True):
            np.testing.assert_array_equal(mine, other, strict=True)


BATCHES = {
    "cholesky": lambda a: jnp.linalg.cholesky(a @ jnp.swapaxes(a, -1, -2) + jnp.eye(4)),
    "solve": lambda a: jnp.linalg.solve(a, a[..., :1]),
    "solve_triangular": lambda a: lax.linalg.triangular_solve(a, a, left_side=True, lower=True),
    "qr": jnp.linalg.qr,
    "singular values": lambda a: jnp.linalg.svd(a, compute_uv=False),
    "det": jnp.linalg.det,
    "fft2": lambda a: jnp.abs(jnp.fft.fft2(a)),
    "rfft2 and back": lambda a: jnp.fft.irfft2(jnp.fft.rfft2(a) * a[..., :3]),
}


@pytest.mark.parametrize("shape", [(2,), (3, 2)])
@pytest.mark.parametrize("name", BATCHES)
def test_batches(name, shape):
    a = np.stack([matrix(4, 4) for _ in range(np.prod(shape))]).reshape(*shape, 4, 4)
    text = lowered(BATCHES[name], a)
    assert_near(run(text, [a]), xla_oracle.run(text, [a]))


INSIDE = {
    "scan": lambda a: lax.scan(
        lambda c, _: (c, jnp.linalg.cholesky(c + jnp.eye(4))), a @ a.T, None, length=2
    )[1],
    "fori_loop": lambda a: lax.fori_loop(0, 3, lambda i, c: jnp.linalg.inv(c) + i, a),
    "cond": lambda a: lax.cond(a[0, 1] > 0, lambda: jnp.linalg.inv(a), lambda: a),
    "switch": lambda a: [
        lax.switch(a[0, 0].astype(int) + k, [lambda: a, lambda: jnp.linalg.inv(a), lambda: -a])
        for k in range(-3, 4)
    ],
    "cond in a scan": lambda a: lax.scan(
        lambda c, x: (lax.cond(x[0] > 0, lambda: jnp.linalg.inv(c), lambda: c + 1), x), a, a
    )[0],
}


@pytest.mark.parametrize("name", INSIDE)
def test_loops_and_branches(name):
    a = matrix(4, 4)
    text = lowered(INSIDE[name], a)
    assert_near(run(text, [a]), xla_oracle.run(text, [a]))


LINALG = {
    "cholesky": (lambda a: jnp.linalg.cholesky(a @ a.T + jnp.eye(4)), 1),
    "solve": (jnp.linalg.solve, 2),
    "solve of a vector": (lambda a, b: jnp.linalg.solve(a, b[:, 0]), 2),
    "solve_triangular": (
        lambda a, b: jax.scipy.linalg.solve_triangular(a, b, lower=True, trans=1),
        2,
    ),
    "cho_solve": (lambda a, b: jax.scipy.linalg.cho_solve((a, True), b), 2),
    "inv": (jnp.linalg.inv, 1),
    "qr": (jnp.linalg.qr, 1),
    "qr of a tall matrix": (lambda a: jnp.linalg.qr(a[:, :2]), 1),
    "eigh": (lambda a: jnp.linalg.eigh(a + a.T), 1),
    "eigvalsh": (lambda a: jnp.linalg.eigvalsh(a + a.T), 1),
    "svd": (jnp.linalg.svd, 1),
    "singular values": (lambda a: jnp.linalg.svd(a, compute_uv=False), 1),
    "det": (jnp.linalg.det, 1),
    "slogdet": (lambda a: jnp.linalg.slogdet(a[jnp.array([3, 1, 0, 2])]), 1),
}
GRADIENTS = (
    "cholesky",
    "solve",
    "inv",
    "qr",
    "eigh",
    "eigvalsh",
    "singular values",
    "slogdet",
    "cho_solve",
)


def loss_of(function):
    return lambda *args: sum(jnp.sum(jnp.sin(out)) for out in jax.tree.leaves(function(*args)))


CUDA = {
    **LINALG,
    **{
        f"gradient of {name}": (jax.grad(loss_of(LINALG[name][0])), LINALG[name][1])
        for name in GRADIENTS
    },
}


@pytest.mark.parametrize("name", CUDA)
def test_cudas_text_does_what_the_cpus_does(name):
    function, number = CUDA[name]
    inputs = [matrix(4, 4), matrix(4, 2)][:number]
    cpu, cuda = lowered(function, *inputs), lowered(function, *inputs, platform="cuda")
    assert cpu != cuda
    theirs = xla_oracle.run(cpu, inputs)
    for ours in (run(cpu, inputs), run(cuda, inputs)):
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, 0, 2e-5 * np.abs(other).max())


def test_every_routine_of_cuda_is_tested():
    called = set()
    for function, number in CUDA.values():
        text = lowered(function, *[matrix(4, 4), matrix(4, 2)][:number], platform="cuda")
        called |= {name for name in fallback_kernels._ROUTINES if f"@{name}(" in text}
    assert called == {name for name in fallback_kernels._ROUTINES if name.startswith("cu")}
