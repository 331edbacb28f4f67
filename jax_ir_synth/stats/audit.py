"""Checks that rows keep the project's promises; each tells the rows that don't, and why.

A check is an object that is called with one row after another and gives the reasons why that row
breaks the promise, given those before it. So a dataset of any size is audited in one pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from jax_ir_synth import kernels
from jax_ir_synth.lowering import op_counts
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import Reading, digest
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.verify.consistency import Malformed

MAX_ROW_BYTES = 64 * 1024

Check = Callable[[Reading], Iterator[str]]


class Fault(NamedTuple):
    """One broken promise: which check found it, in the row of which id, and what is wrong."""

    check: str
    id: int | None
    reason: str


class TooLong:
    """Rows whose text has more than MAX_ROW_BYTES bytes, all columns together.

    It is StableHLO's length that is bounded: rows that hold other dialects are as long as they are.
    """

    def __call__(self, reading: Reading) -> Iterator[str]:
        alone = all(len(columns) == 1 for columns in reading.sections.values())
        if alone and reading.size > MAX_ROW_BYTES:
            yield f"its text is {reading.size} bytes, more than {MAX_ROW_BYTES}"


class Duplicates:
    """Rows that repeat an earlier one's program (`program_hash`) or Python text."""

    def __init__(self):
        self._seen: dict[tuple[str, bytes], int] = {}

    def __call__(self, reading: Reading) -> Iterator[str]:
        for column in ("program_hash", "python"):
            key = column, digest(reading.row[column])
            if key in self._seen:
                yield f"its {column} is that of row {self._seen[key]}"
            else:
                self._seen[key] = reading.row["id"]


class Leaks:
    """Rows that have in another split what they must share with none.

    That is: the skeleton, the IR text once names and numbers are masked, or the Python text
    likewise (see `masking`). A row that a container has in another split than its skeleton's is
    one as well.
    """

    def __init__(self):
        self._seen: dict[tuple[str, bytes], tuple[str, int]] = {}

    def __call__(self, reading: Reading) -> Iterator[str]:
        skeleton = reading.row["skeleton_hash"]
        here = (reading.split, reading.row["id"])
        if reading.split != split_of(skeleton):
            yield f"it is in {reading.split}, its skeleton belongs to {split_of(skeleton)}"
        for what, key in (
            ("skeleton_hash", digest(skeleton)),
            ("IR without names and numbers", reading.masked_ir),
            ("Python without names and numbers", reading.masked_python),
        ):
            split, first = self._seen.setdefault((what, key), here)
            if split != reading.split:
                yield f"its {what} ({reading.split}) is that of row {first} ({split})"


class Strays:
    """Rows whose IR has not the features of exactly one category: that of their `type`."""

    def __call__(self, reading: Reading) -> Iterator[str]:
        features = op_counts.features(reading.ir.forward, reading.ir.backward)
        holds = [category for category in CATEGORIES if kernels.signature(category).holds(features)]
        if holds != [reading.category]:
            yield (
                f"its type is {reading.row['type']}, its IR is of {', '.join(holds) or 'none'} "
                f"(features: {', '.join(sorted(features))})"
            )


OTHERS = {"too_long": TooLong, "duplicates": Duplicates, "leaks": Leaks, "strays": Strays}
# All that an audit looks for; the others need rows that are not malformed.
CHECKS = ("malformed", *OTHERS)


class Audit:
    """All checks over rows that come one by one."""

    def __init__(self):
        self._whole = Malformed()
        self._others = {name: check() for name, check in OTHERS.items()}

    def __call__(self, reading: Reading) -> list[Fault]:
        """The row's faults; one that is malformed is not looked at further."""
        faults = _faults("malformed", self._whole, reading)
        if not faults:
            for name, check in self._others.items():
                faults += _faults(name, check, reading)
        return faults


def audit(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """Every fault in rows given as plain dicts (or as `Reading`, where a split was stored)."""
    run = Audit()
    return [fault for reading in _readings(rows) for fault in run(reading)]


def malformed(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """Rows that are not whole, see `malformed.Malformed`. The other checks need whole rows."""
    return _found("malformed", Malformed(), rows)


def too_long(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """See `TooLong`."""
    return _found("too_long", TooLong(), rows)


def duplicates(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """See `Duplicates`."""
    return _found("duplicates", Duplicates(), rows)


def leaks(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """See `Leaks`."""
    return _found("leaks", Leaks(), rows)


def strays(rows: Iterable[Mapping | Reading]) -> list[Fault]:
    """See `Strays`."""
    return _found("strays", Strays(), rows)


def _readings(rows: Iterable[Mapping | Reading]) -> Iterator[Reading]:
    return (row if isinstance(row, Reading) else Reading(row) for row in rows)


def _found(name: str, check: Check, rows: Iterable[Mapping | Reading]) -> list[Fault]:
    return [fault for reading in _readings(rows) for fault in _faults(name, check, reading)]


def _faults(name: str, check: Check, reading: Reading) -> list[Fault]:
    return [Fault(name, reading.row.get("id"), reason) for reason in check(reading)]
