"""Compares two datasets: how far apart they are, what chance alone explains, and what differs."""

import statistics
from typing import Any

from jax_ir_synth.stats.divergence import measure_divergence, measure_parts
from jax_ir_synth.stats.profile import Halves, Profile

UNIT = "bits"


def compare(dataset: Profile, against: Profile) -> dict[str, Any]:
    """Compare two datasets.

    Returns:
      Figures that JSON can hold. `dataset` and `against` are the figures of each alone.
      `divergence` has for each part and aspect (see `profile.ASPECTS`) four divergences in bits,
      each of which is None if there is nothing to compare:

      - `between`: of the two datasets;
      - `halves`: of the halves of each, which differ by chance alone;
      - `across`: of a half of one and a half of the other that have no program in common, the mean
        of both ways. Halves have half of the rows, and chance makes them differ twice as much, so
        this is the figure to compare with `halves`.

      `parts` has for each part and aspect the keys with their shares in both, and what they add to
      the divergence, largest first.
    """
    pairs = {key: (dataset.aspects[key], against.aspects[key]) for key in dataset.aspects}
    found: dict[str, Any] = {
        "unit": UNIT,
        "dataset": dataset.summary(),
        "against": against.summary(),
        "divergence": {},
        "parts": {},
    }
    for (part, aspect), (one, other) in pairs.items():
        found["divergence"].setdefault(part, {})[aspect] = _measure(one, other)
        found["parts"].setdefault(part, {})[aspect] = _list_parts(one, other)
    return found


def _measure(one: Halves, other: Halves) -> dict[str, Any]:
    halves = [[part.shares() for part in each.parts] for each in (one, other)]
    across = [
        found
        for number in (0, 1)
        if (found := measure_divergence(halves[0][number], halves[1][1 - number])) is not None
    ]
    return {
        "between": measure_divergence(one.whole.shares(), other.whole.shares()),
        "halves": {
            name: measure_divergence(*shares)
            for name, shares in zip(("dataset", "against"), halves, strict=True)
        },
        "across": statistics.fmean(across) if across else None,
    }


def _list_parts(one: Halves, other: Halves) -> list[dict[str, Any]]:
    shares = one.whole.shares(), other.whole.shares()
    found = [
        {
            "name": name,
            "dataset": shares[0].get(name, 0.0),
            "against": shares[1].get(name, 0.0),
            UNIT: bits,
        }
        for name, bits in measure_parts(*shares).items()
    ]
    return sorted(found, key=lambda part: (-part[UNIT], part["name"]))
