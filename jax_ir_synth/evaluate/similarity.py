"""How near a text is to another, by edit distance (no jax here).

It is rapidfuzz's; whoever comes here has asked `extras.need` for it.
"""

from collections.abc import Sequence
from typing import Any


def similarity(text: str, reference: str) -> float:
    """1 less the Levenshtein distance in characters over the longer text's length, 0 to 1."""
    return float(_levenshtein().normalized_similarity(text, reference))


def nearest(text: str, candidates: Sequence[str]) -> int:
    """The index of the candidate of the least Levenshtein distance, the first of several."""
    levenshtein = _levenshtein()
    best, least = 0, None
    for number, candidate in enumerate(candidates):
        # Beyond the least so far the distance isn't worked out.
        distance = levenshtein.distance(text, candidate, score_cutoff=least)
        if least is None or distance < least:
            best, least = number, distance
    return best


def _levenshtein() -> Any:
    # Late: not every task of this package needs it.
    from rapidfuzz.distance import Levenshtein

    return Levenshtein
