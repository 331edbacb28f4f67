"""Summarizes sizes by a few numbers."""

import math
import statistics
from collections.abc import Sequence


def summarize_sizes(values: Sequence[int]) -> dict[str, float]:
    """Compute the median, the 95th percentile and the maximum.

    Args:
      values: The sizes, at least one, in any order.
    """
    ordered = sorted(values)
    return {
        "median": statistics.median(ordered),
        # The nearest-rank percentile: the smallest value that is at least as large as 95 % of the
        # values. Its rank is ceil(0.95 n), counted from 1.
        "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "max": ordered[-1],
    }


def list_quantiles(values: Sequence[int]) -> dict[str, float]:
    """List the 10th, 25th, 50th, 75th and 90th percentile, by nearest rank.

    Args:
      values: The sizes, at least one, in any order.
    """
    ordered = sorted(values)
    return {
        f"p{percent}": ordered[math.ceil(percent / 100 * len(ordered)) - 1]
        for percent in (10, 25, 50, 75, 90)
    }
