"""The command `card`: writes a card with pictures, from a dataset."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jax_ir_synth.card.errors import SeedMismatch
from jax_ir_synth.card.writing import CROISSANT, REMADE, list_files, write_card
from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset, has_collected
from jax_ir_synth.cli.exit_codes import CommandError, report_unfinished
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.config import Request
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import Source


@click.command(
    "card",
    cls=Command,
    help="Write a dataset's card for the Hub: README.md and its pictures, with figures from the "
    "rows themselves. The dataset must hold all rows of a config, for the same device or devices. "
    "Some rows are made anew from the seed, and must be the saved ones; the exit code is 1 if they "
    "aren't. Other files in the folder stay.",
    epilog="Example: jax-ir-synth card data/large --seed 12345 --output card",
)
@options.dataset()
@options.old_output("folder", "FOLDER")
@options.output("the folder to write to", "FOLDER", needed=True)
@options.overwrite
@options.option(
    "--seed",
    type=options.Integer(),
    needed=True,
    metavar="N",
    help="the seed that the rows were made with; for functions that people wrote there is none",
)
@options.option("--repo", metavar="USER/NAME", help="the repository on the Hub, for links")
@options.flag(
    "--parquet",
    help="write each config's Parquet files into the folder too, and a Croissant file "
    f"({CROISSANT}) that describes them (extra croissant)",
)
@options.option(
    "--remade",
    type=options.Integer(low=2),
    default=REMADE,
    metavar="N",
    help="rows to make anew and compare",
)
@options.num_proc("worker processes, for rows to be made")
def command(
    dataset: str,
    folder: Path | None,
    config: str | None,
    output: Path | None,
    overwrite: bool,
    seed: int | None,
    repo: str | None,
    parquet: bool,
    remade: int,
    num_proc: int,
) -> int:
    """Write the card. Unless this succeeds, the folder's content doesn't change."""
    place = options.one_output(output, folder)
    if seed is not None:
        with options.name_flags():
            Request(seed=seed)
    files = list_files(place, parquet)
    outputs.check_files("--output", place, files, {"DATASET": Path(dataset)}, overwrite)
    try:
        with report_unfinished(f"{place} is not complete"):
            found = find_dataset(dataset, config, num_proc)
            _check_seed(found, dataset, seed)
            written = write_card(
                place,
                found,
                seed=seed,
                repo=repo,
                parquet=parquet,
                remade=remade,
            )
    # The arguments were right; only reading the rows and making some again shows this.
    except SeedMismatch as error:
        raise CommandError(f"no card was written: {error}") from error
    for name in written.files:
        print(place / name)
    remade_too = "" if seed is None else f", {written.remade:,} made anew and the same"
    print(f"{written.rows:,} rows described{remade_too}")
    return 0


def _check_seed(saved: "Path | Source", name: str, seed: int | None) -> None:
    """Raise UsageError unless the rows have a seed exactly if one is given."""
    collected = has_collected(saved)
    if seed is None and not collected:
        raise UsageError("`--seed` is missing")
    if seed is not None and collected:
        raise UsageError(
            f"`--seed` (={seed}) is for synthesized rows; `DATASET` (={name}) has functions that "
            "people wrote"
        )
