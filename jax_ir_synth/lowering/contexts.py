"""Shares an MLIR context among lowerings, since making one costs as much as a small lowering."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, cast

from jax.interpreters import mlir
from jaxlib.mlir import ir

# The name of jax's function that makes a context.
_MAKER = "make_ir_context"
# A context keeps every type and attribute it has seen, so it is replaced now and then. With one of
# jax's, what `fast.tables` keeps is lost; but what is lowered in it is of this process, not a text
# from anywhere.
_USES_FOR_JAX, _USES_FOR_TEXTS = 1000, 100


class _Contexts(threading.local):
    """This thread's context; `sharing` says whether jax uses it."""

    def __init__(self, uses: int) -> None:
        self.sharing = False
        self._uses = uses
        self._left = 0
        self._context: ir.Context | None = None

    def take(self, make: Callable[[], ir.Context]) -> ir.Context:
        """Return the context; a new one once it has been used often enough."""
        if self._context is None or self._left == 0:
            self._context, self._left = make(), self._uses
            # jax's contexts share a thread pool. A forked process inherits the pool without its
            # threads, and would wait for them forever.
            self._context.enable_multithreading(False)
        self._left -= 1
        return self._context


_for_jax, _for_texts = _Contexts(_USES_FOR_JAX), _Contexts(_USES_FOR_TEXTS)


def get_context() -> ir.Context:
    """Return a context in which to parse a module's text."""
    return _for_texts.take(mlir.make_ir_context)


@contextlib.contextmanager
def share_context() -> Iterator[None]:
    """Make jax share one context for all lowerings inside, in this thread; the text is unaffected.

    If this version of jax makes its contexts in another place, each lowering has its own.
    """
    _install()
    before, _for_jax.sharing = _for_jax.sharing, True
    try:
        yield
    finally:
        _for_jax.sharing = before


@functools.cache
def _install() -> None:
    """Patch jax once for this process; outside `share_context` it makes contexts as before."""
    private = _home()
    make = getattr(private, _MAKER, None)
    if make is None:
        return

    @functools.wraps(make)
    def make_or_share(*args: Any, **kwargs: Any) -> ir.Context:
        if _for_jax.sharing and not args and not kwargs:
            return _for_jax.take(make)
        return cast(ir.Context, make(*args, **kwargs))

    setattr(private, _MAKER, make_or_share)


def _home() -> ModuleType:
    """Return the module in which jax looks up the function that makes contexts."""
    from jax._src.interpreters import mlir as private

    return private
