"""Coverage: how much of the JAX API that real code uses also occurs in the sources.

`survey.csv` is a survey of 8,225 functions in 18 public JAX projects, made on 2026-11-22: maxtext,
flax, scenic, numpyro, jax-md, ott, optax, jaxopt, distrax, dm-haiku, brax, equinox, diffrax,
evosax, jax-cfd, rlax, penzai and mctx. It covers library code, not tests. For each name of
jax.numpy, jax.lax, jax.nn, jax.random, jax.scipy and so on it gives the number of functions that
use the name (`functions`), and of projects (`repositories`). `left_out` is empty, or a key of
`LEFT_OUT`.
"""

import csv
from collections.abc import Iterable
from importlib import resources
from typing import NamedTuple

# Why a small pure function of arrays, with static shapes and a gradient, can't use a name.
LEFT_OUT = {
    "64_bit": "a 64-bit type, which JAX turns into a 32-bit one by default",
    "collective": "talks to other devices",
    "dtype_query": "asks for the kind of a type and computes nothing",
    "dynamic_shape": "its result's shape depends on values",
    "initialiser": "makes a model's parameters from a shape, not from arrays",
    "shape_query": "asks for a shape and computes nothing",
}


class SurveyedName(NamedTuple):
    """A name in the survey.

    Attributes:
      name: The dotted name.
      functions: The number of functions that use it, which is its weight.
      left_out: A key of LEFT_OUT, or empty.
    """

    name: str
    functions: int
    left_out: str


class Coverage(NamedTuple):
    """How much of the survey some sources cover. A weight is the sum of `functions` over names.

    Attributes:
      used: The weight of the names that the sources use.
      weight: The weight of all names that aren't left out.
      left_out: The weight of the names that are left out.
      missing: The names that the sources don't use, heaviest first.
    """

    used: int
    weight: int
    left_out: int
    missing: tuple[SurveyedName, ...]

    @property
    def share(self) -> float:
        """The covered share of the weight, `used / weight`, from 0 to 1."""
        return self.used / self.weight


def read_survey() -> tuple[SurveyedName, ...]:
    """Read the survey, heaviest name first."""
    text = resources.files(__package__).joinpath("survey.csv").read_text(encoding="utf-8")
    return tuple(
        SurveyedName(row["name"], int(row["functions"]), row["left_out"])
        for row in csv.DictReader(text.splitlines())
    )


def measure_coverage(names: Iterable[str], methods: Iterable[str]) -> Coverage:
    """Measure how much of the survey some sources cover. A name counts once, however often used.

    Args:
      names: The dotted library names in the sources. A module in the survey, such as
        `jax.scipy.special`, counts as used if a name in it is.
      methods: The array methods in the sources. A method counts as the function of jax.numpy with
        the same name. An indexed update, such as `at[].add`, counts as none.
    """
    used = {f"jax.numpy.{method}" for method in methods}
    for name in names:
        # All prefixes count as used: `jax`, `jax.numpy`, `jax.numpy.sum`.
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
