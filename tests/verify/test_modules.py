"""Rows of functions that people wrote are proven as others are, but may be degenerate."""

import pytest
from rowmaking import aval, edited, row

from jax_ir_synth.verify import NotProven, prove

HEAD = "import jax\nimport jax.numpy as jnp\nfrom jax import lax\n"
X, Y = aval("x", (3, 4), low=-1.0), aval("y", (4,))
KEY = aval("key", (2,), "uint32", 0, 2**32 - 1)
WRITTEN = {
    "state": (
        "from typing import NamedTuple\n"
        "class State(NamedTuple):\n    mu: jax.Array\n    nu: jax.Array\n"
        "def scale(tree, factor=2.0):\n    return jax.tree.map(lambda z: factor * z, tree)\n"
        "def kernel_f(x, y):\n"
        "    if x.ndim != 2:\n        raise ValueError(f'x has the shape {x.shape}')\n"
        "    return scale(State(jnp.sin(x), {'b': y, 'a': x * y}))\n",
        (X, Y),
    ),
    "eps": (
        "def kernel_f(x, y):\n"
        "    return jnp.where(x > 0, y / (jnp.abs(x) + jnp.sqrt(jnp.finfo(x.dtype).eps)), 0.0)\n",
        (X, Y),
    ),
    "inner gradient": (
        "def loss(w, x):\n    return jnp.mean(jnp.tanh(x @ w) ** 2)\n"
        "def kernel_f(x, y):\n    return y - 0.1 * jax.grad(loss)(y, x)\n",
        (X, Y),
    ),
    "custom_vjp": (
        "@jax.custom_vjp\ndef f(x):\n    return x ** 3\n"
        "f.defvjp(lambda x: (f(x), x), lambda x, t: (3 * x ** 2 * t,))\n"
        "def kernel_f(x):\n    return f(x) + 1\n",
        (X,),
    ),
    "key": (
        "def kernel_f(key, x):\n    keys = jax.random.split(key, 3)\n"
        "    return x + jax.vmap(lambda k: jax.random.normal(k, (4,)))(keys)\n",
        (KEY, X),
    ),
    "indices": (
        "def kernel_f(x, n):\n    return x[:, n] * 2, x.at[n].add(1.0)\n",
        (X, aval("n", (5,), "int32", -3, 2)),
    ),
    "bfloat16": (
        "def kernel_f(x):\n    assert x.dtype == jnp.bfloat16\n    return jnp.exp(x).astype(x.dtype)\n",
        (aval("x", (3, 4), "bfloat16", -1.0, 1.0),),
    ),
}  # fmt: skip


def _row(text, *avals, kind="own"):
    return {**row(HEAD + text, *avals), "type": kind}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_module_is_proven(name):
    text, avals = WRITTEN[name]
    assert prove(_row(text, *avals)).startswith("interpreter")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("state", "stablehlo.sine", "stablehlo.cosine"),
        ("eps", "stablehlo.sqrt", "stablehlo.cbrt"),
        ("inner gradient", "stablehlo.tanh", "stablehlo.sine"),
        ("custom_vjp", "dense<3.000000e+00>", "dense<3.010000e+00>"),
        ("key", "stablehlo.xor", "stablehlo.or"),
    ],
)
def test_another_text_is_refused(name, old, new):
    text, avals = WRITTEN[name]
    with pytest.raises(NotProven, match="cpp, (forward|backward)"):
        prove(edited(_row(text, *avals), old, new))


def test_a_rule_that_is_no_derivative_is_refused():
    text = WRITTEN["custom_vjp"][0].replace("3 * x ** 2", "x")
    with pytest.raises(NotProven, match="backward: the gradient"):
        prove(_row(text, X))


@pytest.mark.parametrize(
    "returned", ["y + 0 * x", "jnp.zeros_like(x) + 3.0 * (y[0] > 9)", "jnp.floor(3.0 * x) * y"]
)
def test_a_function_that_a_person_wrote_may_be_degenerate(returned):
    text = f"def kernel_f(x, y):\n    return {returned}\n"
    for kind in ("own", "real"):
        assert prove(_row(text, X, Y, kind=kind)) == "interpreter"
    with pytest.raises(NotProven, match="is degenerate"):
        prove(_row(text, X, Y, kind="generate_unary"))


def test_a_function_that_raises_is_refused_with_its_message():
    sound = _row("def kernel_f(x):\n    return x * 2.0\n", X)
    text = "def kernel_f(x):\n    raise ValueError(f'no {x.ndim}\\n-dimensional array')\n"
    with pytest.raises(NotProven, match=r"^no 2 -dimensional array$"):
        prove({**sound, "python": HEAD + text})
