"""A saved dataset, in whatever container it is, as rows one by one."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from jax_ir_synth.errors import UsageError
from jax_ir_synth.schema.read_result import ReadResult
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import parquet_folder
from jax_ir_synth.storage.encoding import find_fault

if TYPE_CHECKING:
    import pyarrow

_ROWS_A_BATCH = 256
# Far above any row; a line without an end must not fill the memory.
_MAX_LINE_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20
# How a file begins, whatever its name is.
_PARQUET = b"PAR1"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class DatasetError(UsageError):
    """What is at the path is no saved dataset; the message is one line."""


@dataclasses.dataclass(frozen=True)
class DatasetReader:
    """An opened dataset.

    Attributes:
      count: how many entries there are.
      columns: the names that all rows have in common, None where each row has its own.
      entries: each row or bad place, in order. Can be gone through once.
    """

    count: int
    columns: tuple[str, ...] | None
    entries: Iterator[ReadResult]

    @property
    def rows(self) -> Iterator[tuple[dict, str | None]]:
        """Each row with its split; raises DatasetError at the first bad place."""
        for entry in self.entries:
            if entry.row is None:
                raise DatasetError(f"{entry.where} {entry.fault}")
            yield entry.row, entry.split


def check_columns(saved: DatasetReader, path: object) -> None:
    """Raise DatasetError if there is no row, or a column is missing that a proof needs."""
    # Late: it brings pyarrow, which a wrong argument must not wait for.
    from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA

    needed = (name for name in SCHEMA.names if name not in OPTIONAL_COLUMNS)
    missing = [name for name in needed if name not in (saved.columns or SCHEMA.names)]
    if missing:
        raise DatasetError(f"`DATASET` (={path}) has no column {', '.join(missing)}")
    if not saved.count:
        raise DatasetError(f"`DATASET` (={path}) holds no row")


class Source(Protocol):
    """A dataset that isn't named by a path alone, as one on the Hub; its text is its name."""

    def open(self) -> DatasetReader:
        """Its rows, from the first. Raises DatasetError."""


def open_saved(path: Path | Source, config: str | None = None) -> DatasetReader:
    """Opens a `.jsonl` or `.parquet` file, a folder of `save_to_disk`, `scale` or `publish`.

    A `Source` opens itself. `config` is for a folder that `publish --dry-run` wrote.

    JSON lines may be compressed by gzip or Zstandard. A file of another name is read too where it
    begins as one of these, as `--jsonl` writes them under any name.

    Raises DatasetError for anything else; a fault further on in the file is an entry without a row.
    """
    if not isinstance(path, Path):
        return path.open()
    if not path.exists():
        raise DatasetError(f"`DATASET` (={path}) doesn't exist")
    if path.is_dir() and (files := parquet_folder.find_files(path, config)) is not None:
        return _parquet_files(files)
    if config is not None:
        raise DatasetError(
            f"`--config` (={config}) is for a Hub dataset (user/name) or a folder of publish "
            f"--dry-run, `DATASET` is {path}"
        )
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise DatasetError(f"`DATASET` (={path}) must be a file, since it is read twice")
    reader = {".jsonl": _jsonl, ".parquet": _parquet}.get(path.suffix.lower()) or _by_content(path)
    if reader is None:
        raise DatasetError(
            f"`DATASET` (={path}) must be a .jsonl or .parquet file, or a folder of "
            "save_to_disk, scale or publish"
        )
    return reader(path)


def _by_content(path: Path) -> Callable[[Path], DatasetReader] | None:
    if _beginning(path, len(_PARQUET)) == _PARQUET:
        return _parquet
    try:
        with _lines_of(path) as file:
            return _jsonl if file.read(1) == b"{" else None
    except OSError:
        # Compressed, and damaged from its beginning: that is an entry.
        return _jsonl


