"""Proves each row of a saved dataset again, in a sandbox."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jax_ir_synth.schema.read_result import ReadResult
from jax_ir_synth.verify.sandbox import Limits, Outcome, Sandbox

# The function that is called with each row; tests use others.
CHECK = "jax_ir_synth.verify.check:check"
CHECK_BY_ARRAYS = "jax_ir_synth.verify.check:check_by_arrays"


def prove_each(
    entries: Iterable[ReadResult],
    count: int,
    check: str,
    number: int,
    limits: Limits,
    settle: Callable[[ReadResult, Outcome], None],
    progress: Callable[[Iterator[Any], int], Iterator[Any]],
) -> None:
    """Call `settle` with each entry and its outcome, in order, and show the progress.

    Args:
      entries: the rows as they are read; not empty. They are iterated over once.
      count: the number of entries.
      check: see `Sandbox`.
      number: the number of helper processes at most.
      limits: the limits for each row.
      settle: called with each entry and its outcome. It may raise to end the run.
      progress: shows the progress, as `terminal.progress.progress` does.

    Raises:
      SandboxError: no helper process can be started.
    """
    with Sandbox(check, min(number, count), limits) as sandbox:
        done = sandbox.outcomes(_list_jobs(entries))
        for (entry, reason), outcome in progress(done, count):
            settle(entry, Outcome(False, reason) if outcome is None else outcome)


def _list_jobs(
    entries: Iterable[ReadResult],
) -> Iterator[Any]:
    """For each entry, give it with the reason not to check it, if any, and the row to check."""
    # A helper sees a single row, so it can't notice an id that occurs twice.
    ids: dict[int, str] = {}
    for entry in entries:
        reason, number = entry.fault, None
        if entry.row is not None:
            number = entry.row.get("id")
        if type(number) is int:
            if number in ids:
                reason = f"its id (={number}) is that of {ids[number]} too"
            ids.setdefault(number, entry.where)
        yield (entry, reason), None if reason else entry.row
