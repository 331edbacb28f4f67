"""A rank of an executor, run where the rows are made, with its failure as a message."""

from datatrove.executor.base import PipelineExecutor

from jax_ir_synth.generate.defects import RowError
from jax_ir_synth.scale import ScaleError

# How often a rank is begun whose process dies (is killed, loses its machine) under it.
TRIES = 4


def run_rank(executor: PipelineExecutor, rank: int) -> str | None:
    """Run a rank; None, or why it failed.

    datatrove writes a log with the traceback into the executor's folder, and marks there what is
    completed.
    """
    try:
        # Any number but 0 keeps the log off the terminal, but for errors.
        executor._run_for_rank(rank, local_rank=1)
    except Exception as error:
        return _message(error)
    return None


def _message(error: Exception) -> str:
    """What went wrong first: on a full disk datatrove's log fails too, after the task."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ScaleError, RowError)):
            return str(cause)
        cause = cause.__context__
    return f"{type(error).__name__}: {error}"
