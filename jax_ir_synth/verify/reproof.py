"""The rows of a saved dataset, each proven anew in a helper process."""

from collections.abc import Callable, Iterator

from jax_ir_synth import report
from jax_ir_synth.columns import SCHEMA
from jax_ir_synth.saved import ADDED, Entry, Saved, SavedError
from jax_ir_synth.verify.sandbox import Limits, Outcome, Sandbox

# What a helper calls with each row; tests put others in its place.
CHECK = "jax_ir_synth.verify.checked:check"


def check_columns(saved: Saved, path) -> None:
    """Raise SavedError if there is no row, or a column is missing that a proof needs."""
    needed = (name for name in SCHEMA.names if name not in ADDED)
    missing = [name for name in needed if name not in (saved.columns or SCHEMA.names)]
    if missing:
        raise SavedError(f"`PATH` (={path}) has no column {', '.join(missing)}")
    if not saved.count:
        raise SavedError(f"`PATH` (={path}) holds no row")


def prove_each(
    saved: Saved,
    check: str,
    number: int,
    limits: Limits,
    settle: Callable[[Entry, Outcome], None],
) -> None:
    """Call `settle` with each entry and what became of it, in order, and show the progress.

    Args:
      saved: gone through once; not empty.
      check: see `Sandbox`.
      number: helper processes at most.
      limits: for each row.
      settle: may raise, which ends it.

    Raises:
      SandboxError: not even a helper without a row works.
    """
    with Sandbox(check, min(number, saved.count), limits) as sandbox:
        done = sandbox.outcomes(_jobs(saved.entries))
        for (entry, reason), outcome in report.progress(done, saved.count):
            settle(entry, Outcome(False, reason) if outcome is None else outcome)


def _jobs(entries) -> Iterator:
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
