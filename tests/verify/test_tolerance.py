"""Each term of a proof's tolerances, by itself: an error of 0.9 times it passes, 1.1 times doesn't.

What is allowed is written out as a number here, so that a changed constant fails. The terms are those
of the formulas in the docstrings of `verify.tolerance`.
"""

import numpy as np
import pytest

from jax_ir_synth.reference.program import Derivative
from jax_ir_synth.verify import tolerance

ZEROS = np.zeros(2)
SHARES = pytest.mark.parametrize("share", [0.9, 1.1])
# How each rate is named, and what it must be.
RATES = pytest.mark.parametrize(
    ("rate", "value"),
    [
        (tolerance.FORWARD, 2e-5),
        (tolerance.BACKWARD, 1e-4),
        (tolerance.EXACT_RATE, 1e-6),
        (tolerance.CONSTANTS["bfloat16"], 0.0078125),
        (tolerance.CONSTANTS["float16"], 0.0009765625),
    ],
    ids=["FORWARD", "BACKWARD", "EXACT_RATE", "bfloat16", "float16"],
)


def check(ratio: float, share: float) -> None:
    """The ratio is the share of the tolerance, and on its side of the limit."""
    assert ratio == pytest.approx(share, rel=1e-6)
    assert (ratio <= 1) == (share == 0.9)


@SHARES
@RATES
def test_an_output_by_its_largest_element(rate, value, share):
    meant = np.array([0.5, -3.0])
    got = meant + [share * 3.0 * value, 0.0]
    check(tolerance.measure_output_error(got, meant, None, rate), share)


@SHARES
@RATES
def test_an_output_by_what_its_elements_move(rate, value, share):
    slope = np.array([0.25, -4.0])
    got = np.array([share * 4.0 * value, 0.0])
    check(tolerance.measure_output_error(got, ZEROS, slope, rate), share)


@SHARES
def test_an_output_that_is_zero_by_what_it_is_on_other_inputs(share):
    got = np.array([0.0, share * 5e-6])
    check(tolerance.measure_output_error(got, ZEROS, ZEROS, tolerance.FORWARD, 5.0), share)


@SHARES
def test_the_terms_of_an_output_add_up(share):
    meant, slope = np.array([1.0, 2.0]), np.array([0.5, 0.25])
    # 2e-5 of 2 and of 0.5, and 1e-6 of 10.
    got = meant + [0.0, share * 6e-5]
    check(tolerance.measure_output_error(got, meant, slope, tolerance.FORWARD, 10.0), share)


def test_integers_and_booleans_must_be_equal():
    for meant in (np.array([1, 2]), np.array([True, False])):
        assert tolerance.measure_output_error(meant, meant, None, 1.0) == 0
        assert tolerance.measure_output_error(meant[::-1], meant, None, 1.0) == np.inf


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_wrong(value):
    got = np.array([0.0, value])
    assert tolerance.measure_output_error(got, ZEROS, ZEROS, 1.0, 1e30) == np.inf


def gradient_error(
    error: float,
    rate: float = 0.0,
    parts=(0.0,),
    slope=(0.0,),
    outputs=0.0,
    curvature=0.0,
    largest=0.0,
) -> float:
    """The measure of a gradient that differs by `error` from the derivative."""
    step = 1e-6
    derivative = Derivative(sum(parts) + error, [np.array(slope)], curvature * step, step)
    return tolerance.measure_gradient_error([np.array(parts)], derivative, outputs, rate, largest)


@SHARES
@RATES
def test_a_gradient_by_the_outputs_changes(rate, value, share):
    check(gradient_error(share * 7.0 * value, rate, slope=(3.0, -4.0)), share)


@SHARES
@RATES
def test_a_gradient_by_the_root_of_its_squares(rate, value, share):
    check(gradient_error(share * 5.0 * value, rate, parts=(3.0, -4.0)), share)


@SHARES
@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({"outputs": 8.0}, 8e-6),  # SATURATED is 1e-6.
        ({"curvature": 6.0}, 3e-6),  # MOVED is 5e-7.
        ({"largest": 4.0}, 4e-6),  # ELSEWHERE is 1e-6.
        ({"outputs": 8.0, "curvature": 6.0, "largest": 4.0}, 1.5e-5),
    ],
    ids=["SATURATED", "MOVED", "ELSEWHERE", "all"],
)
def test_a_gradient_of_zero_by_each_other_term(given, allowed, share):
    check(gradient_error(share * allowed, **given), share)


@SHARES
@pytest.mark.parametrize(("half", "rate"), [("bfloat16", 0.25), ("float16", 0.125)])
@pytest.mark.parametrize("parts", [0.0, 40.0])
def test_16_bit_elements_by_their_size_and_their_parts(half, rate, parts, share):
    exact = np.array([4.0, 1.0, -2.0])
    # Eight roundings of the parts.
    allowed = (
        rate * (np.abs(exact) + 4.0) + 8 * {"bfloat16": 2**-8, "float16": 2**-11}[half] * parts
    )
    near = tolerance.find_near(exact + share * allowed, exact, half, parts)
    assert near.tolist() == [share == 0.9] * 3
