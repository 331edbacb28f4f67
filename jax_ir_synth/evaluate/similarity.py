"""How near a text is to another, by edit distance (no jax here)."""

from collections.abc import Sequence

_MISSING = "scoring needs the extra `evaluate`: pip install '.[evaluate]' (no module rapidfuzz)"


class ExtraMissing(ImportError):
    """A package of the extra `evaluate` is missing; the message is one line and names it."""


def similarity(text: str, reference: str) -> float:
    """1 less the Levenshtein distance in characters as a part of the longer text's length, 0 to 1.

    Raises ExtraMissing.
    """
    return distances().normalized_similarity(text, reference)


def nearest(text: str, candidates: Sequence[str]) -> int:
    """The index of the candidate of the least Levenshtein distance, the first of several.

    Raises ExtraMissing.
    """
    levenshtein = distances()
    best, least = 0, None
    for number, candidate in enumerate(candidates):
        # Beyond the least so far the distance isn't worked out.
        distance = levenshtein.distance(text, candidate, score_cutoff=least)
        if least is None or distance < least:
            best, least = number, distance
    return best


def distances():
    """rapidfuzz's Levenshtein distance. Raises ExtraMissing."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise ExtraMissing(_MISSING) from error
    return Levenshtein
