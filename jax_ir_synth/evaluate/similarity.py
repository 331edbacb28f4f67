"""Measures the similarity of texts by edit distance (no jax here).

The distance is rapidfuzz's. Callers have checked with `extras.need` that it is installed.
"""

from collections.abc import Sequence
from typing import Any


def similarity(text: str, reference: str) -> float:
    """Compute 1 - (Levenshtein distance in characters) / (longer text's length), 0 to 1."""
    return float(_levenshtein().normalized_similarity(text, reference))


def nearest(text: str, candidates: Sequence[str]) -> int:
    """Find the index of the candidate with the least Levenshtein distance, the first on a tie."""
    levenshtein = _levenshtein()
    best, least = 0, None
    for number, candidate in enumerate(candidates):
        # rapidfuzz stops computing a distance once it exceeds the least so far.
        distance = levenshtein.distance(text, candidate, score_cutoff=least)
        if least is None or distance < least:
            best, least = number, distance
    return best


def _levenshtein() -> Any:
    # Imported late, since only some uses of this package need it.
    from rapidfuzz.distance import Levenshtein

    return Levenshtein
