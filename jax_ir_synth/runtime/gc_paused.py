"""Keeps Python's garbage collector away from work that makes many objects at once."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def pause_gc() -> Iterator[None]:
    """No collection inside; the first after it takes all that the work has left.

    jax makes some hundred thousand objects for a kernel, most of which live until it is done. The
    collector would look at them time and again meanwhile: a fifth of a lowering's time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
