"""A saved dataset, in whatever container it is, as rows one by one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.encoding import fault_of_row
from jax_ir_synth.plan import SPLITS

# Columns that rows of earlier versions lack.
ADDED = ("verified",)
_ROWS_A_BATCH = 256
# Far above any row; a line without an end must not fill the memory.
_MAX_LINE_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20


class SavedError(ValueError):
    """What is at the path is no saved dataset; the message is one line."""


class Entry(NamedTuple):
    """A row, or what stands where a row should be.

    Attributes:
      where: its place, for a message: `line 17 of rows.jsonl`.
      row: all columns, None where there is no whole row.
      split: the split that it is stored in, None: in none.
      fault: what is wrong with the place (`is no whole row: …`), empty if there is a row.
    """

    where: str
    row: dict | None
    split: str | None = None
    fault: str = ""


class Saved(NamedTuple):
    """An opened dataset.

    Attributes:
      count: how many entries there are.
      columns: the names that all rows have in common, None where each row has its own.
      entries: each row or bad place, in order. Can be gone through once.
    """

    count: int
    columns: tuple[str, ...] | None
    entries: Iterator[Entry]

    @property
    def rows(self) -> Iterator[tuple[dict, str | None]]:
        """Each row with its split; raises SavedError at the first bad place."""
        for entry in self.entries:
            if entry.row is None:
                raise SavedError(f"{entry.where} {entry.fault}")
            yield entry.row, entry.split


def open_saved(path: Path) -> Saved:
    """Opens a `.jsonl` or `.parquet` file, or a folder of `save_to_disk`.

    Raises SavedError for anything else; a fault further on in the file is an entry without a row.
    """
    if not path.exists():
        raise SavedError(f"`PATH` (={path}) doesn't exist")
    if path.is_dir():
        return _folder(path)
    reader = {".jsonl": _jsonl, ".parquet": _parquet}.get(path.suffix.lower())
    if reader is None:
        raise SavedError(f"`PATH` (={path}) must be a folder of save_to_disk, a .jsonl or .parquet")
    return reader(path)


def open_hub(name: str, config: str) -> Saved:
    """Downloads all splits of a Hub dataset's config, or takes them from the local cache.

    Not streamed: so the number of rows is known, and a fault of the network comes before any work.
    A dataset's own code is never run. Raises SavedError.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(name, config)
    # What datasets, huggingface_hub and the HTTP library raise has no class in common.
    except Exception as error:
        raise SavedError(
            f"`PATH` (={name}) doesn't exist here, and its config {config!r} can't be loaded from "
            f"the Hub: {type(error).__name__}: {_line(error)}"
        ) from error
    return _splits(loaded, name)


def _jsonl(path: Path) -> Saved:
    def entries():
        with open(path, "rb") as file:
            number = 0
            while line := file.readline(_MAX_LINE_BYTES + 1):
                number += 1
                row, fault = None, f"is longer than {_MAX_LINE_BYTES} bytes"
                if len(line) <= _MAX_LINE_BYTES:
                    row, fault = _parsed(line)
                else:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(_BLOCK_BYTES)
                yield Entry(f"line {number} of {path}", row, None, fault)

    return Saved(_lines(path), None, entries())


def _lines(path: Path) -> int:
    count, last = 0, b"\n"
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def _parsed(line: bytes) -> tuple[dict | None, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return None, f"is not UTF-8: byte {error.start + 1} is {line[error.start]:#04x}"
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"is no whole row: {error.msg} (character {error.colno} of {len(text)})"
    except RecursionError:
        return None, "is no row: its values are nested too deeply"
    except ValueError as error:
        return None, f"is no whole row: {_line(error)}"
    if not isinstance(row, dict):
        return None, f"is no row: {text[:40]!r}"
    fault = fault_of_row(row, line)
    return (None if fault else row), fault


def _parquet(path: Path) -> Saved:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise SavedError(f"`PATH` (={path}) is no whole Parquet file: {_line(error)}") from error

    def entries():
        number = 0
        with file:
            try:
                for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
                    for row, fault in _decoded(batch):
                        number += 1
                        yield Entry(f"row {number} of {path}", row, None, fault)
            except (pyarrow.ArrowException, OSError) as error:
                fault = f"can't be read, nor any after it: {_line(error)}"
                yield Entry(f"row {number + 1} of {path}", None, None, fault)

    return Saved(file.metadata.num_rows, tuple(file.schema_arrow.names), entries())


def _folder(path: Path) -> Saved:
    import datasets

    try:
        if (path / "dataset_dict.json").exists():
            names = json.loads((path / "dataset_dict.json").read_bytes())["splits"]
            # datasets can't read a split without rows that its save_to_disk wrote without files.
            loaded = {
                name: datasets.load_from_disk(path / name)
                for name in names
                if json.loads((path / name / "state.json").read_bytes())["_data_files"]
            }
        else:
            loaded = datasets.load_from_disk(path)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise SavedError(
            f"`PATH` (={path}) is a folder, but none of save_to_disk: {_line(error)}"
        ) from error
    if isinstance(loaded, datasets.Dataset):
        loaded = {str(loaded.split): loaded}
    return _splits(loaded, str(path))


def _splits(loaded: dict, title: str) -> Saved:
    def entries():
        for name, part in loaded.items():
            split, number = name if name in SPLITS else None, 0
            for batch in part.with_format("arrow").iter(_ROWS_A_BATCH):
                for row, fault in _decoded(batch):
                    number += 1
                    yield Entry(f"row {number} of {title}, split {name}", row, split, fault)

    parts = list(loaded.values())
    columns = set.intersection(*(set(part.column_names) for part in parts)) if parts else ()
    return Saved(sum(map(len, parts)), tuple(columns), entries())


def _decoded(batch) -> Iterator[tuple[dict | None, str]]:
    try:
        yield from ((row, "") for row in batch.to_pylist())
    except UnicodeDecodeError:
        # Arrow doesn't look into strings: row by row, to tell which one is wrong.
        for number in range(batch.num_rows):
            try:
                (row,) = batch.slice(number, 1).to_pylist()
                yield row, ""
            except UnicodeDecodeError as error:
                yield None, f"has text that is not UTF-8: {_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
