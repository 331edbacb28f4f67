"""Prints what `generate` shows at its end, on stdout: a summary, and one row."""

import collections
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from jax_ir_synth.cli.left_out import LeftOut, path_beside
from jax_ir_synth.request.choices import unpack_names
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.row_view import find_category
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.terminal.console import format_size, plain_console, printable

# The number of lines of the shown row's IR: enough for the header and the module's beginning.
_IR_LINES = 14


class Summary:
    """Counts of the rows, collected as they pass."""

    def __init__(self) -> None:
        self.rows: collections.Counter[tuple[str, str]] = collections.Counter()
        self.programs: dict[str, set[str]] = collections.defaultdict(set)
        self.skeletons: dict[str, set[str]] = collections.defaultdict(set)
        self.sample: dict[str, Any] | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Count a row; keep the first one, to show it."""
        category = find_category(row["type"])
        self.rows[category, split_of(row["skeleton_hash"])] += 1
        self.programs[category].add(row["program_hash"])
        self.skeletons[category].add(row["skeleton_hash"])
        if self.sample is None:
            self.sample = row


def show(
    summary: Summary, request: Request, output: Path, seconds: float, left_out: LeftOut
) -> None:
    """Print the table, the totals and one row. `seconds` is the time of the run."""
    console = plain_console()
    # No lines between the columns, which would not fit into 80 characters.
    table = Table(
        title=printable(str(output)),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("category")
    for name in (*SPLITS, "rows", "programs", "skeletons", "left out"):
        table.add_column(name, justify="right")
    for category in request.categories:
        in_splits = [summary.rows[category, split] for split in SPLITS]
        distinct = len(summary.programs[category]), len(summary.skeletons[category])
        counts = *in_splits, sum(in_splits), *distinct, left_out.rows[category]
        table.add_row(category, *map(str, counts))
    table.add_section()
    in_splits = [
        sum(summary.rows[category, split] for category in request.categories) for split in SPLITS
    ]
    # Counted across categories, so that a program in two of them counts once.
    programs = len(set().union(*summary.programs.values()))
    skeletons = len(set().union(*summary.skeletons.values()))
    totals = *in_splits, sum(in_splits), programs, skeletons, left_out.rows.total()
    table.add_row("all", *map(str, totals))
    console.print(table)
    if left_out:
        where = path_beside(output) or "stderr"
        console.print(f"{left_out}: {where} says which and why", soft_wrap=True)
    size = sum(path.stat().st_size for path in (output, *output.rglob("*")) if path.is_file())
    # A stream has no size.
    place, written = (f"{printable(str(output))}: ", f" {format_size(size)},") if size else ("", "")
    console.print(
        f"{place}{sum(in_splits)} rows,{written} {seconds:.1f} s, "
        f"{sum(in_splits) / seconds:.1f} rows/s; config={request.category} seed={request.seed} "
        f"device={request.device} dialect={','.join(unpack_names(request.dialect))} "
        f"passes={','.join(unpack_names(request.passes))}",
        soft_wrap=True,
    )
    if summary.sample is not None:
        _show_row(console, summary.sample)


def _show_row(console: Console, row: dict[str, Any]) -> None:
    ir = (row["cpp"] if row["cpp"] is not None else row["cuda"]).splitlines()
    rest = len(ir) - _IR_LINES
    more = f"\n... {rest} more lines" if rest > 0 else ""
    console.print(f"\nrow {row['id']} ({row['type']}):")
    if console.is_terminal:
        console.print(Syntax(row["python"].rstrip(), "python", background_color="default"))
    else:
        console.print(row["python"].rstrip(), soft_wrap=True)
    shown = "\n".join(ir[:_IR_LINES])
    console.print(f"\n{shown}{more}", soft_wrap=True)
