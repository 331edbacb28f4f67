"""Keeps what lowerings in one MLIR context share: snippets of operations, constants, types."""

import threading
from collections.abc import Hashable
from typing import Any

from jaxlib.mlir import ir

# A table is emptied when it has so many entries, so that memory is bounded.
_MOST = 4096


class Tables:
    """What is kept for an MLIR context and a platform.

    Attributes:
      snippets: jax's lowered equations, by the keys under which it keeps them for a module.
      seen: how often equations were lowered, by their keys. Only what comes often is kept.
      constants: attributes of scalars with their types, by dtype and bytes.
      types: MLIR's types, by avals.
    """

    def __init__(self, context: ir.Context):
        self.context = context
        self.snippets: dict[Hashable, Any] = {}
        self.seen: dict[Hashable, int] = {}
        self.constants: dict[Hashable, tuple[ir.Attribute, ir.Type]] = {}
        self.types: dict[Any, Any] = {}

    def bound(self) -> None:
        """Empty the tables that are full. Only between modules, since a module relies on them."""
        for table in (self.snippets, self.seen, self.constants, self.types):
            if len(table) > _MOST:
                table.clear()


class _Kept(threading.local):
    """This thread's tables, by platform, for one context."""

    def __init__(self) -> None:
        self.tables: dict[str, Tables] = {}


_kept = _Kept()


def get_tables(context: ir.Context, platform: str) -> Tables:
    """Return the tables of a context and a platform; those of an earlier context are dropped."""
    found = _kept.tables.get(platform)
    if found is None or found.context is not context:
        if any(each.context is not context for each in _kept.tables.values()):
            _kept.tables.clear()
        found = _kept.tables[platform] = Tables(context)
    found.bound()
    return found
