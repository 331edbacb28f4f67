"""The command `python -m jax_ir_synth.samples`: writes a page for one row of each category."""

from jax_ir_synth.cli.generate import OneLineParser
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.show.samples import (
    LINES,
    choose_rows,
    get_file_name,
    render_sample,
    require_columns,
)
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.atomic_write import make_folder
from jax_ir_synth.storage.destinations import NotPlacedError
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.samples"


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done. 1: the writing failed. 2: wrong arguments, or no saved dataset.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        outputs.check_files(
            "FOLDER",
            arguments.folder,
            [get_file_name(category) for category in CATEGORIES],
            {"PATH": arguments.path},
            arguments.overwrite,
        )
    except outputs.OutputError as error:
        parser.error(str(error))
    # Late: they bring jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.schema.row_view import RowView
    from jax_ir_synth.storage.dataset_reader import DatasetError, open_saved

    try:
        saved = open_saved(arguments.path)
        views = [RowView(require_columns(row), split) for row, split in saved.rows]
        make_folder(arguments.folder)
        for category, view in choose_rows(views).items():
            file = arguments.folder / get_file_name(category)
            outputs.write_text(file, render_sample(view), arguments.overwrite)
            print(f"{file}: row {view.row['id']}")
    except DatasetError as error:
        parser.error(str(error))
    except (ValueError, SyntaxError) as error:
        parser.error(f"`PATH` (={arguments.path}) has a malformed row: {error}")
    except NotPlacedError as error:
        return parser.failed(f"{arguments.folder} is not complete: {error}", 1)
    except OSError as error:
        parser.error(f"`FOLDER` (={arguments.folder}) can't be written: {error.strerror or error}")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Write one row of each category of a saved dataset as a Markdown file: its "
        "Python, arguments and IR. The same dataset always gives the same rows: the first of "
        f"{LINES.start} to {LINES.stop - 1} lines whose IR is short, where there is one.",
    )
    parser.add_argument(
        "path",
        metavar="PATH",
        type=local_path,
        help="a folder of save_to_disk, a .jsonl or .parquet",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", type=outputs.path, help="where to write the files"
    )
    outputs.add_overwrite(parser)
    return parser