def _beginning(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


@contextlib.contextmanager
def _lines_of(path: Path) -> Iterator[IO[bytes]]:
    """The file, as bytes that aren't compressed. What is damaged raises OSError when it is read."""
    start = _beginning(path, 4)
    found = [name for magic, name in _COMPRESSED.items() if start.startswith(magic)]
    if not found:
        with open(path, "rb") as file:
            yield file
        return
    import pyarrow

    with pyarrow.input_stream(str(path), compression=found[0]) as stream:
        # It has no lines of its own.
        yield io.BufferedReader(stream)


def open_hub(name: str, config: str) -> DatasetReader:
    """Downloads all splits of a Hub dataset's config, or takes them from the local cache.

    Not streamed: so the number of rows is known, and a fault of the network comes before any work.
    A dataset's own code is never run. Raises DatasetError.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(name, config)
    # What datasets, huggingface_hub and the HTTP library raise has no class in common.
    except Exception as error:
        raise DatasetError(
            f"`DATASET` (={name}) doesn't exist here, and its config {config!r} can't be loaded "
            f"from the Hub: {type(error).__name__}: {_line(error)}"
        ) from error
    return _splits(loaded, name)


def _jsonl(path: Path) -> DatasetReader:
    def entries() -> Iterator[ReadResult]:
        number = 0
        with _lines_of(path) as file:
            try:
                while line := file.readline(_MAX_LINE_BYTES + 1):
                    number += 1
                    row, fault = None, f"is longer than {_MAX_LINE_BYTES} bytes"
                    if len(line) <= _MAX_LINE_BYTES:
                        row, fault = _parsed(line)
                    else:
                        while line and not line.endswith(b"\n"):
                            line = file.readline(_BLOCK_BYTES)
                    yield ReadResult(f"line {number} of {path}", row, None, fault)
            except OSError as error:
                fault = f"can't be read, nor any after it: {_line(error)}"
                yield ReadResult(f"line {number + 1} of {path}", None, None, fault)

    return DatasetReader(_lines(path), None, entries())


def _lines(path: Path) -> int:
    count, last = 0, b"\n"
    with _lines_of(path) as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                count += block.count(b"\n")
                last = block[-1:]
        except OSError:
            # A damaged end is an entry of its own.
            return count + 1
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
    fault = find_fault(row, line)
    return (None if fault else row), fault


def _parquet_files(files: dict[str, list[Path]]) -> DatasetReader:
    count, names = 0, []
    for paths in files.values():
        for path in paths:
            # One at a time: there may be more of them than a process may have open.
            reader = _parquet(path)
            count += reader.count
            names.append(set(reader.columns or ()))

    def entries() -> Iterator[ReadResult]:
        for split, paths in files.items():
            for path in paths:
                for entry in _parquet(path).entries:
                    yield entry._replace(split=split)

    return DatasetReader(count, tuple(set.intersection(*names)), entries())


def _parquet(path: Path) -> DatasetReader:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DatasetError(
            f"`DATASET` (={path}) is no whole Parquet file: {_line(error)}"
        ) from error

    count, names = file.metadata.num_rows, tuple(file.schema_arrow.names)
    file.close()

    def entries() -> Iterator[ReadResult]:
        number = 0
        with ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
                    for row, fault in _decoded(batch):
                        number += 1
                        yield ReadResult(f"row {number} of {path}", row, None, fault)
            except (pyarrow.ArrowException, OSError) as error:
                fault = f"can't be read, nor any after it: {_line(error)}"
                yield ReadResult(f"row {number + 1} of {path}", None, None, fault)

    return DatasetReader(count, names, entries())


def _folder(path: Path) -> DatasetReader:
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
        raise DatasetError(
            f"`DATASET` (={path}) is a folder, but none of save_to_disk: {_line(error)}"
        ) from error
    if isinstance(loaded, datasets.Dataset):
        loaded = {str(loaded.split): loaded}
    return _splits(loaded, str(path))


def _splits(loaded: dict, title: str) -> DatasetReader:
    def entries() -> Iterator[ReadResult]:
        for name, part in loaded.items():
            split, number = name if name in SPLITS else None, 0
            for batch in part.with_format("arrow").iter(_ROWS_A_BATCH):
                for row, fault in _decoded(batch):
                    number += 1
                    yield ReadResult(f"row {number} of {title}, split {name}", row, split, fault)

    parts = list(loaded.values())
    columns = set.intersection(*(set(part.column_names) for part in parts)) if parts else ()
    return DatasetReader(sum(map(len, parts)), tuple(columns), entries())


def _decoded(batch: "pyarrow.RecordBatch") -> Iterator[tuple[dict | None, str]]:
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
