"""Counts the outcomes of rows, and prints a line for each failure and a table of all counts."""

import collections
import sys
from typing import Any, NamedTuple

from rich.table import Table

from jax_ir_synth.request.categories import KINDS
from jax_ir_synth.schema.row_view import TYPES
from jax_ir_synth.schema.verification import shorten_status
from jax_ir_synth.terminal.console import plain_console, printable

# The category of rows whose type names none, and of lines that hold no row.
_UNKNOWN = "unknown"
_FAILURES_SHOWN = 20


class Failure(NamedTuple):
    """A row that is not proven: its place, its id and category, and the reason in full."""

    where: str
    id: int | None
    category: str
    reason: str


class Results:
    """Counts of the rows, and all failures.

    Args:
      verbose: whether to print each failure in full, rather than its first line.
    """

    def __init__(self, verbose: bool = False):
        self.failures: list[Failure] = []
        self.rows = 0
        self._verbose = verbose
        self._proven: collections.Counter[tuple[str, str]] = collections.Counter()
        self._failed: collections.Counter[str] = collections.Counter()

    def count_proven(self, row: dict[str, Any], way: str) -> None:
        """Count a row that was proven, or that says itself that it isn't.

        Args:
          row: the row.
          way: its verification status.
        """
        self.rows += 1
        self._proven[find_category(row), shorten_status(way)] += 1

    def count_failed(self, where: str, row: dict[str, Any] | None, reason: str) -> None:
        """Count a row that was not proven, and print it on stderr, unless there are many."""
        self.rows += 1
        category = find_category(row)
        number = row.get("id") if row is not None else None
        failure = Failure(where, number if type(number) is int else None, category, reason)
        self._failed[category] += 1
        self.failures.append(failure)
        if len(self.failures) <= _FAILURES_SHOWN:
            self._print_failure(failure)

    def show(self, title: str) -> None:
        """Print how many failures were not printed, and the table of all counts."""
        more = len(self.failures) - _FAILURES_SHOWN
        if more > 0:
            print(f"... and {more:,} more that failed", file=sys.stderr)
        ways = sorted({way for _, way in self._proven})
        table = Table(title=printable(title), title_justify="left", title_style="bold")
        table.add_column("category")
        for name in ("rows", *map(printable, ways), "failed"):
            table.add_column(name, justify="right")
        for category in self._list_categories():
            table.add_row(category, *self._format_counts([category], ways))
        table.add_section()
        table.add_row("all", *self._format_counts(self._list_categories(), ways))
        plain_console().print(table)

    def figures(self) -> dict[str, Any]:
        """Return all counts and failures as plain values."""
        return {
            "rows": self.rows,
            "failed": len(self.failures),
            "categories": {
                category: {
                    "proven": {
                        way: count
                        for (here, way), count in sorted(self._proven.items())
                        if here == category
                    },
                    "failed": self._failed[category],
                }
                for category in self._list_categories()
            },
            "failures": [failure._asdict() for failure in self.failures],
        }

    def _list_categories(self) -> list[str]:
        there = {category for category, _ in self._proven} | set(self._failed)
        return [category for category in (*KINDS, _UNKNOWN) if category in there]

    def _format_counts(self, categories: list[str], ways: list[str]) -> list[str]:
        failed = sum(self._failed[category] for category in categories)
        by_way = [sum(self._proven[category, way] for category in categories) for way in ways]
        return [f"{count:,}" for count in (failed + sum(by_way), *by_way, failed)]

    def _print_failure(self, failure: Failure) -> None:
        first, *rest = failure.reason.splitlines() or [""]
        number = "" if failure.id is None else f"id {failure.id}, "
        lines = [f"{failure.where}: {number}{failure.category}: {first}"]
        if self._verbose:
            lines += [f"    {line}" for line in rest]
        for line in lines:
            print(printable(line), file=sys.stderr)


def find_category(row: dict[str, Any] | None) -> str:
    """Find the category that a row's type names; `unknown` for any other value."""
    kind = row.get("type") if row is not None else None
    return TYPES.get(kind, _UNKNOWN) if isinstance(kind, str) else _UNKNOWN
