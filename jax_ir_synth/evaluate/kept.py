"""Keeps processes that judge, from one call to the next, for all threads of this process."""

import concurrent.futures
import os
from collections.abc import Iterable

from jax_ir_synth.evaluate import pool
from jax_ir_synth.evaluate.judgement import Judgement
from jax_ir_synth.evaluate.options import GIGABYTES, SECONDS
from jax_ir_synth.evaluate.pool import Limits, Question
from jax_ir_synth.runtime.helper import OfThisProcess

# Each starts when it is needed, so this is only a bound.
_MOST = 256
_judges: OfThisProcess["pool.Judges"] = OfThisProcess()


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
    judges = _judges.get(None, lambda: pool.Judges(_MOST, Limits(SECONDS, GIGABYTES)))
    return judges.submit(questions, limits, number or _cores())


def _cores() -> int:
    # Not every system says which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def close() -> None:
    """End the processes; they would end with this one. The next call starts others."""
    _judges.close()
