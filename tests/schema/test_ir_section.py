"""The modules of an IR column by dialect and pass, whatever passes it has."""

import pytest

from jax_ir_synth.schema.ir_section import (
    IrSection,
    read_passes,
    read_sections,
    write_parts,
    write_sections,
)


def _section(dialect, forward, backward):
    return IrSection("cpu", dialect, (0, 1), forward, backward)


def test_the_passes_of_a_row():
    text = write_sections(
        _section("jaxpr", "{ a }", "{ b }"), _section("stablehlo", "m {\n\n}", "n")
    )
    assert read_passes(text) == {
        "jaxpr": {"forward": "{ a }", "backward": "{ b }"},
        "stablehlo": {"forward": "m {\n\n}", "backward": "n"},
    }
    for section in read_sections(text):
        assert read_passes(text)[section.dialect]["forward"] == section.forward


def test_other_passes():
    parts = (("Forward", "m"), ("Vjp (x)", "v"), ("Backward (jax.grad)", ""))
    text = write_parts("gpu", "optimized_hlo", "sm_90", parts)
    assert read_passes(text) == {"optimized_hlo": {"forward": "m", "vjp": "v"}}


@pytest.mark.parametrize("text", ["", "module {}", "\n# JAX compiler IR (backend=cpu, dialect=hlo)\n",
                                  "# JAX compiler IR (of something)\n## Forward\nm\n"])  # fmt: skip
def test_what_is_no_column(text):
    with pytest.raises(ValueError, match="must be an IR column"):
        read_passes(text)
