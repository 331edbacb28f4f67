"""The text holds no files and no counts of the process, whatever the function calls."""

import re

import jax
import jax.numpy as jnp
import pytest
from jax import export
from jax.experimental import checkify

from jax_ir_synth.lowering import lower

X = jax.ShapeDtypeStruct((8,), "float32")


@pytest.mark.parametrize("dialect", ["stablehlo", "hlo", "optimized_hlo"])
def test_a_function_that_was_exported_brings_no_files(dialect):
    exported = export.export(jax.jit(lambda x: jnp.sin(x) + 1), platforms=("cpu",))(X)
    options = {"platforms": ("cpu",), "passes": "forward", "dialect": dialect}
    text = lower(exported.call, X, name="k", **options)["cpu"]
    assert not any(word in text for word in ("FileNames", "StackFrames", "stack_frame_id", ".py"))
    if dialect != "stablehlo":
        # The names stay, and one blank line follows the module's own.
        assert 'op_name="jit(' in text
        assert re.search(r"\{0\}\}\n\n[%E]", text)


def _check(x):
    checkify.check(x.sum() > 0, "the sum {} must be positive", x.sum())
    return jnp.log(x)


@pytest.mark.parametrize("dialect", ["jaxpr", "stablehlo"])
def test_errors_are_numbered_from_one_in_each_lowering(dialect):
    def write():
        checked = checkify.checkify(_check, errors=checkify.all_checks)
        return lower(checked, X, platforms=("cpu",), passes="forward", dialect=dialect, name="k")

    first = write()
    assert write() == first
    assert write() == first


def test_the_callers_own_errors_are_numbered_on():
    def find_codes():
        def fails(x):
            checkify.check(x > 0, "no")
            return x

        error, _ = checkify.checkify(fails)(jnp.float32(-1.0))
        return set(error._metadata)

    before = find_codes()
    lower(checkify.checkify(_check), X, platforms=("cpu",), passes="forward")
    after = find_codes()
    assert before and after and min(after) > max(before)
