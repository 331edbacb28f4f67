"""Prints the report in 45 lines: pass@k first, then by category, and the rungs."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from jax_ir_synth.evaluate.judgement import PASS, RUNGS
from jax_ir_synth.evaluate.options import FAIL
from jax_ir_synth.evaluate.report import Figures, Report
from jax_ir_synth.evaluate.tasks import BACKWARD, TASKS
from jax_ir_synth.terminal.console import plain_console, printable

# A prefix for a part's names if these don't explain themselves.
_PARTS = {"by_category": "", "by_split": "", "by_lines": "lines "}


def show(report: Report, console: Console | None = None) -> None:
    """Print pass@k, how many rows weren't scored, and tables, which fit 80 columns with two k.

    The texts' figures are printed of all rows; `Report.to_json` has them of each part.
    """
    console = console or plain_console()
    for line in _summarize(report):
        console.print(line, soft_wrap=True)
    columns = ("rows", *(f"pass@{k} % (95 %)" for k in report.overall.pass_at))
    rungs = [rung for rung in RUNGS if rung != PASS]
    for table in (
        _make_table(report, _PARTS, "", columns, _format_passes),
        _make_table(report, ["by_category"], "fails at, %", rungs, _format_failures),
    ):
        console.print()
        console.print(table)


def _summarize(report: Report) -> Iterator[str]:
    figures = report.overall
    yield ", ".join(
        f"pass@{k} {_format_percent(value)} % (95 %: {_format_ends(figures.intervals[k])})"
        for k, value in figures.pass_at.items()
    )
    yield (
        f"{TASKS[report.setting.task].title}, {figures.rows:,} rows of "
        f"{printable(report.setting.dataset['name'])}, {figures.completions:,} completions"
    )
    yield (
        f"exact {_format_percent(figures.exact)} %, renamed {_format_percent(figures.renamed)} %, "
        f"similarity {figures.similarity:.3f}"
    )
    yield from _describe_left_out(report)
    yield from map(printable, report.unjudged.describe())


def _make_table(
    report: Report,
    parts: Iterable[str],
    corner: str,
    columns: Sequence[str],
    cells: Callable[[Figures], Iterable[str]],
) -> Table:
    # With lines between the columns, those of all rungs wouldn't fit.
    table = Table(corner, box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    for part in parts:
        for name, figures in getattr(report, part).items():
            table.add_row(_PARTS[part] + printable(name), *cells(figures))
        table.add_section()
    table.add_row("all", *cells(report.overall))
    return table


def _format_passes(figures: Figures) -> Iterator[str]:
    yield f"{figures.rows:,}"
    for k, value in figures.pass_at.items():
        yield f"{_format_percent(value)} ({_format_ends(figures.intervals[k])})"


def _format_failures(figures: Figures) -> Iterator[str]:
    return (_format_percent(value) for rung, value in figures.ladder.items() if rung != PASS)


def _format_ends(interval: tuple[float, float]) -> str:
    """Format both ends, rounded outwards: the upper one is 0.0 only where it is exactly that."""
    low, high = interval
    return f"{_format_percent(low)}–{math.ceil(high * 1000 - 1e-9) / 10:.1f}"


def _format_percent(share: float) -> str:
    # Rounded down, since 2,999 of 3,000 are not 100 %; 1e-9 makes up for lost digits.
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f}"


def _describe_left_out(report: Report) -> Iterator[str]:
    counts = report.setting.dataset
    split = f"split {counts['split']}" if counts["split"] else "all splits"
    of = f"of {counts['rows']:,} rows ({split})"
    if counts["missing"]:
        how = "count as failures" if report.setting.missing == FAIL else "are left out"
        yield f"{counts['missing']:,} {of} have no prediction and {how}"
    if counts["nothing_to_ask"]:
        task = TASKS[report.setting.task]
        of_gradients = BACKWARD in task.wanted and not task.translates
        why = "no gradient" if of_gradients else "the same text for both devices"
        yield f"{counts['nothing_to_ask']:,} {of} have {why}: nothing is asked of them"
