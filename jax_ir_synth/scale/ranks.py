"""Runs a rank of an executor, in the process that makes the rows; a failure is a message."""

from datatrove.executor.base import PipelineExecutor

from jax_ir_synth.generate.defects import RowError
from jax_ir_synth.scale import ScaleError

# How often a rank is tried if its process dies (is killed, or loses its machine).
TRIES = 4


def run_rank(executor: PipelineExecutor, rank: int) -> str | None:
    """Run a rank; return None, or the reason why it failed.

    datatrove writes a log with the traceback into the executor's folder, and marks completed ranks
    there.
    """
    try:
        # Any number but 0 keeps the log, except errors, off the terminal.
        executor._run_for_rank(rank, local_rank=1)
    except Exception as error:
        return _message(error)
    return None


def _message(error: Exception) -> str:
    """Find the first error, since on a full disk datatrove's log fails too, after the task."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ScaleError, RowError)):
            return str(cause)
        cause = cause.__context__
    return f"{type(error).__name__}: {error}"
