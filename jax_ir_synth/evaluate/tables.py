"""Prints the report as tables."""

import math
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.table import Table

from jax_ir_synth.evaluate.judgement import PASS, RUNGS
from jax_ir_synth.evaluate.options import FAIL
from jax_ir_synth.evaluate.report import Figures, Report
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.terminal.console import plain_console, printable

# A prefix for a part's names if these don't explain themselves.
_PARTS = {"by_category": "", "by_split": "", "by_lines": "lines "}


def show(report: Report, console: Console | None = None) -> None:
    """Print all figures, and how many rows weren't scored. Tables fit 80 columns with two k."""
    console = console or plain_console()
    title = f"{printable(report.setting.dataset['name'])}: {TASKS[report.setting.task].title}"
    ks = report.overall.pass_at
    console.print(
        _make_table(report, title, ("rows", *(f"pass@{k} % (95 %)" for k in ks)), _format_passes),
        _make_table(
            report, "failed at, %", [rung for rung in RUNGS if rung != PASS], _format_failures
        ),
        _make_table(
            report, "texts", ("completions", "exact %", "renamed %", "similarity"), _format_texts
        ),
    )
    for line in _describe_left_out(report):
        console.print(line, soft_wrap=True)


def _make_table(
    report: Report, title: str, columns: Iterable[str], cells: Callable[[Figures], Iterable[str]]
) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for part, before in _PARTS.items():
        for name, figures in getattr(report, part).items():
            table.add_row(before + printable(name), *cells(figures))
        table.add_section()
    table.add_row("all", *cells(report.overall))
    return table


def _format_passes(figures: Figures) -> Iterator[str]:
    yield f"{figures.rows:,}"
    for k, value in figures.pass_at.items():
        low, high = map(_format_percent, figures.intervals[k])
        yield f"{_format_percent(value)} ({low}–{high})"


def _format_failures(figures: Figures) -> Iterator[str]:
    return (_format_percent(value) for rung, value in figures.ladder.items() if rung != PASS)


def _format_texts(figures: Figures) -> Iterator[str]:
    yield f"{figures.completions:,}"
    yield from map(_format_percent, (figures.exact, figures.renamed))
    yield f"{figures.similarity:.3f}"


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
        yield (
            f"{counts['nothing_to_ask']:,} {of} have the same text for both devices: nothing is "
            f"asked of them"
        )
