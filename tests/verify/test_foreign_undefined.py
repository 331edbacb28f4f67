"""An operation in a form that is not known here is never guessed at: nothing runs it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from operation_texts import call_of, lowered, matrix, module_of, tensor

from jax_ir_synth.lowering.parsing import open_module, walk
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.interpreter import CannotRun, Program

SQUARE, FOUR, BATCH, INFO = tensor((4, 4)), tensor((4,)), tensor((2, 3, 3)), "tensor<i32>"
UNDEFINED = {
    "an unknown target": (call_of("lapack_sgtsv_ffi", "", [SQUARE], [SQUARE]), "@lapack_sgtsv_ffi is not known"),
    "a callback": (call_of("xla_ffi_python_cpu_callback", "", [SQUARE], [SQUARE]), "is not known"),
    "rows in the place of columns": (
        call_of("lapack_sgeqrf_ffi", "", [SQUARE], [SQUARE, FOUR], order=lambda n: list(range(n))[::-1]),
        "matrices that lie otherwise",
    ),
    "a batch": (
        call_of("lapack_sgeqrf_ffi", "", [BATCH], [BATCH, tensor((2, 3))], order=lambda n: [*range(n - 3, n)][-n:]),
        "matrices that lie otherwise",
    ),
    "an unknown attribute": (
        call_of("lapack_spotrf_ffi", "uplo = 76 : ui8, mode = 1 : ui8", [SQUARE], [SQUARE, INFO]), "with",
    ),
    "an unknown value": (call_of("lapack_spotrf_ffi", "uplo = 66 : ui8", [SQUARE], [SQUARE, INFO]), "with"),
    "another dtype": (
        call_of("lapack_sgeqrf_ffi", "", [tensor((4, 4), "f16")], [tensor((4, 4), "f16"), tensor((4,), "f16")]),
        "of these dtypes",
    ),
    "another algorithm": (
        module_of("stablehlo.rng_bit_generator %a0, algorithm = THREE_FRY", ["tensor<2xui64>"],
                  ["tensor<2xui64>", tensor((4,), "ui32")]),
        "rng_bit_generator by",
    ),
    "bits of another width": (
        module_of("stablehlo.rng_bit_generator %a0, algorithm = DEFAULT", ["tensor<2xui64>"],
                  ["tensor<2xui64>", tensor((4,), "ui64")]),
        "another state or width",
    ),
    "a state of another size": (
        module_of("stablehlo.rng_bit_generator %a0, algorithm = DEFAULT", ["tensor<3xui64>"],
                  ["tensor<3xui64>", tensor((4,), "ui32")]),
        "another state or width",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_is_not_known_is_undefined(name):
    text, told = UNDEFINED[name]
    with open_module(text) as module:
        (operation,) = (
            op for op in walk(module.operation) if op.name in fallback_kernels.OPERATIONS
        )
        with pytest.raises(fallback_kernels.Undefined, match=told):
            fallback_kernels.make_kernel(operation)
    with open_module(text) as module, pytest.raises(CannotRun, match=told):
        Program(module)


def test_a_python_callback_cannot_run():
    def callback(x):
        return jax.pure_callback(np.sin, jax.ShapeDtypeStruct((3,), np.float32), x)

    text = lowered(callback, np.ones(3, np.float32))
    with (
        open_module(text) as module,
        pytest.raises(CannotRun, match="custom_call @xla_ffi_python_cpu_callback is not known"),
    ):
        Program(module)


IN_LOOPS = {
    "while_loop": lambda a: lax.while_loop(
        lambda c: jnp.sum(c) < 60, lambda c: jnp.linalg.solve(a, c) + 3, a
    ),
    "a long fori_loop": lambda a: lax.fori_loop(
        0, 3000, lambda i, c: jnp.linalg.cholesky(c) + i, a
    ),
}


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
@pytest.mark.parametrize("name", IN_LOOPS)
def test_what_is_in_a_loop_that_is_not_unrolled_cannot_run(name, platform):
    refused = pytest.raises(CannotRun, match="in a loop that can't be unrolled")
    text = lowered(IN_LOOPS[name], matrix(4, 4), platform=platform)
    with open_module(text) as module, refused:
        Program(module)
