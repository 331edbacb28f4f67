"""The IR column's text and its inverse."""

import hypothesis
import pytest
from hypothesis import strategies as st

from jax_ir_synth.schema.ir_section import (
    IrSection,
    clean_module,
    read_section,
    read_sections,
    write_parts,
    write_sections,
)

FORWARD = "module @jit_k {\n  func.func public @main() {\n    return\n  }\n}"
BACKWARD = FORWARD.replace("jit_k", "jit_k_loss")


def test_a_column_reads_as_documented():
    text = write_sections(IrSection("gpu", "stablehlo", (0, 1), FORWARD + "  \n\n", BACKWARD))
    assert text == (
        "# JAX compiler IR (backend=gpu, dialect=stablehlo)\n"
        f"## Forward\n{FORWARD}\n\n"
        f"## Backward (jax.grad of scalar loss, argnums=(0, 1))\n{BACKWARD}\n"
    )


@pytest.mark.parametrize("argnums", [(0,), (0, 1), (3, 1)])
def test_reading_is_the_inverse_of_writing(argnums):
    column = IrSection("cpu", "stablehlo", argnums, FORWARD, BACKWARD)
    assert read_section(write_sections(column)) == column


def test_a_program_without_a_gradient_has_one_heading():
    column = IrSection("cpu", "stablehlo", (), FORWARD, "")
    text = write_sections(column)
    assert text == f"# JAX compiler IR (backend=cpu, dialect=stablehlo)\n## Forward\n{FORWARD}\n"
    assert read_section(text) == column
    assert column.modules == (FORWARD,)
    both = [column, column._replace(dialect="jaxpr", forward="{ lambda ; }")]
    assert read_sections(write_sections(*both)) == both


def test_another_pass_is_no_part_of_a_forward_module():
    text = write_parts("cpu", "stablehlo", "", [("Forward", FORWARD), ("Vjp", BACKWARD)])
    with pytest.raises(ValueError, match="must be an IR column"):
        read_section(text)


def test_a_target_stands_in_the_header():
    text = write_sections(IrSection("gpu", "asm", (0,), "ret;", "ret;", "sm_90"))
    assert text.startswith("# JAX compiler IR (backend=gpu, dialect=asm, target=sm_90)\n")
    assert read_section(text).target == "sm_90"


def test_several_sections_stand_one_after_the_other():
    columns = [
        IrSection("cpu", "jaxpr", (0,), "{ lambda ; }", "{ lambda ; }"),
        IrSection("cpu", "stablehlo", (0,), FORWARD, BACKWARD),
        IrSection("cpu", "llvm", (0,), "define @f\n\n}", "define @g", "x86-64-v3:znver3"),
    ]
    text = write_sections(*columns)
    assert read_sections(text) == columns
    assert text == "\n".join(write_sections(column) for column in columns)
    assert read_section(text, "stablehlo") == columns[1]
    with pytest.raises(
        ValueError, match="must have one section of asm, has jaxpr, stablehlo, llvm"
    ):
        read_section(text, "asm")
    with pytest.raises(ValueError, match="must have one section of any dialect"):
        read_section(text)


@pytest.mark.parametrize("text", ["", FORWARD, "# JAX compiler IR (backend=cpu)\n## Forward\n"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match="must be an IR column"):
        read_section(text)


def test_clean_leaves_no_blank_space_at_line_ends():
    assert clean_module("\nmodule {  \n\t\n}\n\n") == "module {\n\n}"


@hypothesis.given(st.text("a \n\t\r\x1c\x85\u2003"))
def test_clean_strips_each_line(module):
    assert clean_module(module) == "\n".join(map(str.rstrip, module.strip().split("\n")))
