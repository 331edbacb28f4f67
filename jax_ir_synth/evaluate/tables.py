"""The report as tables for people."""

import math
from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.table import Table

from jax_ir_synth.evaluate.judgement import PASS, RUNGS
from jax_ir_synth.evaluate.options import FAIL
from jax_ir_synth.evaluate.report import Figures, Report
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.terminal.console import plain_console, printable

# What precedes a part's names, where they don't say what they are.
_PARTS = {"by_category": "", "by_split": "", "by_lines": "lines "}


def show(report: Report, console: Console | None = None) -> None:
    """Print all figures, and what was not scored. Each table fits 80 columns with two k."""
    console = console or plain_console()
    title = f"{printable(report.setting.dataset['name'])}: {TASKS[report.setting.task].title}"
    ks = report.overall.pass_at
    console.print(
        _table(report, title, ("rows", *(f"pass@{k} % (95 %)" for k in ks)), _passed),
        _table(report, "failed at, %", [rung for rung in RUNGS if rung != PASS], _failed),
        _table(report, "texts", ("completions", "exact %", "renamed %", "similarity"), _texts),
    )
    for line in _left_out(report):
        console.print(line, soft_wrap=True)


def _table(
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


def _passed(figures: Figures) -> Iterator[str]:
    yield f"{figures.rows:,}"
    for k, value in figures.pass_at.items():
        low, high = map(_percent, figures.intervals[k])
        yield f"{_percent(value)} ({low}–{high})"


def _failed(figures: Figures) -> Iterator[str]:
    return (_percent(value) for rung, value in figures.ladder.items() if rung != PASS)


def _texts(figures: Figures) -> Iterator[str]:
    yield f"{figures.completions:,}"
    yield from map(_percent, (figures.exact, figures.renamed))
    yield f"{figures.similarity:.3f}"


def _percent(share: float) -> str:
    # Rounded down, for all that float arithmetic lost: 2,999 of 3,000 are not 100 %.
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f}"


def _left_out(report: Report) -> Iterator[str]:
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
