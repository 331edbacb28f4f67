"""Every name of the stand-in means what JAX's name means, however programs spell it."""

import ast
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from standin_cases import ARRAYS, AXES, BINARY, METHODS, REDUCTIONS, REST, UNARY
from standin_cases_control import CONTROL
from standin_cases_jnp import JNP

from jax_ir_synth.verify import source
from jax_ir_synth.verify.standin import JAX, Library
from jax_ir_synth.verify.standin.arrays import array
from jax_ir_synth.verify.standin.trees import map_leaves

# Annotations alone; random names have a test file of their own, with every bit.
NOT_CALLED = {"jax.Array", "jax.numpy.ndarray"}
RANDOM = "jax.random."
# Of float32 results, relative to the largest; what JAX computes less well has its own.
NEAR = 2e-6


def _texts():
    for domain, names in UNARY.items():
        yield from (f"[{name}(z) for z in {domain}]" for name in names.split())
    for pairs, names in BINARY.items():
        yield from (f"[{name}(p, q) for p, q in {pairs}]" for name in names.split())
    for arrays, names in REDUCTIONS.items():
        yield from (f"[{name}(z{axis}) for z in [{arrays}]]" for name in names.split() for axis in AXES)
        yield from (f"{name}(s)" for name in names.split())
    for table in (JNP, REST, CONTROL, METHODS):
        yield from map(ast.unparse, ast.parse(f"({table})", mode="eval").body.elts)


TEXTS = list(_texts())


def name_of(text):
    """The first name of the library in an expression, in full; None where there is none."""
    found = re.search(r"\b(?:jnp|lax|jax)(?:\.[A-Za-z]\w*)+", text)
    return found and re.sub(r"^lax", "jax.lax", re.sub(r"^jnp", "jax.numpy", found[0]))


def names_of(library, path):
    for name, value in library._names.items():
        if isinstance(value, Library):
            yield from names_of(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}"


@functools.cache
def of_jax():
    """What JAX makes of all texts."""
    def run(arrays):
        space = {"jax": jax, "jnp": jnp, "lax": lax, **arrays}
        return [eval(text, dict(space)) for text in TEXTS]
    # Compiled in less time; the numbers are the same.
    quick = {"xla_backend_optimization_level": 0}
    return dict(zip(TEXTS, jax.jit(run, compiler_options=quick)(ARRAYS)))


@functools.cache
def of_standin():
    """What the stand-in makes of each text, as in a row: by the loader of a row's Python."""
    arrays = map_leaves(array, ARRAYS)
    results = {}
    for text in TEXTS:
        kernel = source.load(f"def kernel({', '.join(arrays)}):\n    return {text}\n", "kernel")
        with np.errstate(all="ignore"):
            try:
                results[text] = kernel(**arrays)
            except Exception as error:
                results[text] = error
    return results


def assert_means(ours, theirs, near):
    """Equal trees of equal shapes and kinds: integers exactly, floats as near as float32 is."""
    if theirs is None:
        assert ours is None
        return
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list))
        for pair in zip(ours, theirs, strict=True):
            assert_means(*pair, near)
        return
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert_means(ours[name], theirs[name], near)
        return
    ours, theirs = np.asarray(array(ours)), np.asarray(theirs)
    assert ours.shape == theirs.shape
    if theirs.dtype.kind in "iub":
        np.testing.assert_array_equal(ours, theirs, strict=True)
        return
    assert ours.dtype == (np.complex128 if theirs.dtype.kind == "c" else np.float64)
    theirs = theirs.astype(ours.dtype)
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    np.testing.assert_allclose(ours[finite], theirs[finite], 0, near * np.abs(theirs[finite]).max(initial=0))


@pytest.mark.parametrize("text", TEXTS)
def test_a_call_means_what_jaxs_means(text):
    near = FARTHER.get(name_of(text), NEAR)
    ours = of_standin()[text]
    if isinstance(ours, Exception):
        raise ours
    assert_means(ours, of_jax()[text], near)


FARTHER = {}
