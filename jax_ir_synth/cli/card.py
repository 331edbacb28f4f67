"""The command `python -m jax_ir_synth.card`: a card with pictures, from a saved dataset."""

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.writing import CROISSANT, REMADE, files_of, write_card
from jax_ir_synth.cli.generate import OneLineParser, Terminated, sigterm_raises
from jax_ir_synth.request.config import Request
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.dataset_reader import DatasetError
from jax_ir_synth.storage.destinations import NotPlacedError
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.card"


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done. 1: a file couldn't be put in the folder. 130 and 143: interrupted, terminated. 2: wrong
    arguments, a missing extra, rows that can't be described or aren't the seed's, or a
    folder that can't be written. What was in the folder is then as it was.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.remade < 2:
        parser.error(f"`--remade` (={arguments.remade}) must be 2 or more")
    try:
        Request(seed=arguments.seed)
        outputs.check_files(
            "FOLDER",
            arguments.folder,
            files_of(arguments.folder, arguments.parquet),
            {"PATH": arguments.path},
            arguments.overwrite,
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        with sigterm_raises():
            written = write_card(
                arguments.folder,
                arguments.path,
                seed=arguments.seed,
                repo=arguments.repo,
                parquet=arguments.parquet,
                remade=arguments.remade,
            )
    except KeyboardInterrupt:
        return parser.failed("interrupted", 130)
    except Terminated:
        return parser.failed("terminated", 143)
    except (CardError, DatasetError) as error:
        parser.error(str(error))
    except NotPlacedError as error:
        return parser.failed(f"{arguments.folder} is not complete: {error}", 1)
    except OSError as error:
        parser.error(f"`FOLDER` (={arguments.folder}) can't be written: {error.strerror or error}")
    for name in written.files:
        print(arguments.folder / name)
    print(f"{written.rows:,} rows described, {written.remade:,} made anew and the same")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Write a saved dataset's card for the Hub: README.md and its pictures, with "
        "figures from the rows themselves. Some rows are made anew from the seed, and must be the "
        "saved ones. Other files in the folder stay.",
    )
    parser.add_argument(
        "path",
        metavar="PATH",
        type=local_path,
        help="a folder of save_to_disk, a .jsonl or .parquet: all rows of a config, both devices",
    )
    parser.add_argument("folder", metavar="FOLDER", type=outputs.path, help="where to write")
    outputs.add_overwrite(parser)
    parser.add_argument(
        "--seed", type=int, required=True, metavar="N", help="the seed that the rows were made with"
    )
    parser.add_argument("--repo", metavar="USER/NAME", help="the repository on the Hub, for links")
    parser.add_argument(
        "--parquet",
        action="store_true",
        help="write each config's Parquet files into the folder too, and a Croissant file "
        f"({CROISSANT}) that describes them (extra croissant)",
    )
    parser.add_argument(
        "--remade",
        type=int,
        default=REMADE,
        metavar="N",
        help="rows to make anew and compare (default: %(default)s)",
    )
    return parser
