"""Which of the names in sources are functions of the library (imports jax)."""

import importlib
from collections import Counter
from collections.abc import Iterable

# Longest first: the library that a function is counted for.
LIBRARIES = ("jax.numpy", "jax.lax", "jax.nn", "jax.scipy", "jax.random", "jax.ops", "jax")


def select_functions(names: Iterable[str]) -> frozenset[str]:
    """Those of the dotted names that are functions: not modules, dtypes, classes or constants.

    Nor names that this jax lacks: a saved dataset may be another's.
    """
    return frozenset(name for name in names if _is_function(name))


def count_by_library(names: Iterable[str]) -> dict[str, int]:
    """How many of the dotted names are in each library; submodules are counted with it."""
    counts = Counter(
        next(library for library in LIBRARIES if f"{name}.".startswith(f"{library}."))
        for name in names
    )
    return {library: counts[library] for library in LIBRARIES if counts[library]}


def _is_function(name: str) -> bool:
    value = importlib.import_module("jax")
    path = "jax"
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        if not hasattr(value, part):
            # Some of jax's modules are there only once they are imported.
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        value = getattr(value, part)
    return callable(value) and not isinstance(value, type)
