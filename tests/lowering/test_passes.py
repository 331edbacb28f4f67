"""Which passes are lowered, how they are headed, and what has none of them."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower
from jax_ir_synth.request.passes import PASSES

X = jax.ShapeDtypeStruct((8,), "float32")
N = jax.ShapeDtypeStruct((8,), "int32")


def scale(x, n):
    return {"a": x * n, "n": n + 1}


def grow(x):
    return lax.while_loop(lambda c: c.sum() < 3, lambda c: c * 2.0, x)


def _main(text, module):
    """The line of a module's signature."""
    (part,) = [part for part in text.split("\n\n") if f"module @{module} " in part]
    return next(line for line in part.split("\n") if "@main(" in line)


def test_each_pass_has_a_heading_and_a_module():
    text = lower(scale, X, N, passes=PASSES, axis_size=3)["cuda"]
    lines = text.split("\n")
    assert lines[0] == "# JAX compiler IR (backend=gpu, dialect=stablehlo)"
    assert [line for line in lines if line.startswith("## ")] == [
        "## Forward",
        "## Backward (jax.grad of scalar loss, argnums=(0,))",
        "## VJP (jax.vjp, argnums=(0,))",
        "## JVP (jax.jvp, argnums=(0,))",
        "## Hessian-vector product (of scalar loss, argnums=(0,))",
        "## Vmap (jax.vmap, axis_size=3)",
    ]
    inputs, outputs = _main(text, "jit_scale_vjp").split(" -> ")
    assert inputs.count("tensor<8xf32>") == 2 and outputs.count("tensor<8xf32>") == 1
    inputs, outputs = _main(text, "jit_scale_jvp").split(" -> ")
    assert inputs.count("tensor<8xf32>") == 2 and outputs.count("tensor<8xf32>") == 2
    assert "result[0]['a']" in outputs and "result[1]['a']" in outputs
    assert "result[0]['n']" in outputs and "result[1]['n']" not in outputs
    assert _main(text, "jit_scale_hessian_vp").count("tensor<8xf32>") == 3
    assert _main(text, "jit_scale_vmap").count("tensor<3x8x") == 4


def test_the_passes_are_in_the_order_given():
    both = lower(scale, X, N)["cpu"]
    assert lower(scale, X, N, passes=["forward", "backward"])["cpu"] == both
    header, forward, backward = both.split("## ")
    swapped = lower(scale, X, N, passes="backward,forward")["cpu"]
    assert swapped == f"{header}## {backward}\n## {forward.removesuffix(chr(10))}"


def test_a_pass_is_the_same_alone():
    every = lower(scale, X, N, passes=PASSES)["cpu"]
    for kind in PASSES:
        assert lower(scale, X, N, passes=kind)["cpu"].split("\n", 1)[1].strip() in every


@pytest.mark.parametrize(
    ("fn", "args"),
    [(grow, (X,)), (lambda n: n * 2, (N,)), (lambda x: x > 0, (X,)), (lambda: jnp.ones(3), ())],
)
def test_what_has_no_gradient_has_a_forward_pass(fn, args):
    text = lower(fn, *args, passes="forward", name="k")["cpu"]
    assert text.count("## ") == 1 and "module @jit_k " in text
    with pytest.raises(UsageError, match=r'passes=\("forward",\)'):
        lower(fn, *args)
    if args:
        assert (
            "module @jit_k_vmap " in lower(fn, *args, passes=("forward", "vmap"), name="k")["cpu"]
        )


@pytest.mark.parametrize("dialect", ["jaxpr", "hlo"])
def test_the_other_dialects(dialect):
    text = lower(scale, X, N, passes=("vjp", "vmap"), dialect=dialect, platforms=("cpu",))["cpu"]
    assert text.count(f"dialect={dialect})") == 1 and text.count("## ") == 2


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((X, N), {"passes": "grad"}, r"`passes` \(='grad'\) must be one of.*: forward, backward"),
        ((X, N), {"passes": ()}, r"`passes` \(=\(\)\) must be one of"),
        ((X, N), {"passes": None}, r"`passes` \(=None\) must be one of"),
        ((X, N), {"passes": ("vjp", "vjp")}, r"`passes` .* must name each pass once"),
        ((X, N), {"axis_size": 0}, r"`axis_size` \(=0\) must be an integer above 0"),
        ((X, N), {"passes": "forward", "argnums": 1}, r"`argnums` \(=1\) must hold only"),
    ],
)
def test_wrong_choices(args, options, message):
    with pytest.raises(UsageError, match=message):
        lower(scale, *args, **options)


def test_there_must_be_something_to_map_over():
    with pytest.raises(UsageError, match="no array to map over"):
        lower(lambda: jnp.ones(3), passes="vmap")


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def clipped_root(x, least):
    return jnp.sqrt(x) + 0.0 * least


@clipped_root.defjvp
def _(least, primals, tangents):
    (x,) = primals
    return clipped_root(x, least), tangents[0] / jnp.maximum(x, least)


@pytest.mark.parametrize("kind", [kind for kind in PASSES if kind != "forward"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_derivatives_rule_may_hold_an_argument(kind, inside):
    """As with `nondiff_argnums`; jax traces the function again for each pass, and so does `lower`."""

    def root(x, y):
        return clipped_root(2.0 * x, y * y) if inside else clipped_root(x, y)

    text = lower(root, X, X, argnums=(0, 1), passes=("forward", kind), axis_size=3)["cpu"]
    extra = {"vjp": 1, "jvp": 2, "hessian_vp": 2}.get(kind, 0)
    name = "loss" if kind == "backward" else kind
    assert _main(text, f"jit_root_{name}").split(" -> ")[0].count("%arg") == 2 + extra
    if kind == "backward":
        loss = jax.grad(lambda x, y: jnp.sum(root(x, y)), argnums=(0, 1))
        loss.__name__ = "root_loss"
        plain = jax.jit(loss, keep_unused=True).lower(X, X).compiler_ir("stablehlo")
        mine = text.partition("argnums=(0, 1))\n")[2]
        assert mine.split("attributes")[1].strip() == str(plain).split("attributes")[1].strip()
