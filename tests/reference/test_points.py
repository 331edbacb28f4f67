"""Rounding may move an output by STEADY of its size; an input on which it moves one farther is left.

The goldens can't see this constant: with a hundred times as much, the same programs are drawn.
"""

import pickle

import numpy as np
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


DECIDED_BY_UNDERFLOW = [
    "-small(x) % (1.0 + x)",
    "jnp.where(small(x) > 0, x, 1.0 - x)",
    "x + jnp.floor(-small(x))",
    "x + jnp.ceil(small(x))",
    "x * jnp.sign(small(x))",
    "jnp.log(small(x)) + x",
]


@pytest.mark.parametrize("text", DECIDED_BY_UNDERFLOW)
@pytest.mark.parametrize("shape", [[64], []])
def test_underflow_decides_nothing(text, shape):
    avals = [AVALS[0] | {"shape": shape}]

    def find(power: str) -> list[points.Point]:
        python = f"def kernel_f(x):\n    small = lambda y: jnp.exp({power})\n    return {text}\n"
        return points.find_points(ReferenceProgram(python, "kernel_f", avals), avals, [0])

    assert find("-1.0 - 4.0 * y")
    # From 1e-40 to 1e-42: float32 has such numbers, but XLA and the interpreter's functions make
    # some of them zero.
    with pytest.raises(points.NoPoints, match="smooth and steady at 0 of"):
        find("-90.0 - 4.0 * y")


def test_what_vanishes_beside_a_larger_number_may_underflow():
    python = (
        "def kernel_f(x):\n    return jax.nn.softplus(x - 90.0) + jnp.exp(-90.0 - 4.0 * x) + x\n"
    )
    reference = ReferenceProgram(python, "kernel_f", AVALS)
    assert len(points.find_points(reference, AVALS, [0])) == points.INPUTS_OF_FEW


REDUCED = "def kernel_f(x):\n    return lax.reduce_precision(jnp.sqrt(x), 8, 7) * x\n"


def test_an_evaluation_goes_to_another_process(monkeypatch):
    """What its runs have found goes with it, and no run is needed to find it again."""
    program = REDUCED, "kernel_f", AVALS, [0]
    reference, found = points.evaluate_reference(*program)
    assert reference.reduced_precision == 2.0**-7
    sent = pickle.dumps((reference, found))
    points.evaluate_reference("def kernel_f(x):\n    return x * x\n", *program[1:])
    monkeypatch.setattr(points, "find_points", lambda *_: pytest.fail("found again"))
    points.keep_evaluation(*program, pickle.loads(sent))
    received, same = points.evaluate_reference(*program)
    assert received.reduced_precision == reference.reduced_precision
    for one, other in zip(found, same, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.outputs, other.outputs)
        assert one.derivative.value == other.derivative.value
        received.resume(other.trace)
        again = received.derivative(other.inputs, other.outputs, other.move)
        assert again is not None and again.value == one.derivative.value


def test_a_point_is_resumed_without_a_run():
    """`stop_gradient` holds the point's own values, not those of the run that came last."""
    python = "def kernel_f(x):\n    return x * lax.stop_gradient(x)\n"
    reference = ReferenceProgram(python, "kernel_f", AVALS)
    first, *_, last = points.find_points(reference, AVALS, [0])
    assert first.inputs[0].tolist() != last.inputs[0].tolist()
    for point in (first, last):
        reference.resume(point.trace)
        again = reference.derivative(point.inputs, point.outputs, point.move)
        assert again is not None and again.value == point.derivative.value


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("jnp.copysign(x, jnp.maximum(-x * 0.0, 0.0))", "jnp.copysign(x, jnp.maximum(-x, 0.25))"),
        ("jnp.arctan2(x * 0.0, -x)", "jnp.arctan2(x * 0.0, x) + x"),
        ("lax.atan2(x * 0.0, x * 0.0) + x", "lax.atan2(x, x * 0.0) + x"),
    ],
)
def test_the_sign_of_a_zero_decides_nothing(text, other):
    def find(text: str) -> list[points.Point]:
        python = f"def kernel_f(x):\n    return {text}\n"
        return points.find_points(ReferenceProgram(python, "kernel_f", AVALS), AVALS, [0])

    assert find(other)
    with pytest.raises(points.NoPoints, match="smooth and steady at 0 of"):
        find(text)
