"""The command `stats`: reads datasets, and prints their figures."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import Source

Figures = dict[str, Any]


@click.command(
    "stats",
    cls=Command,
    help="Print the figures of datasets and check that their rows keep the project's promises. "
    "The exit code is 1 if a row doesn't.",
    epilog="Example: jax-ir-synth stats data/large --json figures.json",
)
@options.dataset("datasets", nargs=-1)
@options.num_proc("worker processes, for rows to be made")
@options.output("write all figures to it", "FILE", "--json")
@options.overwrite
@options.flag("--markdown", help="print the main figures as a Markdown table")
@options.flag("-v", "--verbose", help="list every operation, function and name too")
def command(
    datasets: tuple[str, ...],
    config: str | None,
    num_proc: int,
    json: Path | None,
    overwrite: bool,
    markdown: bool,
    verbose: bool,
) -> int:
    """Show the figures; return 1 if a row breaks a promise."""
    inputs = {f"DATASET {name}": Path(name) for name in datasets}
    outputs.check({"--json": json}, inputs, overwrite)
    with report_unreadable():
        summaries = {name: summarise(find_dataset(name, config, num_proc)) for name in datasets}
    if json is not None:
        with report_unfinished(f"{json} was not written"):
            _write(json, summaries, overwrite)
    with outputs.divert_stdout(json):
        _show(summaries, markdown, verbose)
    return int(any(summary["faults"] for summary in summaries.values()))


def _write(path: Path, summaries: dict[str, Figures], overwrite: bool) -> None:
    outputs.write_text(path, json.dumps(summaries, indent=1) + "\n", overwrite)


def _show(summaries: dict[str, Figures], markdown: bool, verbose: bool) -> None:
    from jax_ir_synth.stats import tables
    from jax_ir_synth.terminal.console import plain_console

    if markdown:
        sys.stdout.write(tables.format_markdown(summaries))
    else:
        for path, summary in summaries.items():
            tables.print_tables(path, summary, plain_console(), verbose)


def summarise(dataset: "Path | Source") -> Figures:
    """Collect all figures of a dataset; see `figures.Figures.summary`.

    Raises:
      DatasetError: there is no dataset, or no row of it is complete.
    """
    # Imported late, since they import jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.schema.row_view import RowView
    from jax_ir_synth.stats.figures import Figures
    from jax_ir_synth.storage.dataset_reader import DatasetError, open_saved
    from jax_ir_synth.terminal.progress import progress

    saved = open_saved(dataset)
    figures = Figures()
    for row, split in progress(saved.rows, saved.count):
        figures.add(RowView(row, split))
    summary = figures.summary()
    if not summary["rows"]:
        why = f": {summary['faults'][0]['reason']}" if summary["faults"] else ""
        raise DatasetError(f"`DATASET` (={dataset}) has no complete row{why}")
    return summary
