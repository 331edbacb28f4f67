"""An MLIR context that many lowerings share: to make one costs as much as a small lowering."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, cast

from jax.interpreters import mlir
from jaxlib.mlir import ir

# The name of what makes a context, in jax.
_MAKER = "make_ir_context"
# A context keeps every type and attribute it has seen, so it is replaced now and then.
_USES = 100


class _Contexts(threading.local):
    """This thread's context. `sharing`: whether jax is to take it."""

    def __init__(self) -> None:
        self.sharing = False
        self._left = 0
        self._context: ir.Context | None = None

    def take(self, make: Callable[[], ir.Context]) -> ir.Context:
        """The context, made anew when it has been used often enough."""
        if self._context is None or self._left == 0:
            self._context, self._left = make(), _USES
            # jax's contexts share a pool of threads, which a process forked off inherits without
            # its threads: it would wait for them for ever.
            self._context.enable_multithreading(False)
        self._left -= 1
        return self._context


_for_jax, _for_texts = _Contexts(), _Contexts()


def get_context() -> ir.Context:
    """A context to parse a module's text in."""
    return _for_texts.take(mlir.make_ir_context)


@contextlib.contextmanager
def share_context() -> Iterator[None]:
    """What jax lowers inside, in this thread, it lowers in one context; the text is the same.

    Where this jax makes its contexts elsewhere than is known here, each lowering has its own.
    """
    _install()
    before, _for_jax.sharing = _for_jax.sharing, True
    try:
        yield
    finally:
        _for_jax.sharing = before


@functools.cache
def _install() -> None:
    """Once for a process, and for good: outside of `share_context` jax gets what it had."""
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
    """Where this jax looks up what makes a context for each lowering."""
    from jax._src.interpreters import mlir as private

    return private
