"""How far apart two sets of counts are: the Jensen-Shannon divergence, in bits.

It is 0 if both have the same shares, and 1 if they have nothing in common. It is the square of
`scipy.spatial.distance.jensenshannon` with base 2, and here the sum of what each key adds.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
from scipy.special import rel_entr


class Distribution:
    """The mean of the shares in several counts, each of which weighs the same, however large.

    The order in which they are added doesn't matter, to the last bit.

    Attributes:
      size: The number of counts that were added and aren't empty.
    """

    def __init__(self) -> None:
        self.size = 0
        # For each key and each total of a count: the sum of the key's numbers in such counts. They
        # are integers, which are divided last, so that sums are exact.
        self._sums: dict[str, Counter[int]] = defaultdict(Counter)

    def add(self, counts: Counter[str]) -> None:
        """Add a count. An empty one has no shares, and is left out."""
        total = counts.total()
        if not total:
            return
        self.size += 1
        for key, number in counts.items():
            if number:
                self._sums[key][total] += number

    def __add__(self, other: "Distribution") -> "Distribution":
        """Return the distribution of the counts of both."""
        both = Distribution()
        both.size = self.size + other.size
        for part in (self, other):
            for key, sums in part._sums.items():
                both._sums[key].update(sums)
        return both

    def shares(self) -> dict[str, float]:
        """Return the mean share of each key, in the order of keys. They sum to 1."""
        return {
            key: math.fsum(number / total for total, number in sums.items()) / self.size
            for key, sums in sorted(self._sums.items())
        }


def measure_parts(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Measure what each key adds to the divergence, in bits.

    A key that only one has adds half of its share.

    Args:
      one: Shares that sum to 1.
      other: Likewise.
    """
    keys = sorted(one.keys() | other.keys())
    first = np.array([one.get(key, 0.0) for key in keys])
    second = np.array([other.get(key, 0.0) for key in keys])
    middle = (first + second) / 2
    nats = (rel_entr(first, middle) + rel_entr(second, middle)) / 2
    # No part is negative, but by rounding.
    bits = np.maximum(nats / math.log(2), 0.0)
    return dict(zip(keys, bits.tolist(), strict=True))


def measure_divergence(one: Mapping[str, float], other: Mapping[str, float]) -> float | None:
    """Measure the divergence in bits, from 0 to 1. None if one of both has no shares at all.

    Args:
      one: Shares that sum to 1, or none.
      other: Likewise.
    """
    if not one or not other:
        return None
    return min(math.fsum(measure_parts(one, other).values()), 1.0)
