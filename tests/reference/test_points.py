"""Rounding may move an output by STEADY of its size; an input on which it moves one farther is left.

The goldens can't see this constant: with a hundred times as much, the same programs are drawn.
"""

import pytest

from jax_ir_synth.reference import points
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.verify import tolerance

AVALS = [{"name": "x", "shape": [64], "dtype": "float32", "low": 0.5, "high": 1.5}]


def count_points(large: int) -> int:
    """Count the points of a program that cancels a large number; 0 if they are too few."""
    python = f"def kernel_f(x):\n    return (x + {large}.0) - {large}.0\n"
    try:
        return len(points.find_points(ReferenceProgram(python, "kernel_f", AVALS), AVALS, [0]))
    except points.NoPoints as error:
        assert "smooth and steady at" in str(error)
        return 0


# The result is 1.5 and moves by 0.5, so its size is 2 and it may move by 2e-5. The noise is 2**-21
# of the sum, so 1.5e-5 with 30 and 2.3e-5 with 48, and the rounding of float32 is a quarter of that.
STEADY_SUM, UNSTEADY_SUM = 30, 48


def test_rounding_may_move_an_output_by_a_part_in_100000_of_its_size():
    assert count_points(STEADY_SUM) == points.INPUTS_OF_FEW
    assert count_points(UNSTEADY_SUM) == 0


@pytest.mark.parametrize(
    ("value", "large", "found"),
    [(2e-5, UNSTEADY_SUM, points.INPUTS_OF_FEW), (5e-6, STEADY_SUM, 0)],
)
def test_a_changed_constant_reaches_the_points(value, large, found, monkeypatch):
    monkeypatch.setattr(points, "STEADY", value)
    assert count_points(large) == found


def test_the_tolerance_of_proofs_decides_no_point(monkeypatch):
    monkeypatch.setattr(tolerance, "FORWARD", 2e-3)
    assert count_points(UNSTEADY_SUM) == 0
    monkeypatch.setattr(tolerance, "FORWARD", 2e-7)
    assert count_points(STEADY_SUM) == points.INPUTS_OF_FEW
