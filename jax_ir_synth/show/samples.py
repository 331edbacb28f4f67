"""Samples: one row of each category, each as a Markdown page."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.terminal.markdown import fenced

# A sample is short, but not trivial: the lines of its Python, and the bytes of one IR column.
LINES = range(6, 21)
MAX_IR_BYTES = 12_000
# If CPU and CUDA differ in a larger share of a category's rows, its sample is such a row.
OFTEN = 0.1


def get_file_name(category: str) -> str:
    """Return the file name of a category's sample.

    Args:
      category: The name of a category.

    Raises:
      ValueError: There is no such category.
    """
    if category not in CATEGORIES:
        raise ValueError(f"its type is of no category (={category!r:.60})")
    return f"{category}.md"


def require_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row, after a check that it has all columns.

    Args:
      row: A row.

    Raises:
      ValueError: A column is missing.
    """
    from jax_ir_synth.schema.columns import SCHEMA

    missing = [name for name in SCHEMA.names if name not in row]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")
    return row


def choose_rows(views: Iterable[RowView]) -> dict[str, RowView]:
    """Choose a sample for each category.

    Args:
      views: Rows in any order.

    Returns:
      The samples by category, in the order of the category's first id.
    """
    chooser = Chooser()
    for view in views:
        chooser.add(view)
    return chooser.choose()


class Chooser:
    """Chooses samples from rows that are added one by one, in any order.

    It stores at most two rows of each category.
    """

    def __init__(self) -> None:
        # By category: the first id, the numbers of rows whose devices agree and differ, and the
        # best row of each kind with its sort key.
        self._first: dict[str, int] = {}
        self._counts: dict[str, list[int]] = {}
        self._best: dict[str, dict[bool, tuple[tuple[bool, int, int], RowView]]] = {}

    def add(self, view: RowView) -> None:
        """Add a row.

        Args:
          view: The row.
        """
        number, category = view.row["id"], view.category
        self._first[category] = min(number, self._first.get(category, number))
        self._counts.setdefault(category, [0, 0])[view.differs] += 1
        best = self._best.setdefault(category, {})
        misses = (*_misses(view), number)
        if view.differs not in best or misses < best[view.differs][0]:
            best[view.differs] = misses, view

    def choose(self) -> dict[str, RowView]:
        """Return the samples, see `choose_rows`."""
        return {
            category: self._choose_row(category)
            for category in sorted(self._first, key=self._first.__getitem__)
        }

    def _choose_row(self, category: str) -> RowView:
        alike, differ = self._counts[category]
        often_differs = differ > OFTEN * (alike + differ)
        best = self._best[category]
        return best[often_differs if often_differs in best else not often_differs][1]


def _misses(view: RowView) -> tuple[bool, int]:
    """Return whether the source's length is unsuitable, and the IR's size if it is too large."""
    size = max(len(text.encode()) for text in view.texts.values())
    return view.facts.lines not in LINES, size if size > MAX_IR_BYTES else 0


def render_sample(view: RowView) -> str:
    """Render a row as a Markdown page.

    Args:
      view: A row with StableHLO.
    """
    row, ir = view.row, view.ir
    parts = [
        f"# {view.category}: `{row['kernel_name']}`",
        f"Row {row['id']}, split {view.split}, lowered by jax {row['jax_version']}, "
        f"verified: {row['verified']}.",
        "## Python (`python`)",
        fenced("python", row["python"]),
        "## Arguments (`in_avals`, `argnums`)",
        _render_arguments(row),
        f"## IR (`{next(iter(view.columns))}`)",
        "Forward:",
        fenced("mlir", ir.forward),
        f"Backward, by the arguments {', '.join(map(str, row['argnums']))}:",
        fenced("mlir", ir.backward),
    ]
    if len(view.texts) > 1:
        parts.append("## From the CPU's text (`cpp`) to CUDA's (`cuda`)")
        parts.append(_render_difference(view))
    return "\n\n".join(parts) + "\n"


def _render_arguments(row: Mapping[str, Any]) -> str:
    lines = [
        "| | name | shape | dtype | from | to | differentiated |",
        "|--:|---|---|---|---|---|---|",
    ]
    for number, aval in enumerate(row["in_avals"]):
        differentiated = "yes" if number in row["argnums"] else "no"
        kind = f"{tuple(aval['shape'])} | {aval['dtype']}"
        bounds = f"{aval['low']:g} | {aval['high']:g}"
        lines.append(f"| {number} | `{aval['name']}` | {kind} | {bounds} | {differentiated} |")
    return "\n".join(lines)


def _render_difference(view: RowView) -> str:
    if not view.differs:
        return "No difference but the header's `backend=gpu`."
    cpp, cuda = (view.row[name].splitlines() for name in ("cpp", "cuda"))
    lines = difflib.unified_diff(cpp, cuda, "cpp", "cuda", lineterm="", n=1)
    return fenced("diff", "\n".join(lines))
