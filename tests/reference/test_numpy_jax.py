"""Every name of the NumPy reference means what JAX's name means, however programs spell it."""

import ast
import functools
import re

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ARRAYS as OWN_ARRAYS
from cases import AXES, BINARY, METHODS, REDUCTIONS, REST, UNARY
from cases_control import CONTROL
from cases_jnp import JNP
from cases_modules import MODULES
from cases_records import RECORD_ARRAYS, RECORDS
from jax import lax

from jax_ir_synth.reference import source
from jax_ir_synth.reference.numpy_jax import JAX, Library
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.trees import map_leaves

ARRAYS = OWN_ARRAYS | RECORD_ARRAYS
# Annotations alone; random names have a test file of their own, with every bit.
NOT_CALLED = {"jax.Array", "jax.numpy.ndarray"}
RANDOM = "jax.random."
# Of float32 results, relative to the largest; what JAX computes less well has its own.
NEAR = 2e-6
FARTHER = {"jax.lax.lgamma": 1e-5, "jax.scipy.special.gammaln": 1e-5, "jax.numpy.linalg.svd": 1e-5}


def _texts():
    for domain, names in UNARY.items():
        yield from (f"[{name}(z) for z in {domain}]" for name in names.split())
    for pairs, names in BINARY.items():
        yield from (f"[{name}(p, q) for p, q in {pairs}]" for name in names.split())
    for arrays, names in REDUCTIONS.items():
        yield from (
            f"[{name}(z{axis}) for z in [{arrays}]]" for name in names.split() for axis in AXES
        )
        yield from (f"{name}(s)" for name in names.split())
    yield from RECORDS
    for table in (JNP, REST, CONTROL, METHODS):
        yield from _calls(table)


def _calls(table):
    return [ast.unparse(each) for each in ast.parse(f"({table})", mode="eval").body.elts]


MODULE_TEXTS = _calls(MODULES)
TEXTS = list(dict.fromkeys([*_texts(), *MODULE_TEXTS]))


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


# One name at a time: a test of one name compiles that alone.
@functools.cache
def of_jax(name):
    """What JAX makes of the texts of a name."""
    texts = [text for text in TEXTS if name_of(text) == name]
    nodes = (node for text in texts for node in ast.walk(ast.parse(text)))
    words = {node.id for node in nodes if isinstance(node, ast.Name)}

    def run(arrays):
        space = {"jax": jax, "jnp": jnp, "lax": lax, **arrays}
        return [eval(text, dict(space)) for text in texts]

    # Compiled in a sixth of the time; the numbers are the same.
    quick = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
    arrays = {word: ARRAYS[word] for word in words & ARRAYS.keys()}
    return dict(zip(texts, jax.jit(run, compiler_options=quick)(arrays), strict=True))


def load(text):
    """The text as a kernel's, or as that of a module."""
    imports = "import jax, jax.numpy as jnp\nfrom jax import lax\n" if text in MODULE_TEXTS else ""
    return source.load(f"{imports}def kernel({', '.join(ARRAYS)}):\n    return {text}\n", "kernel")


def of_standin(text):
    """What the NumPy reference makes of a text, as in a row: by the loader of a row's Python."""
    arrays = map_leaves(array, ARRAYS)
    kernel = load(text)
    with np.errstate(all="ignore"):
        return kernel(**arrays)


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
    np.testing.assert_allclose(
        ours[finite], theirs[finite], 0, near * np.abs(theirs[finite]).max(initial=0)
    )


@pytest.mark.parametrize("text", TEXTS)
def test_a_call_means_what_jaxs_means(text):
    name = name_of(text)
    assert_means(of_standin(text), of_jax(name)[text], FARTHER.get(name, NEAR))


def test_every_name_has_a_case():
    tested = set(map(name_of, TEXTS))
    missing = (
        {name for name in names_of(JAX, "jax") if not name.startswith(RANDOM)} - tested - NOT_CALLED
    )
    assert not missing


def test_every_method_and_attribute_has_a_case():
    spelled = set(re.findall(r"\.([A-Za-z]\w*)", METHODS + JNP))
    assert not source._ARRAY_ATTRIBUTES - spelled


def test_every_exemption_is_of_a_case():
    assert set(FARTHER) <= set(map(name_of, TEXTS))


@pytest.mark.parametrize(("ours", "theirs"), [
    (np.float64(1.00001), np.float32(1)), (np.float64(np.nan), np.float32(1)), (np.float64(1), np.float32(np.inf)),
    (np.int32(1), np.float32(1)), (np.ones(2), np.ones((2, 1), np.float32)), (np.int32(1), np.int8(1)),
    ((np.int32(1),), (np.int32(1), np.int32(2))), (np.int32(2), np.int32(3)),
    (np.ones(2) * 1j, np.ones(2, np.complex64)),
])  # fmt: skip
def test_a_difference_is_seen(ours, theirs):
    with pytest.raises((AssertionError, ValueError)):
        assert_means(ours, theirs, NEAR)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_a_float_of_16_bits_stands_as_exact(half):
    kernel = source.load(
        f"def kernel(x):\n    return x.astype(jnp.{half}), jnp.asarray(x, dtype='{half}')\n",
        "kernel",
    )
    x = np.array([1 / 3, 1e-9, 70000.25])
    for y in kernel(array(x)):
        np.testing.assert_array_equal(np.asarray(y), x, strict=True)


def test_no_call_changes_its_arguments():
    """NumPy's own methods of these names would: `x.sort()` sorts x itself."""
    before = map_leaves(np.copy, ARRAYS)
    arrays = map_leaves(lambda x: array(np.copy(x)), ARRAYS)
    for text in TEXTS:
        kernel = load(text)
        with np.errstate(all="ignore"):
            kernel(**arrays)
    for name in ARRAYS:
        assert_means(
            arrays[name],
            map_leaves(lambda x: np.float32(x) if x.dtype.kind == "f" else x, before[name]),
            0,
        )
