"""The public `lower` and `lower_source`: what they accept, what they write, what they refuse."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lowering_probes import V8, Aval

from jax_ir_synth.lowering import LoweredKernel, lower, lower_source
from jax_ir_synth.schema.ir_section import read_section

X = jax.ShapeDtypeStruct((8,), "float32")
N = jax.ShapeDtypeStruct((8,), "int32")


def scale(x, y):
    return x * y


def test_both_sections_for_both_platforms():
    texts = lower(scale, X, X)
    assert list(texts) == ["cpu", "cuda"]
    for platform, backend in (("cpu", "cpu"), ("cuda", "gpu")):
        text = texts[platform]
        assert text.startswith(
            f"# JAX compiler IR (backend={backend}, dialect=stablehlo)\n## Forward\n"
        )
        column = read_section(text)
        assert column.argnums == (0, 1)
        assert column.forward.startswith("module @jit_scale attributes")
        assert column.backward.startswith("module @jit_scale_loss attributes")
        assert not any(line != line.rstrip() for line in text.split("\n"))


def test_the_gradient_is_what_jax_computes():
    def fn(x, w):
        return {"a": jnp.sin(x) @ w, "b": (x > 0, w.sum().astype(jnp.float16)), "n": jnp.argmax(x)}

    x, w = jnp.linspace(-1.0, 2.0, 8), jnp.ones((8, 2))

    def loss(x, w):
        out = fn(x, w)
        return jnp.sum(out["a"]) + jnp.sum(out["b"][1])

    loss.__name__ = "fn_loss"
    expected = jax.jit(jax.grad(loss, argnums=(0, 1)), keep_unused=True).trace(x, w)
    plain = expected.lower(lowering_platforms=("cpu",)).as_text()
    assert read_section(lower(fn, x, w, platforms=("cpu",))["cpu"]).backward == plain.strip()


def test_gradients_stand_in_the_order_of_argnums():
    y = jax.ShapeDtypeStruct((2, 8), "float32")
    column = read_section(lower(scale, X, y, argnums=(1, 0), platforms=("cpu",))["cpu"])
    main = column.backward.split("\n")[1]
    assert column.argnums == (1, 0)
    assert main.index("tensor<2x8xf32> {jax.result_info") < main.index("tensor<8xf32> {jax.result")


@pytest.mark.parametrize(
    "arg",
    [X, np.ones(8, "float32"), jnp.ones(8), 2.5, {"a": X, "b": [X, 1.0]}, (X, X), np.float32(1)],
)
def test_any_inexact_example_is_accepted(arg):
    def fn(tree):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(tree))

    assert read_section(lower(fn, arg)["cuda"]).argnums == (0,)


def test_only_wholly_inexact_arguments_are_differentiated_by_default():
    def fn(n, x, mixed, s, key, flag):
        noise = jax.random.normal(key, x.shape)
        return x * s + mixed["f"] + n + noise + flag

    args = (N, X, {"f": X, "i": N}, 1.5, jax.random.key(0), True)
    column = read_section(lower(fn, *args, platforms=("cpu",))["cpu"])
    assert column.argnums == (1, 3)
    main = next(line for line in column.forward.split("\n") if "@main(" in line)
    assert main.split("->")[0].count("%arg") == 7


def test_only_shapes_and_dtypes_of_the_examples_matter():
    expected = lower(scale, X, X)
    assert lower(scale, np.ones(8), jnp.arange(8.0)) == expected
    with jax.enable_x64(True):
        assert lower(scale, jnp.ones(8, "float64"), np.ones(8, "float32")) == expected


def test_unused_arguments_stay_in_the_signature():
    column = read_section(lower(lambda x, y: x * 2, X, X, platforms=("cpu",), name="k")["cpu"])
    assert column.forward.split("\n")[1].count("%arg") == 2
    assert column.backward.split("\n")[1].count("%arg") == 2


@pytest.mark.parametrize(
    ("fn", "name", "module"),
    [
        (scale, None, "jit_scale"),
        (scale, "mine", "jit_mine"),
        (functools.partial(functools.partial(scale, 2.0)), None, "jit_scale"),
        (jax.jit(scale), None, "jit_scale"),
        (jnp.tanh, None, "jit_tanh"),
    ],
)
def test_the_module_is_named_after_the_function(fn, name, module):
    args = [X] if isinstance(fn, functools.partial) or fn is jnp.tanh else [X, X]
    column = read_section(lower(fn, *args, name=name, platforms=("cpu",))["cpu"])
    assert f"module @{module} " in column.forward
    assert f"module @{module}_loss " in column.backward


def test_a_name_does_not_change_the_rest():
    named = lower(scale, X, X, name="kernel_x")["cpu"]
    assert named.replace("kernel_x", "scale") == lower(scale, X, X)["cpu"]


def test_complex_values_are_differentiated_by_their_real_part():
    z = jax.ShapeDtypeStruct((4,), "complex64")
    column = read_section(lower(lambda z: z * z, z, name="square")["cpu"])
    assert "complex<f32>" in column.backward


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: lower(scale, X, X, platforms=("gpu",)),
            r"`platforms` \(has 'gpu'\).*'cpu', 'cuda'",
        ),
        (lambda: lower(scale, X, X, platforms="cpu"), r"`platforms` \(='cpu'\) must be a tuple"),
        (lambda: lower(scale, X, X, platforms=()), r"`platforms` .* must name one or more"),
        (
            lambda: lower(scale, X, X, dialect="mhlo"),
            r"`dialect` \(='mhlo'\) must be one of, or a list of: jaxpr, stablehlo, hlo",
        ),
        (lambda: lower(scale, X, X, target="sm_1"), r"`target` \(='sm_1'\) must be one of"),
        (lambda: lower(3, X), r"`fn` \(=3\) must be callable"),
        (lambda: lower(lambda n: n, N), "nothing to differentiate"),
        (lambda: lower(lambda: jnp.ones(3)), "nothing to differentiate"),
        (lambda: lower(lambda x: x > 0, X), "no floating-point or complex output"),
        (lambda: lower(scale, X, N, argnums=1), r"`argnums` \(=1\) must hold only .* \[0\]"),
        (lambda: lower(scale, X, X, argnums=(0, 2)), r"`argnums` \(=\(0, 2\)\)"),
        (lambda: lower(scale, X, X, argnums=()), r"`argnums` \(=\(\)\)"),
        (lambda: lower(scale, X, "axis"), r"argument 1 \(='axis'\) must be an array.*close over"),
    ],
)
def test_wrong_values_get_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_source_is_executed_with_jax_alone_in_reach():
    python = "def kernel_k(x: jax.Array) -> jax.Array:\n    return lax.exp(x) + jnp.sum(x)\n"
    lowered = lower_source(python, "kernel_k", (V8,), (0,), ("cuda",))
    assert isinstance(lowered, LoweredKernel) and list(lowered.columns) == ["cuda"]
    with pytest.raises(NameError, match="np"):
        lower_source("def kernel_k(x):\n    return np.exp(x)\n", "kernel_k", (V8,), (0,), ("cpu",))


def test_source_and_function_give_the_same_text():
    lowered = lower_source(
        "def scale(x, y):\n    return x * y\n", "scale", (V8, V8), (0, 1), ("cpu",)
    )
    assert lowered.columns["cpu"] == lower(scale, X, X)["cpu"]


def test_source_must_define_the_kernel():
    with pytest.raises(ValueError, match=r"must define a function `kernel_b`"):
        lower_source("def kernel_a(x):\n    return x\n", "kernel_b", (V8,), (0,), ("cpu",))


def test_source_that_fails_says_where_in_the_kernel():
    with pytest.raises(SyntaxError) as caught:
        lower_source("def kernel_a(x:\n", "kernel_a", (V8,), (0,), ("cpu",))
    assert caught.value.filename == "<kernel>"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes_are_given_by_name(dtype):
    lowered = lower_source(
        "def k(x):\n    return x * 2\n", "k", (Aval((2, 3), dtype),), (0,), ("cpu",)
    )
    short = {"float16": "f16", "bfloat16": "bf16", "float32": "f32"}[dtype]
    assert f"tensor<2x3x{short}>" in lowered.columns["cpu"]
