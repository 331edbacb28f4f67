"""A saved dataset, in whatever container it is, as rows one by one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.plan import SPLITS

_ROWS_A_BATCH = 256


class SavedError(ValueError):
    """What is at the path is no saved dataset; the message is one line."""


class Saved(NamedTuple):
    """How many rows there are, and each with the split that it is stored in (None: in none)."""

    count: int
    rows: Iterator[tuple[dict, str | None]]


def open_saved(path: Path) -> Saved:
    """Opens a `.jsonl` or `.parquet` file, or a folder of `save_to_disk`.

    Raises SavedError for anything else; a fault further on in the file is raised by the iterator.
    """
    if not path.exists():
        raise SavedError(f"`PATH` (={path}) doesn't exist")
    if path.is_dir():
        return _folder(path)
    reader = {".jsonl": _jsonl, ".parquet": _parquet}.get(path.suffix.lower())
    if reader is None:
        raise SavedError(f"`PATH` (={path}) must be a folder of save_to_disk, a .jsonl or .parquet")
    return reader(path)


def _jsonl(path: Path) -> Saved:
    with open(path, "rb") as file:
        count = sum(1 for _ in file)

    def rows():
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise SavedError(f"line {number} of {path} is no whole row: {error}") from error
                if not isinstance(row, dict):
                    raise SavedError(f"line {number} of {path} is no row: {line[:40]!r}")
                yield row, None

    return Saved(count, rows())


def _parquet(path: Path) -> Saved:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise SavedError(f"`PATH` (={path}) is no whole Parquet file: {_line(error)}") from error

    def rows():
        with file:
            for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
                for row in batch.to_pylist():
                    yield row, None

    return Saved(file.metadata.num_rows, rows())


def _folder(path: Path) -> Saved:
    import datasets

    try:
        loaded = datasets.load_from_disk(path)
    except (FileNotFoundError, ValueError) as error:
        raise SavedError(
            f"`PATH` (={path}) is a folder, but none of save_to_disk: {_line(error)}"
        ) from error
    if isinstance(loaded, datasets.Dataset):
        loaded = {str(loaded.split): loaded}

    def rows():
        for name, part in loaded.items():
            split = name if name in SPLITS else None
            for batch in part.with_format("arrow").iter(_ROWS_A_BATCH):
                for row in batch.to_pylist():
                    yield row, split

    return Saved(sum(map(len, loaded.values())), rows())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
