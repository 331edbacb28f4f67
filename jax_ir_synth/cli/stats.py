"""The command `python -m jax_ir_synth.stats`: reads saved datasets, prints their figures."""

import json
import sys
from pathlib import Path

from jax_ir_synth.cli.generate import OneLineParser
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.destinations import NotPlacedError
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.stats"


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done, and no row breaks a promise. 1: some do, or the writing failed. 2: wrong arguments, or
    no saved dataset.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        outputs.check(
            {"--json": arguments.json},
            {f"PATH {path}": path for path in arguments.paths},
            arguments.overwrite,
        )
    except outputs.OutputError as error:
        parser.error(str(error))
    # Late: they bring jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.storage.dataset_reader import DatasetError

    try:
        summaries = {str(path): summarise(path) for path in arguments.paths}
        if arguments.json is not None:
            text = json.dumps(summaries, indent=1) + "\n"
            outputs.write_text(arguments.json, text, arguments.overwrite)
    except DatasetError as error:
        parser.error(str(error))
    except NotPlacedError as error:
        return parser.failed(f"{arguments.json} was not written: {error}", 1)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    with outputs.talking(arguments.json):
        _show(summaries, arguments)
    return int(any(summary["faults"] for summary in summaries.values()))


def _show(summaries: dict[str, dict], arguments) -> None:
    from jax_ir_synth.stats import tables
    from jax_ir_synth.terminal.console import plain_console

    if arguments.markdown:
        sys.stdout.write(tables.format_markdown(summaries))
    else:
        for path, summary in summaries.items():
            tables.print_tables(path, summary, plain_console(), arguments.verbose)


def summarise(path: Path) -> dict:
    """All figures of a saved dataset, see `figures.Figures.summary`. Raises DatasetError."""
    from jax_ir_synth.schema.row_view import RowView
    from jax_ir_synth.stats.figures import Figures
    from jax_ir_synth.storage.dataset_reader import DatasetError, open_saved
    from jax_ir_synth.terminal.progress import progress

    saved = open_saved(path)
    figures = Figures()
    for row, split in progress(saved.rows, saved.count):
        figures.add(RowView(row, split))
    summary = figures.summary()
    if not summary["rows"]:
        why = f": {summary['faults'][0]['reason']}" if summary["faults"] else ""
        raise DatasetError(f"`PATH` (={path}) has no whole row{why}")
    return summary


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Print the figures of saved datasets and check that their rows keep the "
        "project's promises. The exit code is 1 if a row doesn't.",
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        type=local_path,
        help="a folder of save_to_disk, a .jsonl or a .parquet file",
    )
    parser.add_argument("--json", metavar="FILE", type=outputs.path, help="write all figures to it")
    outputs.add_overwrite(parser)
    parser.add_argument(
        "--markdown", action="store_true", help="print the main figures as a Markdown table"
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="list every operation, function and name too",
    )
    return parser
