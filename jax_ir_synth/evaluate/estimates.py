"""pass@k and how sure it is: the unbiased estimator, and bootstrap intervals over rows."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

# Two decimals of a percentile are then good to about a tenth of the interval's width.
RESAMPLES = 10_000
CONFIDENCE = 0.95


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that one of `k` completions passes, estimated without bias from `samples` of them.

    1 - C(n - c, k) / C(n, k), equation 1 of Chen et al. 2021 (arXiv:2107.03374), as the product
    that overflows for no n.

    Args:
      samples: n, how many there are.
      passed: c, how many of them pass, 0 to n.
      k: 1 to n.

    Raises ValueError for other numbers.
    """
    if not 0 <= passed <= samples:
        raise ValueError(f"`passed` (={passed}) must be from 0 to `samples` (={samples})")
    if not 1 <= k <= samples:
        raise ValueError(f"`k` (={k}) must be from 1 to `samples` (={samples})")
    if samples - passed < k:
        return 1.0
    # C(n - c, k) / C(n, k) = product of (1 - k / i), i from n - c + 1 to n. It has as many factors
    # as c; by symmetry as many as k do too: (1 - c / i), i from n - k + 1 to n.
    few, many = sorted((passed, k))
    return 1.0 - math.prod(1.0 - many / i for i in range(samples - few + 1, samples + 1))


def mean(values: Iterable[float]) -> float:
    """The mean, rounded once: it doesn't depend on the order. Raises ValueError without values."""
    values = list(values)
    if not values:
        raise ValueError("the mean of no values")
    return math.fsum(values) / len(values)


def interval(
    values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Where the mean over other rows would be: the percentile bootstrap's 95 % interval.

    The rows are what is resampled, with replacement, as many as there are. Where all values are
    equal so are both ends: the bootstrap knows no values but those that it was given.

    Args:
      values: one a row.
      seed: of the resampling; equal arguments give equal intervals, in whatever order the values.
      resamples: how many times.

    Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an interval of no values")
    # How often each distinct value is drawn is multinomial: the very distribution of a resample,
    # and there are few values (c of n pass), however many rows.
    distinct, counts = np.unique(np.asarray(values, np.float64), return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(values), counts / len(values), size=resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn @ distinct / len(values), (tail, 1 - tail))
    # A sum in another order may end a last digit outside of the values.
    first, last = float(distinct[0]), float(distinct[-1])
    return min(max(float(low), first), last), min(max(float(high), first), last)
