"""Proves each row of a saved dataset anew, in a sandbox."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jax_ir_synth.schema.read_result import ReadResult
from jax_ir_synth.verify.sandbox import Limits, Outcome, Sandbox

# What is called with each row; tests put others in its place.
CHECK = "jax_ir_synth.verify.check:check"


def prove_each(
    entries: Iterable[ReadResult],
    count: int,
    check: str,
    number: int,
    limits: Limits,
    settle: Callable[[ReadResult, Outcome], None],
    progress: Callable[[Iterator[Any], int], Iterator[Any]],
) -> None:
    """Call `settle` with each entry and what became of it, in order, and show the progress.

    Args:
      entries: the rows as they are read, gone through once; not empty.
      count: how many there are.
      check: see `Sandbox`.
      number: helper processes at most.
      limits: for each row.
      settle: may raise, which ends it.
      progress: shows how far it is, as `terminal.progress.progress`.

    Raises:
      SandboxError: not even a helper without a row works.
    """
    with Sandbox(check, min(number, count), limits) as sandbox:
        done = sandbox.outcomes(_jobs(entries))
        for (entry, reason), outcome in progress(done, count):
            settle(entry, Outcome(False, reason) if outcome is None else outcome)


def _jobs(
    entries: Iterable[ReadResult],
) -> Iterator[Any]:
    """For each entry: it and why it is not looked at, if so; and the row for a helper."""
    # What a row can't tell of itself; all else about it is a helper's to find out.
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
