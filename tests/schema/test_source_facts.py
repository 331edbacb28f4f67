"""The facts of a source."""

import jax
import pytest

from jax_ir_synth.schema.source_facts import ARRAY_METHODS, read_source

_SOURCE = '''\
def kernel_a(x: jax.Array, ids, scale=2.0) -> jnp.ndarray:
    """Doc; jnp.log in words."""

    def helper(v):
        return v.reshape(-1).at[ids].add(jnp.pi) * lax.rsqrt(scale)

    parts = []
    parts.append(helper(x).sum(axis=0))
    out = jax.scipy.special.logsumexp(jnp.stack(parts).astype(jnp.float32), axis=0)
    return out, jax.vmap(lambda r: jnp.linalg.norm(r))(x.T[None]).mean()
'''


def test_names_and_methods():
    facts = read_source(_SOURCE)
    assert facts.names == {
        "jax.Array", "jax.numpy.ndarray", "jax.numpy.pi", "jax.lax.rsqrt", "jax.numpy.stack",
        "jax.scipy.special.logsumexp", "jax.numpy.float32", "jax.vmap", "jax.numpy.linalg.norm",
    }  # fmt: skip
    assert facts.methods == {"reshape", "at[].add", "sum", "astype", "mean"}


def test_properties_of_the_text():
    facts = read_source(_SOURCE)
    assert (facts.arguments, facts.defaults, facts.lines) == (("x", "ids", "scale"), 1, 8)
    assert facts.docstring and facts.annotations and facts.inner_function and facts.lambda_
    bare = read_source("def kernel_a(x):\n    return x\n")
    assert (bare.arguments, bare.defaults, bare.lines) == (("x",), 0, 2)
    assert not (bare.docstring or bare.annotations or bare.inner_function or bare.lambda_)
    assert bare.names == bare.methods == frozenset()


def test_one_annotation_is_enough():
    assert read_source("def kernel_a(x, y: jax.Array):\n    return x\n").annotations
    assert read_source("def kernel_a(x) -> jax.Array:\n    return x\n").annotations


@pytest.mark.parametrize("text", ["", "x = 1\n", "import jax\n"])
def test_a_text_that_is_no_kernel(text):
    with pytest.raises(ValueError, match="must begin with a function"):
        read_source(text)
    with pytest.raises(SyntaxError):
        read_source("def kernel_a(x)\n")


def test_the_methods_are_arrays_and_functions_too():
    assert all(hasattr(jax.Array, name) for name in ARRAY_METHODS)
    public = {name for name in dir(jax.Array) if not name.startswith("_")}
    both = {name for name in public if callable(getattr(jax.numpy, name, None))}
    # These are attributes, not methods.
    assert both - ARRAY_METHODS == {"dtype", "imag", "ndim", "real", "shape", "size"}


@pytest.mark.parametrize("text", ["-" * 100_000 + "x", "x" + ".T" * 3000])
def test_a_source_that_is_nested_too_deeply_is_no_valid_one(text):
    with pytest.raises(SyntaxError, match="nested too deeply"):
        read_source(f"def kernel_a(x):\n    return {text}\n")


@pytest.mark.parametrize("text", ["x" + ".T" * 900, "jnp.sin(" * 90 + "x" + ")" * 90])
def test_a_source_may_be_nested_as_deeply_as_python_parses_it(text):
    assert read_source(f"def kernel_a(x):\n    return {text}\n").arguments == ("x",)


@pytest.mark.parametrize("rule", ["defjvp(g)", "defvjp(g, g)", "defjvps(g)"])
def test_the_rules_of_a_function_may_follow_it(rule):
    facts = read_source(f"def g(x):\n    return x\n\ndef f(x, y):\n    return x\n\nf.{rule}\n")
    assert (facts.name, facts.arguments) == ("f", ("x", "y"))
    for other in ("h.defjvp(g)", "f.other(g)", "f(g)", "f.defjvp"):
        with pytest.raises(ValueError, match="end with one"):
            read_source(f"def f(x):\n    return x\n\n{other}\n")
