"""The Parquet files of a repository: a folder for each config, a file for each of its splits."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from jax_ir_synth.card.errors import CardError
from jax_ir_synth.card.facts import Facts
from jax_ir_synth.card.metadata import file_name
from jax_ir_synth.config import ALL
from jax_ir_synth.plan import split_of
from jax_ir_synth.reading import PREFIX, digest
from jax_ir_synth.saved import open_saved
from jax_ir_synth.writers import parquet_file


def files(facts: Facts) -> list[str]:
    """The names of all files, relative to the repository."""
    return [file_name(config, split) for config, splits in facts.splits.items() for split in splits]


def write(facts: Facts, saved: Path, folder: Path) -> None:
    """Writes them all; a split's rows are in the order of the saved dataset."""
    with contextlib.ExitStack() as stack:
        writers = {}
        for name in files(facts):
            (folder / name).parent.mkdir(exist_ok=True)
            writers[name] = stack.enter_context(parquet_file(folder / name))
        for row, _ in open_saved(saved).rows:
            for name in _files_of(row, facts):
                writers[name](row)


def check(facts: Facts, saved: Path, folder: Path) -> None:
    """Raises CardError unless the files in `folder` hold the saved rows, each in its files."""
    expected: dict[str, dict[int, bytes]] = {name: {} for name in files(facts)}
    for row, _ in open_saved(saved).rows:
        for name in _files_of(row, facts):
            expected[name][row["id"]] = _digest(row)
    for name, wanted in expected.items():
        there = {row["id"]: _digest(row) for row, _ in open_saved(folder / name).rows}
        if there != wanted:
            raise CardError(
                f"{folder / name} doesn't hold the rows of `PATH` (={saved}): remove it, or write "
                "it anew with --parquet"
            )


def _files_of(row: Mapping, facts: Facts) -> list[str]:
    split = split_of(row["skeleton_hash"])
    category = row["type"].removeprefix(PREFIX)
    return [file_name(config, split) for config in facts.splits if config in (ALL, category)]


def _digest(row: Mapping) -> bytes:
    return digest(json.dumps(dict(row), sort_keys=True))
