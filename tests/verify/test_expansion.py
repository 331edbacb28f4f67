"""What is expanded gives what XLA computes, and what can't be is refused in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xla_oracle
from answering import answers
from jax import lax
from operation_texts import lowered

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.interpreter import CannotRun, Program, Refused, Unsupported

X = np.arange(6, dtype=np.float32).reshape(2, 3) / 7 - 0.4
KIND = "tensor<2x3xf32>"
SIZES = "%n = stablehlo.constant dense<[2, 3]> : tensor<2xi64>"


def module(body: str, kind: str = KIND) -> str:
    return f"func.func @main(%x: {KIND}) -> {kind} {{\n{body}\nreturn %r : {kind}\n}}"


def run(text: str) -> list[np.ndarray]:
    with open_module(text) as found:
        return Program(found)([X])


def einsum(config: str, left: str, right: str, kind: str) -> str:
    return module(
        f"%a = stablehlo.iota dim = 0 : {left}\n%b = stablehlo.iota dim = 1 : {right}\n"
        f'%r = stablehlo.einsum %a, %b, config = "{config}" : ({left}, {right}) -> {kind}',
        kind,
    )


def call(target: str, attributes: str = "") -> str:
    return module(f"%r = stablehlo.custom_call @{target}(%x) {{{attributes}}} : ({KIND}) -> {KIND}")


RUN = {
    "an outer product": einsum("a,b->ba", "tensor<3xf32>", "tensor<1x3xf32>", "tensor<3x3xf32>").replace("1x3xf32", "3xf32").replace("dim = 1", "dim = 0"),
    "a product of batches": einsum("abc,adc->dab", "tensor<2x3x4xf32>", "tensor<2x5x4xf32>", "tensor<5x2x3xf32>"),
    "a sum over what one operand has": einsum("abc,cd->ad", "tensor<2x3x4xf32>", "tensor<4x5xf32>", "tensor<2x5xf32>"),
    "a dot of vectors": module("%v = stablehlo.slice %x [0:1, 0:3] : (tensor<2x3xf32>) -> tensor<1x3xf32>\n%w = stablehlo.reshape %v : (tensor<1x3xf32>) -> tensor<3xf32>\n%r = stablehlo.dot %x, %w : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>", "tensor<2xf32>"),
    "an index for each row": module("%i = stablehlo.constant dense<[[2, 0], [9, 1]]> : tensor<2x2xi32>\n"
        '%r = "stablehlo.torch_index_select"(%x, %i) {dim = 1 : i64, batch_dims = 1 : i64} : (tensor<2x3xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>', "tensor<2x2xf32>"),
    "an index among dimensions": module("%i = stablehlo.constant dense<[[2, 0], [1, 1]]> : tensor<2x2xi32>\n%y = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<1x3x2xf32>\n"
        '%r = "stablehlo.torch_index_select"(%y, %i) {dim = 1 : i64, batch_dims = 0 : i64} : (tensor<1x3x2xf32>, tensor<2x2xi32>) -> tensor<1x2x2x2xf32>', "tensor<1x2x2x2xf32>"),
    "several features": module("%y = stablehlo.reshape %x : (tensor<2x3xf32>) -> tensor<3x2x1xf32>\n%s = stablehlo.constant dense<[2.0, 0.5]> : tensor<2xf32>\n"
        '%r, %m, %v = "stablehlo.batch_norm_training"(%y, %s, %s) {epsilon = 0.01 : f32, feature_index = 1 : i64} : (tensor<3x2x1xf32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<3x2x1xf32>, tensor<2xf32>, tensor<2xf32>)', "tensor<3x2x1xf32>"),
    "MHLO": module("%c = mhlo.constant dense<0.5> : tensor<f32>\n%d = mhlo.reduce(%x init: %c) applies mhlo.add across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>\n%b = \"mhlo.broadcast_in_dim\"(%d) {broadcast_dimensions = dense<0> : tensor<1xi64>} : (tensor<2xf32>) -> tensor<2x3xf32>\n%r = mhlo.tanh %b : tensor<2x3xf32>"),
    "MHLO's dot": module('%r = "mhlo.dot"(%x, %t) : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>'.replace("%r", "%t = mhlo.reshape %x : (tensor<2x3xf32>) -> tensor<3x2xf32>\n%r", 1), "tensor<2x2xf32>"),
    "8-bit floats": module("%b = stablehlo.convert %x : (tensor<2x3xf32>) -> tensor<2x3xf8E5M2>\n%c = stablehlo.reshape %b : (tensor<2x3xf8E5M2>) -> tensor<6xf8E5M2>\n%r = stablehlo.convert %c : (tensor<6xf8E5M2>) -> tensor<6xf32>", "tensor<6xf32>"),
    "a scalar broadcast by CHLO": module("%c = stablehlo.constant dense<2.0> : tensor<f32>\n%r = chlo.broadcast_power %x, %c : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>".replace("%x,", "%y,").replace("%c =", "%y = stablehlo.abs %x : tensor<2x3xf32>\n%c =", 1)),
    "a cholesky factor": module("%c = stablehlo.constant dense<[[4.0, 0.0], [1.0, 3.0]]> : tensor<2x2xf32>\n%k = stablehlo.cholesky %c, lower = true : tensor<2x2xf32>\n%r = stablehlo.slice %k [1:2, 0:2] : (tensor<2x2xf32>) -> tensor<1x2xf32>", "tensor<1x2xf32>"),
    "an operation of MHLO as a call": call("mhlo.erf", "mhlo.attributes = {}, mhlo.version = 1 : i64"),
    "the largest elements as a call": module("%r, %k = \"stablehlo.custom_call\"(%x) {call_target_name = \"mhlo.topk\", mhlo.attributes = {k = 2 : i64, largest = true}, mhlo.version = 1 : i64} : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>)", "tensor<2x2xf32>"),
    "a sharding": call("Sharding", 'mhlo.sharding = "{replicated}"'),
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_it_gives_what_xla_computes(name):
    (result,) = run(RUN[name])
    (right,) = xla_oracle.run(RUN[name], [X])
    np.testing.assert_allclose(result, right, rtol=2e-6, atol=1e-6)


JAX = {
    "a composite": lax.composite(lambda x: jnp.sin(x) * 2, name="my.op"),
    "largest elements": lambda x: lax.top_k(x, 2),
    "a normal deviate": lambda x: x + jax.random.normal(jax.random.key(3), (2, 3)),
    "a permutation": lambda x: jax.random.permutation(jax.random.key(3), x, axis=1),
    "a half": lambda x: x.astype(jnp.float8_e4m3fn).astype(jnp.float32),
    "sorted": lambda x: jnp.sort(-x, axis=1),
}


@pytest.mark.parametrize("name", JAX)
def test_what_jax_prints_is_run(name):
    text = lowered(JAX[name], X)
    for result, right in zip(run(text), xla_oracle.run(text, [X]), strict=True):
        np.testing.assert_allclose(result, right, rtol=1e-5, atol=1e-6)


UNSUPPORTED = {
    "a slice that isn't known": (
        module(f'{SIZES}\n%m = stablehlo.add %n, %n : tensor<2xi64>\n%r = "stablehlo.real_dynamic_slice"(%x, %m, %n, %n) : (tensor<2x3xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<2x3xf32>'),
        "stablehlo.real_dynamic_slice is run here only if its start indices are a constant",
    ),
    "a shape that isn't known": (
        module(f"{SIZES}\n%d = stablehlo.dynamic_reshape %x, %n : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<?x?xf32>\n%r = stablehlo.dynamic_reshape %d, %n : (tensor<?x?xf32>, tensor<2xi64>) -> tensor<2x3xf32>"),
        "is not run here: only static shapes are",
    ),
    "letters without sense": (einsum("ab(c->", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3x3xf32>"), 'stablehlo.einsum of "ab(c->" is not run here'),
    "points": (einsum("...a,ab->...b", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3x3xf32>"), "is not run here"),
    "a diagonal": (einsum("aa,ab->b", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3xf32>"), "with a letter twice, is not run here"),
    "too few letters": (einsum("a,ab->b", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3xf32>"), "stablehlo.einsum has 1 letters for 2 dimensions"),
    "a letter from nowhere": (einsum("ab,bc->az", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3x3xf32>"), "a letter for its result alone"),
    "another shape": (einsum("ab,bc->ac", "tensor<3x3xf32>", "tensor<3x3xf32>", "tensor<3x9xf32>"), "its text says another"),
    "several devices": (module('%r = "stablehlo.all_to_all"(%x) {split_dimension = 1 : i64, concat_dimension = 1 : i64, split_count = 1 : i64, replica_groups = dense<[[0], [1]]> : tensor<2x1xi64>} : (tensor<2x3xf32>) -> tensor<2x3xf32>'), "of several devices is not run here"),
    "a call that nobody knows": (call("mhlo.fusion"), "custom_call @mhlo.fusion is not known"),
    "MHLO that isn't StableHLO's": (module("%r = mhlo.stochastic_convert %x, %b : (tensor<2x3xf32>, tensor<2x3xui32>) -> tensor<2x3xf32>".replace("%r", "%b = mhlo.convert %x : (tensor<2x3xf32>) -> tensor<2x3xui32>\n%r", 1).replace("mhlo.stochastic_convert %x, %b", '"mhlo.stochastic_convert"(%x, %b)')), "mhlo.stochastic_convert is not run here"),
}  # fmt: skip
REFUSED = {
    "sizes that don't agree": (einsum("ab,bc->ac", "tensor<3x4xf32>", "tensor<3x3xf32>", "tensor<3x3xf32>"), "expanded, it isn't valid"),
    "a slice outside": (module(f'%m = stablehlo.constant dense<9> : tensor<2xi64>\n{SIZES}\n%y = "stablehlo.real_dynamic_slice"(%x, %n, %m, %n) : (tensor<2x3xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<9x9xf32>\n%z = stablehlo.slice %y [0:2, 0:3] : (tensor<9x9xf32>) -> tensor<2x3xf32>\n%r = stablehlo.abs %z : tensor<2x3xf32>'), "expanded, it isn't valid"),
    "a composite of itself": (
        "func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {\n"
        '%r = stablehlo.composite "a.b" %x {decomposition = @main} : (tensor<2x3xf32>) -> tensor<2x3xf32>\nreturn %r : tensor<2x3xf32>\n}',
        "its function @main calls itself",
    ),
    "a broadcast to 10^12": (module("%b = stablehlo.broadcast %x, sizes = [1000000, 1000000] : (tensor<2x3xf32>) -> tensor<1000000x1000000x2x3xf32>\n%r = stablehlo.slice %b [0:1, 0:1, 0:2, 0:3] : (tensor<1000000x1000000x2x3xf32>) -> tensor<1x1x2x3xf32>", "tensor<1x1x2x3xf32>"), "steps, above 20,000,000"),
    "MHLO of 10^12": (module('%b = "mhlo.broadcast"(%x) {broadcast_sizes = dense<1000000> : tensor<2xi64>} : (tensor<2x3xf32>) -> tensor<1000000x1000000x2x3xf32>\n%r = mhlo.slice %b [0:1, 0:1, 0:2, 0:3] : (tensor<1000000x1000000x2x3xf32>) -> tensor<1x1x2x3xf32>'.replace("mhlo.slice %b [0:1, 0:1, 0:2, 0:3]", '"mhlo.slice"(%b) {start_indices = dense<0> : tensor<4xi64>, limit_indices = dense<[1, 1, 2, 3]> : tensor<4xi64>, strides = dense<1> : tensor<4xi64>}'), "tensor<1x1x2x3xf32>"), "steps, above 20,000,000"),
    "3,000 expansions": (
        module("%y0 = stablehlo.abs %x : tensor<2x3xf32>\n" + "\n".join(f"%y{k + 1} = stablehlo.broadcast %y{k}, sizes = [] : (tensor<2x3xf32>) -> tensor<2x3xf32>" for k in range(3000)) + "\n%r = stablehlo.abs %y3000 : tensor<2x3xf32>"),
        "it has 3,000 operations to expand, above 2,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*UNSUPPORTED, *REFUSED])
def test_what_cannot_be_expanded_is_refused_in_one_line(name):
    text, why = (UNSUPPORTED | REFUSED)[name]
    with pytest.raises((CannotRun, Refused)) as caught:
        run(text)
    assert why in str(caught.value) and "\n" not in str(caught.value)
    if name in REFUSED:
        assert isinstance(caught.value, Refused) and not isinstance(caught.value, Unsupported)


def test_no_operation_of_mhlo_ends_the_process():
    """Its operations by name, with operands of all kinds, and none of what they need besides."""
    names = sorted({name.split(".")[1] for name in operations.RUN if name.startswith("stablehlo.")})
    texts = []
    for name in names:
        for element in ("f32", "i8", "f8E5M2", "complex<f32>", "i4"):
            kind = f"tensor<2x3x{element}>"
            for number in (1, 2):
                values, kinds = ", ".join(["%y"] * number), ", ".join([kind] * number)
                texts.append(
                    module(
                        f"%y = mhlo.convert %x : ({KIND}) -> {kind}\n"
                        f'%z = "mhlo.{name}"({values}) : ({kinds}) -> {kind}\n'
                        f"%r = mhlo.convert %z : ({kind}) -> {KIND}"
                    )
                )
    assert {answer.kind for answer in answers(texts, "verifier")} == {"value", "refused"}
