"""Keeps processes that judge, from one call to the next, for all threads of this process."""

import atexit
import concurrent.futures
import os
import threading
from collections.abc import Iterable

from jax_ir_synth.evaluate import pool
from jax_ir_synth.evaluate.judgement import Judgement
from jax_ir_synth.evaluate.options import GIGABYTES, SECONDS
from jax_ir_synth.evaluate.pool import Limits, Question

# Each starts when it is needed, so this is only a bound.
_MOST = 256


class _Kept:
    """The judges of this process. A forked process has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._judges: pool.Judges | None = None

    def get(self) -> pool.Judges:
        """Return the judges."""
        with self._lock:
            if self._judges is None:
                self._judges = pool.Judges(_MOST, Limits(SECONDS, GIGABYTES))
            return self._judges

    def close(self) -> None:
        """End the judges, if there are any. The next call starts others."""
        with self._lock:
            judges, self._judges = self._judges, None
        if judges is not None:
            judges.close()


_kept = _Kept()
atexit.register(lambda: _kept.close())


def _forget() -> None:
    """Leave the parent's judges alone, and its lock, which another thread may have held."""
    global _kept
    _kept = _Kept()


os.register_at_fork(after_in_child=_forget)


def submit(
    questions: Iterable[Question], limits: Limits, number: int | None = None
) -> "list[concurrent.futures.Future[Judgement]]":
    """Have questions judged, and return the judgements to come.

    Args:
      questions: the questions.
      limits: the limits for each.
      number: how many processes judge at once, these and all other questions; by default as many
        as this process may use cores.
    """
    return _kept.get().submit(questions, limits, number or _cores())


def _cores() -> int:
    # Not every system says which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def close() -> None:
    """End the processes; they would end with this one."""
    _kept.close()
