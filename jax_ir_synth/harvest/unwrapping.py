"""Finds the plain function inside decorators, as those of jax, by a value or by its name."""

import functools
import sys
import types
from typing import Any

import jax


def find_plain(module: str, qualname: str) -> types.FunctionType | None:
    """Find the plain function of a name in a module that is imported; None if there is none."""
    return unwrap_function(find_member(sys.modules.get(module), qualname))


def find_member(module: Any, qualname: str) -> Any:
    """Find what a module, or a class in it, holds under a name; None if there is nothing."""
    value = module
    for part in qualname.split("."):
        value = vars(value).get(part) if isinstance(value, type) else getattr(value, part, None)
    return value


def unwrap_function(value: Any) -> types.FunctionType | None:
    """Return the plain function inside decorators, as those of jax; None if there is none."""
    for _ in range(12):
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        elif isinstance(value, functools.cached_property):
            value = value.func
        elif isinstance(value, property):
            value = value.fget
        elif isinstance(value, jax.custom_vjp | jax.custom_jvp):
            value = value.fun
        elif (wrapped := getattr(value, "__wrapped__", None)) is not None:
            value = wrapped
        else:
            break
    return value if isinstance(value, types.FunctionType) else None
