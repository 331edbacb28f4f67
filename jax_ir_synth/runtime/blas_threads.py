"""Lets BLAS compute in one thread while this package works, and then in as many as before.

NumPy's and SciPy's BLAS start a thread for each core, which waits for its part even of a matrix of
a few elements, and spins meanwhile. Programs have only such matrices. A helper's environment has
the same effect from its start; a caller's process has other work, too.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

# Held by the thread that has set the number, which belongs to the process. The same thread restores
# it, since threadpoolctl lets no other thread do so.
_lock = threading.Lock()


@contextlib.contextmanager
def use_one_blas_thread() -> Iterator[None]:
    """Let BLAS compute in one thread inside the `with` block, in all of this process.

    If several threads are inside, that holds until the one that came first leaves its block. The
    others then continue with the caller's number of threads, which only takes longer.
    """
    lock = _lock
    if not lock.acquire(blocking=False):
        yield
        return
    try:
        with _find_libraries().limit(limits=1):
            yield
    finally:
        lock.release()


@functools.cache
def _find_libraries() -> Any:
    """Find NumPy's and SciPy's BLAS, which takes some milliseconds."""
    # SciPy has a library of its own, which is found only once it is loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _forget() -> None:
    """Replace the lock after a fork, since the thread that holds it isn't in the child."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget)
