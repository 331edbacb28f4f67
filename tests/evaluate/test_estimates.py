"""pass@k and its intervals: the formula, what must hold of it, and a count over all subsets."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jax_ir_synth.evaluate.estimates import interval, mean, pass_at_k


@st.composite
def _numbers(draw, most=2000):
    samples = draw(st.integers(1, most))
    return samples, draw(st.integers(0, samples)), draw(st.integers(1, samples))


@given(_numbers())
def test_it_is_the_formula(numbers):
    samples, passed, k = numbers
    exact = 1 - Fraction(math.comb(samples - passed, k), math.comb(samples, k))
    assert pass_at_k(samples, passed, k) == pytest.approx(float(exact), rel=1e-10, abs=1e-14)


def test_it_is_the_share_of_subsets_with_one_that_passes():
    for samples in range(1, 9):
        for passed in range(samples + 1):
            for k in range(1, samples + 1):
                # The first `passed` are those that pass.
                subsets = list(itertools.combinations(range(samples), k))
                good = sum(subset[0] < passed for subset in subsets)
                assert pass_at_k(samples, passed, k) == pytest.approx(good / len(subsets))


@given(_numbers())
def test_more_that_pass_or_more_tries_are_no_worse(numbers):
    samples, passed, k = numbers
    here = pass_at_k(samples, passed, k)
    assert 0 <= here <= 1
    if passed < samples:
        assert pass_at_k(samples, passed + 1, k) >= here - 1e-12
    if k < samples:
        assert pass_at_k(samples, passed, k + 1) >= here - 1e-12


@given(_numbers())
def test_its_ends(numbers):
    samples, passed, k = numbers
    assert pass_at_k(samples, 0, k) == 0
    assert pass_at_k(samples, samples, k) == 1
    assert pass_at_k(samples, passed, samples) == (passed > 0)
    assert pass_at_k(samples, passed, 1) == pytest.approx(passed / samples)


def test_a_large_n_costs_no_precision():
    assert pass_at_k(10**9, 1, 10) == pytest.approx(1e-8, rel=1e-6)
    assert pass_at_k(10**9, 5 * 10**8, 2) == pytest.approx(0.75, rel=1e-6)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((3, 4, 1), "`passed` (=4) must be from 0 to `samples` (=3)"),
        ((3, -1, 1), "`passed` (=-1) must be from 0"),
        ((3, 1, 4), "`k` (=4) must be from 1 to `samples` (=3)"),
        ((3, 1, 0), "`k` (=0) must be from 1"),
    ],
)
def test_numbers_that_make_no_sense(numbers, said):
    with pytest.raises(ValueError) as raised:
        pass_at_k(*numbers)
    assert said in str(raised.value)


@given(st.lists(st.floats(0, 1), min_size=1), st.randoms())
def test_means_and_intervals_dont_depend_on_the_order(values, random):
    shuffled = random.sample(values, len(values))
    assert mean(values) == mean(shuffled)
    assert interval(values, resamples=100) == interval(shuffled, resamples=100)


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=50))
@settings(max_examples=50)
def test_an_interval_is_within_the_values_and_about_the_mean(values):
    low, high = interval(values)
    assert min(values) <= low <= high <= max(values)
    assert low <= mean(values) + 1e-12 and high >= mean(values) - 1e-12


def test_equal_values_have_no_spread():
    assert interval([0.7] * 20) == (0.7, 0.7)
    assert interval([1.0]) == (1.0, 1.0)


def test_the_seed_decides():
    values = [number / 97 for number in range(98)]
    assert interval(values, seed=3) == interval(values, seed=3)
    assert len({interval(values, seed=seed) for seed in range(8)}) > 1


def test_it_is_the_bootstrap_that_draws_rows():
    values = np.repeat([0.0, 0.3, 1.0], [40, 25, 35])
    generator = np.random.default_rng(1)
    means = generator.choice(values, (20_000, len(values))).mean(1)
    expected = np.quantile(means, (0.025, 0.975))
    assert interval(values, seed=2) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("chance", [0.2, 0.5, 0.9])
def test_it_covers_the_truth_as_often_as_it_says(chance):
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(300):
        values = (generator.random(200) < chance).astype(float)
        low, high = interval(values, seed, resamples=1000)
        covered += low <= chance <= high
    # 95 % of 300 is 285; four standard deviations to either side.
    assert covered >= 270


def test_nothing_has_no_mean():
    for function in (mean, interval):
        with pytest.raises(ValueError, match="of no values"):
            function([])
