"""Numbers the errors of `checkify` from 1 in each lowering; jax counts on through the process."""

import contextlib
import functools
import itertools
import threading
from collections.abc import Iterator
from typing import Any

# The name of jax's function that returns the next number.
_COUNTER = "next_code"


class _Here(threading.local):
    """This thread's numbers, while it lowers."""

    codes: Iterator[int] | None = None


_here = _Here()


@contextlib.contextmanager
def count_anew() -> Iterator[None]:
    """Number this thread's errors from 1 inside; other threads never see a change.

    If this version of jax counts in another place, the numbers are jax's.
    """
    _install()
    before, _here.codes = _here.codes, itertools.count(1)
    try:
        yield
    finally:
        _here.codes = before


@functools.cache
def _install() -> None:
    """Patch jax once for this process; outside of `count_anew` it counts as before."""
    from jax._src import checkify as private

    original: Any = getattr(private, _COUNTER, None)
    if original is None:
        return

    def next_code() -> int:
        codes = _here.codes
        return int(original()) if codes is None else next(codes)

    setattr(private, _COUNTER, next_code)
