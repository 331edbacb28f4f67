"""The audit: checks that find the rows that break one of the project's promises.

A check is called with one row after another. For each row it yields the reasons why the row breaks
the promise, given the rows before it. So one pass audits a dataset of any size.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jax_ir_synth import kernels
from jax_ir_synth.lowering import op_counts
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import RowView, digest
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.verify.consistency import ConsistencyCheck

# The limit for a row in StableHLO: the bytes of all its text, in UTF-8.
MAX_ROW_BYTES = 64 * 1024

Check = Callable[[RowView], Iterator[str]]


class Fault(NamedTuple):
    """A broken promise.

    Attributes:
      check: The name of the check in CHECKS.
      id: The id of the row. None if the row has none.
      reason: What is wrong with the row.
    """

    check: str
    id: int | None
    reason: str


class TooLong:
    """Finds rows whose text is longer than MAX_ROW_BYTES, all columns together.

    Only StableHLO of the default passes has this limit. Rows with more than one dialect, or with
    other passes, pass.
    """

    def __call__(self, view: RowView) -> Iterator[str]:
        """Yield the reasons why a row breaks the promise."""
        single = all(
            len(sections) == 1 and not sections[0].others for sections in view.sections.values()
        )
        if single and view.size > MAX_ROW_BYTES:
            yield f"its text is {view.size} bytes, more than {MAX_ROW_BYTES}"


class Duplicates:
    """Finds rows whose program (`program_hash`) or Python source is that of an earlier row."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bytes], int] = {}

    def __call__(self, view: RowView) -> Iterator[str]:
        """Yield the reasons why a row breaks the promise."""
        for column in ("program_hash", "python"):
            key = column, digest(view.row[column])
            if key in self._seen:
                yield f"its {column} is that of row {self._seen[key]}"
            else:
                self._seen[key] = view.row["id"]


class Leaks:
    """Finds rows that share something with a row of another split.

    No two splits may share a skeleton, an IR text after masking, or a Python source after masking
    (see `masking`). A row that is stored in another split than that of its skeleton is a leak, too.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, bytes], tuple[str, int]] = {}

    def __call__(self, view: RowView) -> Iterator[str]:
        """Yield the reasons why a row breaks the promise."""
        skeleton = view.row["skeleton_hash"]
        here = (view.split, view.row["id"])
        if view.split != split_of(skeleton):
            yield f"it is in {view.split}, its skeleton belongs to {split_of(skeleton)}"
        for what, key in (
            ("skeleton_hash", digest(skeleton)),
            ("IR without names and numbers", view.masked_ir),
            ("Python without names and numbers", view.masked_python),
        ):
            split, first = self._seen.setdefault((what, key), here)
            if split != view.split:
                yield f"its {what} ({view.split}) is that of row {first} ({split})"


class CategoryMismatch:
    """Finds rows whose IR has the features of another category than `type`, or of several.

    The backward pass shows some of the features, so rows without it aren't checked.
    """

    def __call__(self, view: RowView) -> Iterator[str]:
        """Yield the reasons why a row breaks the promise."""
        if not view.ir.backward:
            return
        features = op_counts.find_features(view.ir.forward, view.ir.backward)
        holds = [category for category in CATEGORIES if kernels.signature(category).holds(features)]
        if holds != [view.category]:
            yield (
                f"its type is {view.row['type']}, its IR is of {', '.join(holds) or 'none'} "
                f"(features: {', '.join(sorted(features))})"
            )


OTHERS: dict[str, Callable[[], Check]] = {
    "too_long": TooLong,
    "duplicates": Duplicates,
    "leaks": Leaks,
    "category_mismatch": CategoryMismatch,
}
# What only synthesized rows promise.
_OF_SYNTHESIZED = frozenset(("too_long", "leaks", "category_mismatch"))
# All checks of an audit. The ones in OTHERS need consistent rows.
CHECKS = ("inconsistent", *OTHERS)


class Audit:
    """Runs all checks, row by row."""

    def __init__(self) -> None:
        self._consistency = ConsistencyCheck()
        self._others = {name: check() for name, check in OTHERS.items()}

    def __call__(self, view: RowView) -> list[Fault]:
        """Return the faults of a row. An inconsistent row gets no further check."""
        faults = _check_row("inconsistent", self._consistency, view)
        if not faults:
            for name, check in self._others.items():
                faults += _check_row(name, check, view)
        return faults


def audit(rows: Iterable[Mapping[str, Any] | RowView]) -> list[Fault]:
    """Run all checks.

    Args:
      rows: Rows in any order. Give a `RowView` for a row whose stored split is known.

    Returns:
      All faults, in the order of the rows.
    """
    run = Audit()
    return [fault for view in _wrap_rows(rows) for fault in run(view)]


def find_faults(name: str, rows: Iterable[Mapping[str, Any] | RowView]) -> list[Fault]:
    """Run one check alone.

    Args:
      name: One of `CHECKS`. All but `inconsistent` need rows that pass that one.
      rows: Rows in any order, see `audit`.
    """
    check = {"inconsistent": ConsistencyCheck, **OTHERS}[name]()
    return [fault for view in _wrap_rows(rows) for fault in _check_row(name, check, view)]


def _wrap_rows(rows: Iterable[Mapping[str, Any] | RowView]) -> Iterator[RowView]:
    return (row if isinstance(row, RowView) else RowView(row) for row in rows)


def _check_row(name: str, check: Check, view: RowView) -> list[Fault]:
    if name in _OF_SYNTHESIZED and view.is_collected:
        return []
    return [Fault(name, view.row.get("id"), reason) for reason in check(view)]
