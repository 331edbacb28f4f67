"""Pauses Python's garbage collector during work that makes many objects at once."""

import contextlib
import gc
import threading
from collections.abc import Iterator

# In a process of this package's own, young garbage is collected after every 8th piece of work,
# which is some megabytes, and all of it after every 512th.
_PIECES, _PIECES_FOR_ALL = 8, 512


class _Here(threading.local):
    """How many pauses this thread is inside."""

    depth = 0


_here = _Here()
# The pieces of work so far in a process that collects by hand; None in others.
_pieces: int | None = None


def collect_by_hand() -> None:
    """Turn the collector off in a process of this package's own; pieces of work then call it.

    By itself it would look at all that a piece of work has left right after it, most of which is
    in use or already freed.
    """
    global _pieces
    gc.disable()
    # It needn't look at objects that are never freed.
    gc.freeze()
    _pieces = 0


@contextlib.contextmanager
def pause_gc() -> Iterator[None]:
    """Pause the collector inside the `with` block; its next run collects what the work has left.

    jax makes some hundred thousand objects for a kernel, most of which live until it is lowered.
    The collector would visit them again and again, which takes a fifth of a lowering's time.
    """
    enabled = gc.isenabled()
    gc.disable()
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1
        if enabled:
            gc.enable()
        elif _pieces is not None and not _here.depth:
            _finish_piece(_pieces + 1)


def _finish_piece(number: int) -> None:
    global _pieces
    _pieces = number
    if number % _PIECES_FOR_ALL == 0:
        gc.collect()
    elif number % _PIECES == 0:
        gc.collect(1)
