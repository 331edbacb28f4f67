"""Finds where a function comes from, as far as Python and the installed packages tell."""

import functools
import importlib.metadata
import inspect
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from jax_ir_synth.schema.origin import Origin


def find_origin(function: Callable[..., Any]) -> Origin:
    """Find a function's module, name and lines, and the distribution that is installed with it.

    What nothing tells is empty, and so is the license: whose text a function is, its author knows.

    Args:
      function: A function, also one that wraps another, a method, or a callable object.
    """
    inner: Any = inspect.unwrap(function)
    if not hasattr(inner, "__qualname__"):
        inner = type(inner).__call__
    module = str(getattr(inner, "__module__", None) or "")
    package, version = _find_distribution(module.split(".")[0])
    qualname = str(getattr(inner, "__qualname__", None) or "")
    return Origin(package, version, module, qualname, "", _find_place(inner, module))


def _find_place(function: Any, module: str) -> str:
    """Find a function's file, without the folders above its package, and its lines."""
    try:
        lines, first = inspect.getsourcelines(function)
        file = PurePath(inspect.getsourcefile(function) or "")
    except (OSError, TypeError):
        return ""
    depth = module.count(".") + 1 + (file.stem == "__init__")
    return f"{'/'.join(file.parts[-depth:])}:{first}-{first + len(lines) - 1}"


@functools.cache
def _find_distribution(module: str) -> tuple[str, str]:
    names = importlib.metadata.packages_distributions().get(module, ())
    return (names[0], importlib.metadata.version(names[0])) if names else ("", "")
