"""Progress on stderr: a bar on a terminal, ten plain lines anywhere else."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jax_ir_synth.terminal.console import plain_console

Item = TypeVar("Item")


def progress(rows: Iterable[Item], total: int, what: str = "rows") -> Iterator[Item]:
    """Pass on the rows, and show a progress bar on a terminal or ten plain lines elsewhere.

    `what` says what they are, if not rows.
    """
    console = plain_console(stderr=True)
    if not console.is_terminal:
        for done, row in enumerate(rows, start=1):
            if done * 10 // total > (done - 1) * 10 // total:
                console.print(f"{done}/{total} {what}")
            yield row
        return
    columns = (
        SpinnerColumn(),
        TextColumn(what, markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, expand=True) as bar:
        task = bar.add_task(what, total=total, rate="")
        for row in rows:
            yield row
            speed = bar.tasks[0].speed
            bar.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")
