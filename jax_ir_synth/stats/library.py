"""Which names in sources are functions of the library (imports jax)."""

import importlib
from collections import Counter
from collections.abc import Iterable

# A function counts for the first library whose name is a prefix of its own.
LIBRARIES = ("jax.numpy", "jax.lax", "jax.nn", "jax.scipy", "jax.random", "jax.ops", "jax")


def select_functions(names: Iterable[str]) -> frozenset[str]:
    """Select the functions among dotted names.

    Modules, dtypes, classes and constants are no functions. A name that the installed jax lacks is
    left out, too: another version may have made a saved dataset.

    Args:
      names: Names such as `jax.numpy.sum`.
    """
    return frozenset(name for name in names if _is_function(name))


def count_by_library(names: Iterable[str]) -> dict[str, int]:
    """Count the dotted names in each library. Its submodules belong to it.

    Args:
      names: Names of functions, as `select_functions` returns them.
    """
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
            # Some modules of jax are attributes only after they have been imported.
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        value = getattr(value, part)
    return callable(value) and not isinstance(value, type)
