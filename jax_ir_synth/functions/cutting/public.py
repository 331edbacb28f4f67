"""Knows what a text may import: public names of jax, NumPy, and a part of the standard library."""

import builtins
import functools
import importlib
import types
from typing import Any

# What a text may import of the standard library.
LIBRARY = (
    *("math", "functools", "operator", "itertools", "collections", "collections.abc", "typing"),
    *("dataclasses", "enum"),
)
# Modules of jax and NumPy in which public names are looked for, the best known first. jax offers
# some names in several.
_SEARCHED = (
    *("jax.numpy", "jax.lax", "jax", "jax.nn", "jax.random", "jax.tree", "jax.tree_util"),
    *("jax.numpy.linalg", "jax.numpy.fft", "jax.nn.initializers", "jax.lax.linalg"),
    *("jax.scipy.special", "jax.scipy.linalg", "jax.scipy.signal", "jax.scipy.ndimage"),
    *("jax.scipy.stats", "jax.scipy.stats.norm", "jax.scipy.stats.multivariate_normal"),
    *("jax.scipy.stats.beta", "jax.scipy.stats.gamma", "jax.scipy.stats.poisson"),
    *("jax.scipy.integrate", "jax.scipy.optimize", "jax.scipy.interpolate"),
    *("jax.scipy.sparse.linalg", "jax.scipy.cluster.vq", "jax.scipy.fft", "jax.ops", "jax.image"),
    *("jax.flatten_util", "jax.dtypes", "jax.debug", "jax.errors", "jax.custom_derivatives"),
    *("jax.ad_checkpoint", "jax.sharding", "jax.typing", "jax.core", "jax.extend.core"),
    *("numpy", "numpy.linalg", "numpy.fft", *LIBRARY),
)
# What `import jax` makes reachable as an attribute, and `import numpy` likewise.
_LOADED = frozenset(
    "jax.core jax.custom_batching jax.custom_derivatives jax.debug jax.dtypes jax.errors "
    "jax.image jax.lax jax.lax.linalg jax.nn jax.nn.initializers jax.numpy jax.numpy.fft "
    "jax.numpy.linalg jax.ops jax.random jax.scipy jax.sharding jax.tree jax.tree_util jax.typing "
    "numpy.fft numpy.linalg numpy.random collections.abc".split()
)

# Private classes that packages ask for, and of which no traced value is; with public ones likewise.
_REPLACED = {("jax._src.literals", "TypedNdArray"): ("numpy", "ndarray")}


def is_public_module(module: types.ModuleType) -> bool:
    """Whether a text may import the module: jax's and NumPy's that aren't private, and `LIBRARY`.

    Args:
      module: Any module.
    """
    first, *others = module.__name__.split(".")
    if first in ("jax", "numpy"):
        return not any(name.startswith("_") for name in others)
    return module.__name__ in LIBRARY


def needs_import(module: str) -> bool:
    """Whether a public module isn't there as an attribute once its package is imported."""
    return "." in module and module not in _LOADED


def find_public(value: Any) -> tuple[str, str] | None:
    """Find the module and the name under which a function or a class is public.

    Args:
      value: Any value.
    """
    if isinstance(value, type) and (value.__module__, value.__name__) in _REPLACED:
        return _REPLACED[value.__module__, value.__name__]
    index = _index_public()
    found = index.get(id(value))
    return found[:2] if found is not None and found[2] is value else None


def is_builtin(value: Any) -> bool:
    """Whether a value is one of Python's builtins under its own name."""
    name = getattr(value, "__name__", None)
    return isinstance(name, str) and getattr(builtins, name, None) is value


def find_root(value: Any) -> str:
    """Find the top-level package that defines a value; empty if it doesn't say."""
    module = getattr(value, "__module__", None)
    return module.split(".")[0] if isinstance(module, str) else ""


@functools.cache
def _index_public() -> dict[int, tuple[str, str, Any]]:
    index: dict[int, tuple[str, str, Any]] = {}
    modules = [importlib.import_module(name) for name in _SEARCHED]
    # A value's own name goes first, since some have other names too.
    for own in (True, False):
        for module in modules:
            for name, value in vars(module).items():
                if name.startswith("_") or isinstance(value, types.ModuleType):
                    continue
                # `typing.Union` is no function and no class.
                is_named = callable(value) or module.__name__ == "typing"
                if not is_named or is_builtin(value):
                    continue
                if not own or getattr(value, "__name__", None) == name:
                    index.setdefault(id(value), (module.__name__, name, value))
    return index
