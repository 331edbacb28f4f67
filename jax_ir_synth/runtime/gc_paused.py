"""Pauses Python's garbage collector during work that makes many objects at once."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def pause_gc() -> Iterator[None]:
    """Pause the collector inside the `with` block; its next run collects what the work has left.

    jax makes some hundred thousand objects for a kernel, most of which live until it is lowered.
    The collector would visit them again and again, which takes a fifth of a lowering's time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
