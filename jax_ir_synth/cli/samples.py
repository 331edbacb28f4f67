"""The command `samples`: writes a page for one row of each category."""

from pathlib import Path

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.show.samples import (
    LINES,
    choose_rows,
    get_file_name,
    render_sample,
    require_columns,
)
from jax_ir_synth.storage import outputs


@click.command(
    "samples",
    cls=Command,
    help="Write one row of each category of a dataset as a Markdown file: its Python, arguments "
    "and IR. The same dataset always gives the same rows: the first of "
    f"{LINES.start} to {LINES.stop - 1} lines whose IR is short, where there is one.",
    epilog="Example: jax-ir-synth samples data/large --output data/samples",
)
@options.dataset()
@options.old_output("folder", "FOLDER")
@options.output("the folder to write the files to", "FOLDER", needed=True)
@options.overwrite
@options.num_proc("worker processes, for rows to be made")
def command(
    dataset: str,
    folder: Path | None,
    config: str | None,
    output: Path | None,
    overwrite: bool,
    num_proc: int,
) -> int:
    """Write the pages."""
    place = options.one_output(output, folder)
    files = [get_file_name(category) for category in CATEGORIES]
    outputs.check_files("--output", place, files, {"DATASET": Path(dataset)}, overwrite)
    # Imported late, since they import jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.schema.row_view import RowView
    from jax_ir_synth.storage.atomic_write import make_folder
    from jax_ir_synth.storage.dataset_reader import open_saved

    with report_unreadable(dataset):
        saved = open_saved(find_dataset(dataset, config, num_proc))
        try:
            found = choose_rows(RowView(require_columns(row), split) for row, split in saved.rows)
            pages = {category: render_sample(row) for category, row in found.items()}
        except UsageError:
            raise
        except (ValueError, SyntaxError) as error:
            raise UsageError(f"`DATASET` (={dataset}) has a malformed row: {error}") from error
    with report_unfinished(f"{place} is not complete"):
        make_folder(place)
        for category, text in pages.items():
            file = place / get_file_name(category)
            outputs.write_text(file, text, overwrite)
            print(f"{file}: row {found[category].row['id']}")
    return 0
