"""How much of what real JAX code uses the sources use: coverage of a survey's counted names.

`survey.csv` holds a survey of 2026-11-22: for each name of jax.numpy, jax.lax, jax.nn, jax.random,
jax.scipy, …, how many of 8,225 functions use it (`functions`), in how many of 18 public JAX
projects (`repositories`): maxtext, flax, scenic, numpyro, jax-md, ott, optax, jaxopt, distrax,
dm-haiku, brax, equinox, diffrax, evosax, jax-cfd, rlax, penzai and mctx; library code only, no
tests. `left_out` is empty, or a key of `LEFT_OUT`.
"""

import csv
from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

# Why a name has no place in a small pure function of arrays with static shapes and a gradient.
LEFT_OUT = {
    "64_bit": "a 64-bit type, which JAX turns into a 32-bit one by default",
    "collective": "talks to other devices",
    "dtype_query": "asks for the kind of a type and computes nothing",
    "dynamic_shape": "its result's shape depends on values",
    "initialiser": "makes a model's parameters from a shape, not from arrays",
    "shape_query": "asks for a shape and computes nothing",
}


class SurveyedName(NamedTuple):
    """A name, the number of functions that use it, and why it is left out ("" if it isn't)."""

    name: str
    functions: int
    left_out: str


class Coverage(NamedTuple):
    """Weights are sums of `functions` over names; `missing` is heaviest first."""

    used: int
    weight: int
    left_out: int
    missing: tuple[SurveyedName, ...]

    @property
    def share(self) -> float:
        """The covered share of the weight of all names that aren't left out."""
        return self.used / self.weight


def read_survey() -> tuple[SurveyedName, ...]:
    """The survey, heaviest name first."""
    text = resources.files(__package__).joinpath("survey.csv").read_text(encoding="utf-8")
    return tuple(
        SurveyedName(row["name"], int(row["functions"]), row["left_out"])
        for row in csv.DictReader(text.splitlines())
    )


def measure_coverage(names: Iterable[str], methods: Iterable[str]) -> Coverage:
    """What of the survey's weight these sources use, each name counted once however often used.

    Args:
      names: dotted library names in the sources; a module in the survey (`jax.scipy.special`)
        counts as used when something in it is.
      methods: methods of arrays; each counts for jax.numpy's function of that name, an indexed
        update (`at[].add`) for none.
    """
    used = {f"jax.numpy.{method}" for method in methods}
    for name in names:
        parts = name.split(".")
        used.update(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    survey = read_survey()
    included = [entry for entry in survey if not entry.left_out]
    missing = tuple(entry for entry in included if entry.name not in used)
    weight = sum(entry.functions for entry in included)
    return Coverage(
        weight - sum(entry.functions for entry in missing),
        weight,
        sum(entry.functions for entry in survey) - weight,
        missing,
    )
