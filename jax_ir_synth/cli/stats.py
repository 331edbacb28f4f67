"""The command `stats`: reads datasets, and prints their figures."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import against as comparing
from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.cli.pictures import PICTURES, check_picture
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.extras import require
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import Source

Figures = dict[str, Any]
# The extra that has the classifier.
SEPARATION = "separation"


@click.command(
    "stats",
    cls=Command,
    help="Print the figures of datasets and check that their rows keep the project's promises. "
    "The exit code is 1 if a row doesn't. With --against, show instead how far apart two datasets "
    "are, and what one has and the other lacks; promises aren't checked.",
    epilog="Example: jax-ir-synth stats data/large --against all:seed=7 --json figures.json",
)
@options.dataset("datasets", nargs=-1)
@options.option(
    "--against",
    type=options.DatasetName(),
    metavar="DATASET",
    help="compare with this dataset, which --config isn't for",
)
@options.flag(
    "--classify",
    help="with --against, train a linear classifier to tell the two apart, and say how well it "
    f"does on rows held out, by project (the extra {SEPARATION})",
)
@options.num_proc("worker processes, for rows to be made")
@options.output("write all figures to it", "FILE", "--json")
@options.output(
    "with --against, draw the def-use pairs that differ most "
    f"({', '.join(PICTURES)}; the extra {comparing.EXTRA})",
    "FILE",
    "--plot",
)
@options.overwrite
@options.flag("--markdown", help="print the main figures as a Markdown table")
@options.flag("-v", "--verbose", help="list every operation, function and name too")
def command(
    datasets: tuple[str, ...],
    config: str | None,
    against: str | None,
    classify: bool,
    num_proc: int,
    json: Path | None,
    plot: Path | None,
    overwrite: bool,
    markdown: bool,
    verbose: bool,
) -> int:
    """Show the figures; return 1 if a row breaks a promise."""
    inputs = {f"DATASET {name}": Path(name) for name in datasets}
    if against is not None:
        inputs["--against"] = Path(against)
    outputs.check({"--json": json, "--plot": plot}, inputs, overwrite)
    if plot is not None:
        check_picture("--plot", plot, comparing.EXTRA)
    if classify:
        require("`--classify`", SEPARATION, "sklearn")
    if against is not None:
        if len(datasets) > 1:
            raise UsageError(f"`--against` (={against}) needs one DATASET, not {len(datasets)}")
        names = (datasets[0], against)
        with report_unreadable():
            found = comparing.compare_datasets(names[0], config, against, num_proc, classify)
        comparing.write_comparison(found, names, json, plot, overwrite)
        with outputs.divert_stdout(json, plot):
            comparing.show_comparison(found, names, markdown, verbose)
        return 0
    if plot is not None:
        raise UsageError(f"`--plot` (={plot}) needs `--against`")
    if classify:
        raise UsageError("`--classify` needs `--against`")
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
