"""Estimates pass@k: the unbiased estimator, and intervals over rows."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import betaincinv, ndtr, stdtrit

# With so many, two decimals of a percentile are good to about a tenth of the interval's width.
RESAMPLES = 10_000
CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2
# The bootstrap is trusted from so many rows on that pass at times, and as many that fail at times.
_ENOUGH = 10


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Estimate without bias the chance that at least one of `k` completions passes.

    It is 1 - C(n - c, k) / C(n, k), equation 1 of Chen et al. 2021 (arXiv:2107.03374), computed as
    a product that never overflows.

    Args:
      samples: n, the number of completions.
      passed: c, the number of them that pass, 0 to n.
      k: 1 to n.

    Raises ValueError for other numbers.
    """
    if not 0 <= passed <= samples:
        raise ValueError(f"`passed` (={passed}) must be from 0 to `samples` (={samples})")
    if not 1 <= k <= samples:
        raise ValueError(f"`k` (={k}) must be from 1 to `samples` (={samples})")
    if samples - passed < k:
        return 1.0
    # C(n - c, k) / C(n, k) = product of (1 - k / i), i from n - c + 1 to n, which has c factors. By
    # symmetry it also equals a product of k factors: (1 - c / i), i from n - k + 1 to n.
    few, many = sorted((passed, k))
    return 1.0 - math.prod(1.0 - many / i for i in range(samples - few + 1, samples + 1))


def mean(values: Iterable[float]) -> float:
    """Compute the mean with a single rounding, so that it doesn't depend on the values' order.

    Raises ValueError without values.
    """
    values = list(values)
    if not values:
        raise ValueError("the mean of no values")
    return math.fsum(values) / len(values)


def interval(
    values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Estimate the 95 % interval of the mean over all such rows.

    A row is the unit, since completions of one row aren't independent.

    Where each value is 0 or 1, their sum is binomial, and the interval is the exact one of Clopper
    and Pearson (1934, doi:10.1093/biomet/26.4.404).

    Values in between are pass@k from several completions. For them it is the interval of the
    cluster bootstrap, which resamples rows: the percentile interval, expanded for few rows
    (Hesterberg 2015, doi:10.1080/00031305.2015.1089789). But the bootstrap knows no values beside
    those that it was given. From rows that nearly all pass or fail its interval is far too short,
    and from rows that are all alike it is a point. So unless they differ, and 10 are above 0 and 10
    below 1, it is Clopper and Pearson's interval for the same mean. That is on the safe side: of
    all values from 0 to 1 with one mean, those that are 0 or 1 spread most.

    Args:
      values: one value for each row, 0 to 1.
      seed: the seed of the resampling; equal arguments give equal intervals, whatever the values'
        order.
      resamples: the number of resamples.

    Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an interval of no values")
    distinct, counts = np.unique(np.asarray(values, np.float64), return_counts=True)
    enough = min(counts[distinct > 0].sum(), counts[distinct < 1].sum()) >= _ENOUGH
    if set(distinct) <= {0.0, 1.0} or len(distinct) == 1 or not enough:
        return _compute_clopper_pearson(math.fsum(values), len(values))
    # The counts of the distinct values in a resample are multinomial. There are few distinct values
    # (c of n pass), however many rows there are.
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(values), counts / len(values), size=resamples)
    tail = _expand_tail(len(values))
    low, high = np.quantile(drawn @ distinct / len(values), (tail, 1 - tail))
    return float(low), float(high)


def _expand_tail(rows: int) -> float:
    """Compute what to leave out at either end; for few rows less, or the interval is too short."""
    return float(ndtr(-math.sqrt(rows / (rows - 1)) * stdtrit(rows - 1, 1 - _TAIL)))


def _compute_clopper_pearson(passed: float, rows: int) -> tuple[float, float]:
    """Compute the interval of a share, `passed` of `rows`, also for fractions of rows."""
    failed = rows - passed
    low = float(betaincinv(passed, failed + 1, _TAIL)) if passed > 0 else 0.0
    high = float(betaincinv(passed + 1, failed, 1 - _TAIL)) if failed > 0 else 1.0
    return low, high
