"""The IR column's text and its inverse."""

import pytest

from jax_ir_synth.lowering.column import Column, clean, read_column, write_column

FORWARD = "module @jit_k {\n  func.func public @main() {\n    return\n  }\n}"
BACKWARD = FORWARD.replace("jit_k", "jit_k_loss")


def test_a_column_reads_as_documented():
    text = write_column(Column("gpu", "stablehlo", (0, 1), FORWARD + "  \n\n", BACKWARD))
    assert text == (
        "# JAX compiler IR (backend=gpu, dialect=stablehlo)\n"
        f"## Forward\n{FORWARD}\n\n"
        f"## Backward (jax.grad of scalar loss, argnums=(0, 1))\n{BACKWARD}\n"
    )


@pytest.mark.parametrize("argnums", [(0,), (0, 1), (3, 1)])
def test_reading_is_the_inverse_of_writing(argnums):
    column = Column("cpu", "stablehlo", argnums, FORWARD, BACKWARD)
    assert read_column(write_column(column)) == column


@pytest.mark.parametrize("text", ["", FORWARD, "# JAX compiler IR (backend=cpu)\n## Forward\n"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match="must be an IR column"):
        read_column(text)


def test_clean_leaves_no_blank_space_at_line_ends():
    assert clean("\nmodule {  \n\t\n}\n\n") == "module {\n\n}"
