"""The structure of a program, which decides its split: what it keeps and what it leaves out."""

import jax
import jax.numpy as jnp
import pytest

from jax_ir_synth.lowering import lower
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.masking import hash_structure, mask_python


def structure(fn, *shapes):
    avals = (jax.ShapeDtypeStruct(shape, "float32") for shape in shapes)
    texts = lower(fn, *avals, passes="forward", platforms=("cpu",))
    return hash_structure(read_section(texts["cpu"]).forward)


PRODUCT = structure(lambda a, b: jnp.sin(a * b), (3,), (3,))


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5), (3, 1)])
def test_ranks_and_sizes_are_of_no_structure(shape):
    assert structure(lambda a, b: jnp.sin(a * b), shape, shape) == PRODUCT


@pytest.mark.parametrize(
    "fn",
    [lambda a, b: jnp.cos(a * b), lambda a, b: jnp.sin(a * a) + b, lambda a, b: jnp.sin(a) * b],
)
def test_operations_and_how_they_share_values_are(fn):
    assert structure(fn, (3,), (3,)) != PRODUCT


def test_a_sum_over_an_axis_is_one_structure():
    first = structure(lambda a: jnp.sum(a, axis=0), (4, 5))
    assert structure(lambda a: jnp.sum(a, axis=1), (2, 4, 5)) == first


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("x = x * 2.0", "x = x * 3.0", True),
        ("x = x ** 2", "x = x ** 3", False),
        ("x = lax.integer_pow(x, 2)", "x = lax.integer_pow(x, 3)", False),
        ("for _ in range(2): x = x * x", "for _ in range(3): x = x * x", False),
    ],
)
def test_numbers_that_decide_a_structure_stay_in_a_masked_source(first, second, same):
    avals = [{"dtype": "float32", "shape": [3]}]
    texts = [
        mask_python(f"def f(x):\n    {text}\n    return x\n", avals) for text in (first, second)
    ]
    assert (texts[0] == texts[1]) == same
