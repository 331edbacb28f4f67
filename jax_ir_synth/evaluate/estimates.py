"""Estimates pass@k: the unbiased estimator, and bootstrap intervals over rows."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

# With so many, two decimals of a percentile are good to about a tenth of the interval's width.
RESAMPLES = 10_000
CONFIDENCE = 0.95


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
    """Estimate the 95 % interval of the mean over other rows, by the percentile bootstrap.

    It resamples the rows with replacement, as many as there are. If all values are equal, both ends
    equal them, since the bootstrap sees no other values.

    Args:
      values: one value for each row.
      seed: the seed of the resampling; equal arguments give equal intervals, whatever the values'
        order.
      resamples: the number of resamples.

    Raises ValueError without values.
    """
    if not len(values):
        raise ValueError("an interval of no values")
    # The counts of the distinct values in a resample are multinomial. There are few distinct values
    # (c of n pass), however many rows there are.
    distinct, counts = np.unique(np.asarray(values, np.float64), return_counts=True)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(values), counts / len(values), size=resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn @ distinct / len(values), (tail, 1 - tail))
    # Through rounding, a sum in another order may end just outside the values.
    first, last = float(distinct[0]), float(distinct[-1])
    return min(max(float(low), first), last), min(max(float(high), first), last)
