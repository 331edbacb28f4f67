"""Counter-based random draws: a stream for each (seed, category, candidate, purpose)."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

from jax_ir_synth.reference.philox import make_philox

T = TypeVar("T")
_BLOCK = 256  # raw words fetched at a time: one program rarely needs more than two blocks


@cache
def category_key(name: str) -> int:
    """64-bit coordinate of a category: a hash of its name, so that its position never matters."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


@cache
def _cumulative(weights: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(accumulate(weights))


class Stream:
    """Draws from NumPy's Philox; the key is (seed, category), the counter (candidate, purpose).

    All draws are made from raw 64-bit words with integer arithmetic or one exact multiplication, so
    they are the same on every platform and NumPy version.
    """

    __slots__ = ("_philox", "_words", "_next")

    def __init__(self, seed: int, category: str, candidate: int, purpose: int = 0):
        self._philox = make_philox((seed, category_key(category)), (0, 0, candidate, purpose))
        self._words: list[int] = []
        self._next = 0

    def word(self) -> int:
        """One uniform 64-bit integer."""
        if self._next == len(self._words):
            self._words = self._philox.random_raw(_BLOCK).tolist()
            self._next = 0
        self._next += 1
        return self._words[self._next - 1]

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        # The high word of a product by n: no two probabilities differ by more than 2**-64.
        return (self.word() * n) >> 64

    def between(self, low: int, high: int) -> int:
        """An integer in [low, high], both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True with the given probability in percent."""
        return self.below(100) < percent

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`, each with the same probability."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[T], weights: tuple[int, ...]) -> T:
        """One of `items`, by integer weights (a tuple, since its running sums are cached)."""
        sums = _cumulative(weights)
        return items[bisect_right(sums, self.below(sums[-1]))]

    def choose(self, weights: Mapping[T, int]) -> T:
        """One of the keys, by their integer weights."""
        return self.weighted(tuple(weights), tuple(weights.values()))

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher-Yates)."""
        rest = list(items)
        for i in range(len(rest) - 1, 0, -1):
            j = self.below(i + 1)
            rest[i], rest[j] = rest[j], rest[i]
        return rest
