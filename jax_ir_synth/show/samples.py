"""One row of each category as a page to read."""

import difflib
from collections.abc import Iterable, Mapping

from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.terminal.markdown import fenced

# A row that is quickly read and yet shows something: lines of Python, bytes of one IR column.
LINES = range(6, 21)
MAX_IR_BYTES = 12_000
# Categories with more such rows are shown by one whose CPU and CUDA text differ.
OFTEN = 0.1


def get_file_name(category: str) -> str:
    """The name of a category's file. Raises ValueError for what is none."""
    if category not in CATEGORIES:
        raise ValueError(f"its type is of no category (={category!r:.60})")
    return f"{category}.md"


def require_columns(row: dict) -> dict:
    """The row itself. Raises ValueError if it lacks a column."""
    from jax_ir_synth.schema.columns import SCHEMA

    missing = [name for name in SCHEMA.names if name not in row]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")
    return row


def choose_rows(views: Iterable[RowView]) -> dict[str, RowView]:
    """For each category there is, in the order of ids, the row to show."""
    chooser = Chooser()
    for view in views:
        chooser.add(view)
    return chooser.chosen()


class Chooser:
    """Chooses over rows that come one by one, whatever their order; keeps two of each category."""

    def __init__(self):
        # By category: the first id, how many differ and don't, the best of those and of these.
        self._first: dict[str, int] = {}
        self._counts: dict[str, list[int]] = {}
        self._best: dict[str, dict[bool, tuple[tuple, RowView]]] = {}

    def add(self, view: RowView) -> None:
        """Looks at one more row."""
        number, category = view.row["id"], view.category
        self._first[category] = min(number, self._first.get(category, number))
        self._counts.setdefault(category, [0, 0])[view.differs] += 1
        best = self._best.setdefault(category, {})
        misses = (*_misses(view), number)
        if view.differs not in best or misses < best[view.differs][0]:
            best[view.differs] = misses, view

    def chosen(self) -> dict[str, RowView]:
        """See `chosen`."""
        return {
            category: self._choice(category)
            for category in sorted(self._first, key=self._first.__getitem__)
        }

    def _choice(self, category: str) -> RowView:
        alike, differ = self._counts[category]
        often_differs = differ > OFTEN * (alike + differ)
        best = self._best[category]
        return best[often_differs if often_differs in best else not often_differs][1]


def _misses(view: RowView) -> tuple[bool, int]:
    size = max(len(text.encode()) for text in view.texts.values())
    return view.facts.lines not in LINES, size if size > MAX_IR_BYTES else 0


def render_sample(view: RowView) -> str:
    """The Markdown text for one row."""
    row, ir = view.row, view.ir
    parts = [
        f"# {view.category}: `{row['kernel_name']}`",
        f"Row {row['id']}, split {view.split}, lowered by jax {row['jax_version']}, "
        f"verified: {row['verified']}.",
        "## Python (`python`)",
        fenced("python", row["python"]),
        "## Arguments (`in_avals`, `argnums`)",
        _arguments(row),
        f"## IR (`{next(iter(view.columns))}`)",
        "Forward:",
        fenced("mlir", ir.forward),
        f"Backward, by the arguments {', '.join(map(str, row['argnums']))}:",
        fenced("mlir", ir.backward),
    ]
    if len(view.texts) > 1:
        parts.append("## From the CPU's text (`cpp`) to CUDA's (`cuda`)")
        parts.append(_difference(view))
    return "\n\n".join(parts) + "\n"


def _arguments(row: Mapping) -> str:
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


def _difference(view: RowView) -> str:
    if not view.differs:
        return "No difference but the header's `backend=gpu`."
    cpp, cuda = (view.row[name].splitlines() for name in ("cpp", "cuda"))
    lines = difflib.unified_diff(cpp, cuda, "cpp", "cuda", lineterm="", n=1)
    return fenced("diff", "\n".join(lines))
