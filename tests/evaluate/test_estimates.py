"""pass@k and its intervals: the formula, what must hold of it, and a count over all subsets."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

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


_SHARES = st.one_of(
    st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=120),
    st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=120),
    st.lists(st.integers(0, 1000).map(lambda passed: passed / 1000), min_size=1, max_size=120),
)


@given(_SHARES)
@settings(max_examples=300)
def test_an_interval_is_about_the_mean_and_has_a_width(values):
    low, high = interval(values, resamples=500)
    assert 0 <= low <= mean(values) + 1e-12 and mean(values) - 1e-12 <= high <= 1
    assert low < high


@given(_SHARES)
@settings(max_examples=50)
def test_passing_and_failing_are_treated_alike(values):
    low, high = interval(values)
    mirrored = interval([1 - value for value in values])
    # The bootstrap draws others where they are in another order.
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=0.02)


@pytest.mark.parametrize(
    ("passed", "rows", "expected"),
    # Of tables; that of 0 of n ends at 1 - 0.025 ** (1 / n).
    [(0, 146, (0, 1 - 0.025 ** (1 / 146))), (146, 146, (0.025 ** (1 / 146), 1)),
     (0, 1, (0, 0.975)), (1, 10, (0.00253, 0.44502)), (5, 10, (0.18709, 0.81291))],
)  # fmt: skip
def test_of_single_completions_it_is_clopper_and_pearsons(passed, rows, expected):
    values = [1.0] * passed + [0.0] * (rows - passed)
    assert interval(values) == pytest.approx(expected, abs=1e-5)


@given(st.integers(1, 2000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
@settings(max_examples=50)
def test_it_is_scipys_exact_interval(numbers):
    passed, rows = numbers
    found = interval([1.0] * passed + [0.0] * (rows - passed))
    exact = binomtest(passed, rows).proportion_ci(0.95, method="exact")
    assert found == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.5, 1.0])
def test_equal_values_are_no_certainty(value):
    widths = [np.diff(interval([value] * rows))[0] for rows in (1, 10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert 0.003 < widths[-1] < 0.07


def test_a_few_rows_with_another_value_are_no_certainty():
    # The bootstrap alone ends at 0.75 %.
    low, high = interval([0.0] * 199 + [0.5])
    assert low < 0.001 and high > 0.02


def test_more_completions_a_row_narrow_the_interval():
    generator = np.random.default_rng(3)
    chances = generator.beta(5, 5, 400)
    widths = []
    for completions in (1, 4, 16):
        values = generator.binomial(completions, chances) / completions
        widths.append(np.diff(interval(values))[0])
    assert widths[0] > 1.5 * widths[1] > 1.5 * widths[2]


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


@pytest.mark.parametrize("rows", [5, 15, 30, 100, 400])
@pytest.mark.parametrize("completions", [1, 10])
@pytest.mark.parametrize(("a", "b"), [(0.2, 10), (0.5, 0.5), (5, 5), (10, 0.2)])
def test_it_covers_the_truth_as_often_as_it_says(rows, completions, a, b):
    # Rows whose chance to pass is drawn from a beta distribution, whose mean is the truth.
    generator = np.random.default_rng(5)
    truth, times = a / (a + b), 400
    covered = 0
    for seed in range(times):
        passed = generator.binomial(completions, generator.beta(a, b, rows))
        low, high = interval(passed / completions, seed, resamples=500)
        covered += low <= truth <= high
    # 95 % of 400 is 380; the bootstrap's own error and four standard deviations.
    assert covered >= 361


def test_nothing_has_no_mean():
    for function in (mean, interval):
        with pytest.raises(ValueError, match="of no values"):
            function([])
