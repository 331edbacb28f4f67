"""Gives the private modules of jax as `Any`, since nothing of them is promised."""

import functools
import importlib
from typing import Any


@functools.cache
def private(name: str) -> Any:
    """Return the module `jax._src.<name>`."""
    return importlib.import_module(f"jax._src.{name}")
