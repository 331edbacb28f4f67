"""Makes NumPy's counter-based generator Philox from a key."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def make_philox(key: Sequence[int], counter: Sequence[int] = (0, 0, 0, 0)) -> np.random.Philox:
    """Make Philox with a key of two words and a counter of four words, each of 64 bits.

    It equals `np.random.Philox(key=..., counter=...)`. That one first asks the operating system for
    entropy, which it doesn't use, and this takes most of its time.
    """
    start: Any = np.array(counter, np.uint64) if any(counter) else None
    seed: Any = _Key(key)
    return np.random.Philox(seed, counter=start)


def make_generator(key: Sequence[int]) -> np.random.Generator:
    """Make a generator of Philox with a key of two words of 64 bits, from the start."""
    return np.random.Generator(make_philox(key))


class _Key(ISeedSequence):
    """A seed that is the generator's key, as it is."""

    def __init__(self, key: Sequence[int]) -> None:
        self._key = np.array(key, np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """Return the key. Philox asks for two words of 64 bits."""
        assert self._key.shape == (n_words,) and self._key.dtype == dtype
        return self._key
