"""The check for degenerate rows finds each kind of degeneracy when it is planted."""

import pytest
from degeneracy import defects

from jax_ir_synth.kernels.core.values import InAval
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.lowering.column import read_column

AVALS = (InAval("x", (4,), "float32", -1.0, 1.0), InAval("y", (4,), "float32", 0.5, 2.0))
DICTS = [{"name": a.name, "shape": list(a.shape), "dtype": a.dtype, "low": a.low, "high": a.high} for a in AVALS]


def found(expression: str) -> list[str]:
    source = f"def kernel_f(x, y):\n    return {expression}\n"
    column = read_column(lower_source(source, "kernel_f", AVALS, (0, 1), ("cpu",)).columns["cpu"])
    return defects(DICTS, column.forward, column.backward)


def test_a_sound_program_has_no_defect():
    assert found("x * y + jnp.sin(x)") == []


@pytest.mark.parametrize(("expression", "defect"), [
    ("jnp.log(x) * y", "output 0 is not finite"),
    ("jnp.sqrt(x * 0.0) * y", "gradient 0 is not finite"),
    ("1e-4 * x * y", "output 0 is confined to ±0.01"),
    ("5.0 + 1e-4 * x * y", "output 0 is nearly constant"),
    ("jnp.maximum(x, 5.0 * y)", "no output depends on argument x"),
    ("jnp.floor(3.0 * x) * y", "gradient 0 is zero"),
    ("jax.nn.softmax(x) + y", "gradient 0 is zero"),
])
def test_a_planted_defect_is_found(expression, defect):
    assert defect in found(expression)
