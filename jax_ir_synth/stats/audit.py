"""Checks that rows keep the project's promises; each tells the rows that don't, and why.

A check is an object that is called with one row after another and gives the reasons why that row
breaks the promise, given those before it. So a dataset of any size is audited in one pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from jax_ir_synth import kernels
from jax_ir_synth.lowering import op_counts
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import RowView, digest
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.verify.consistency import ConsistencyCheck

MAX_ROW_BYTES = 64 * 1024

Check = Callable[[RowView], Iterator[str]]


class Fault(NamedTuple):
    """One broken promise: which check found it, in the row of which id, and what is wrong."""

    check: str
    id: int | None
    reason: str


class TooLong:
    """Rows whose text has more than MAX_ROW_BYTES bytes, all columns together.

    It is StableHLO's length that is bounded: rows that hold other dialects are as long as they are.
    """

    def __call__(self, view: RowView) -> Iterator[str]:
        """The reasons why this row breaks the promise."""
        alone = all(len(columns) == 1 for columns in view.sections.values())
        if alone and view.size > MAX_ROW_BYTES:
            yield f"its text is {view.size} bytes, more than {MAX_ROW_BYTES}"


class Duplicates:
    """Rows that repeat an earlier one's program (`program_hash`) or Python text."""

    def __init__(self):
        self._seen: dict[tuple[str, bytes], int] = {}

    def __call__(self, view: RowView) -> Iterator[str]:
        """The reasons why this row breaks the promise."""
        for column in ("program_hash", "python"):
            key = column, digest(view.row[column])
            if key in self._seen:
                yield f"its {column} is that of row {self._seen[key]}"
            else:
                self._seen[key] = view.row["id"]


class Leaks:
    """Rows that have in another split what they must share with none.

    That is: the skeleton, the IR text once names and numbers are masked, or the Python text
    likewise (see `masking`). A row that a container has in another split than its skeleton's is
    one as well.
    """

    def __init__(self):
        self._seen: dict[tuple[str, bytes], tuple[str, int]] = {}

    def __call__(self, view: RowView) -> Iterator[str]:
        """The reasons why this row breaks the promise."""
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
    """Rows whose IR has not the features of exactly one category: that of their `type`."""

    def __call__(self, view: RowView) -> Iterator[str]:
        """The reasons why this row breaks the promise."""
        features = op_counts.features(view.ir.forward, view.ir.backward)
        holds = [category for category in CATEGORIES if kernels.signature(category).holds(features)]
        if holds != [view.category]:
            yield (
                f"its type is {view.row['type']}, its IR is of {', '.join(holds) or 'none'} "
                f"(features: {', '.join(sorted(features))})"
            )


OTHERS = {
    "too_long": TooLong,
    "duplicates": Duplicates,
    "leaks": Leaks,
    "category_mismatch": CategoryMismatch,
}
# All that an audit looks for; the others need rows that are consistent.
CHECKS = ("inconsistent", *OTHERS)


class Audit:
    """All checks over rows that come one by one."""

    def __init__(self):
        self._whole = ConsistencyCheck()
        self._others = {name: check() for name, check in OTHERS.items()}

    def __call__(self, view: RowView) -> list[Fault]:
        """The row's faults; an inconsistent one isn't looked at further."""
        faults = _faults("inconsistent", self._whole, view)
        if not faults:
            for name, check in self._others.items():
                faults += _faults(name, check, view)
        return faults


def audit(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """Every fault in rows given as plain dicts (or as `RowView`, where a split was stored)."""
    run = Audit()
    return [fault for view in _views(rows) for fault in run(view)]


def find_inconsistent(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """See `verify.consistency.ConsistencyCheck`. The other checks need rows that pass it."""
    return _found("inconsistent", ConsistencyCheck(), rows)


def find_too_long(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """See `TooLong`."""
    return _found("too_long", TooLong(), rows)


def find_duplicates(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """See `Duplicates`."""
    return _found("duplicates", Duplicates(), rows)


def find_leaks(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """See `Leaks`."""
    return _found("leaks", Leaks(), rows)


def find_category_mismatches(rows: Iterable[Mapping | RowView]) -> list[Fault]:
    """See `CategoryMismatch`."""
    return _found("category_mismatch", CategoryMismatch(), rows)


def _views(rows: Iterable[Mapping | RowView]) -> Iterator[RowView]:
    return (row if isinstance(row, RowView) else RowView(row) for row in rows)


def _found(name: str, check: Check, rows: Iterable[Mapping | RowView]) -> list[Fault]:
    return [fault for view in _views(rows) for fault in _faults(name, check, view)]


def _faults(name: str, check: Check, view: RowView) -> list[Fault]:
    return [Fault(name, view.row.get("id"), reason) for reason in check(view)]
