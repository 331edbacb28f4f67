"""Names functions, since jax names a module after the function that it lowers."""

import functools
from collections.abc import Callable
from typing import Any


def rename(fn: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that calls this one and has another name."""

    def call(*args: Any) -> Any:
        return fn(*args)

    call.__name__ = call.__qualname__ = name
    return call


def find_name(fn: Callable[..., Any]) -> str:
    """Find a callable's own name, or that of its type."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)


def has_hash(fn: Callable[..., Any]) -> bool:
    """Whether a callable has a hash; an object of a hashable class may hold what has none."""
    try:
        hash(fn)
    except TypeError:
        return False
    return True
