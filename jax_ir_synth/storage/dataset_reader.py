"""Read a saved dataset row by row, whatever its format."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.config import CONFIGS
from jax_ir_synth.schema.read_result import ReadResult
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import parquet_folder
from jax_ir_synth.storage.encoding import find_fault

if TYPE_CHECKING:
    import pyarrow

_ROWS_A_BATCH = 256
# Far longer than any row. The limit keeps a file without newlines from filling the memory.
_MAX_LINE_BYTES = 64 * 2**20
_BLOCK_BYTES = 2**20
# The first bytes of a file, by which its format is detected if its name doesn't give it.
_PARQUET = b"PAR1"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class DatasetError(UsageError):
    """The path holds no saved dataset, or a damaged one. The message is one line."""


@contextlib.contextmanager
def given_by(flag: str) -> Iterator[None]:
    """Inside the `with` block, make errors about a dataset name the flag that gives it.

    Raises:
      DatasetError: in place of any UsageError.
    """
    try:
        yield
    except UsageError as error:
        raise DatasetError(str(error).replace("`DATASET`", f"`{flag}`")) from error


@dataclasses.dataclass(frozen=True)
class DatasetReader:
    """An opened dataset.

    Attributes:
      count: The number of entries.
      columns: The columns that all rows have. None if each row has its own columns.
      entries: The rows, and the places without a valid row, in order. Can be iterated once.
    """

    count: int
    columns: tuple[str, ...] | None
    entries: Iterator[ReadResult]

    @property
    def rows(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Each row with its split. Raises DatasetError at the first place without a valid row."""
        for entry in self.entries:
            if entry.row is None:
                raise DatasetError(f"{entry.where} {entry.fault}")
            yield entry.row, entry.split


def check_columns(saved: DatasetReader, path: object) -> None:
    """Check that a dataset has rows, with the columns that a proof needs.

    Args:
      saved: The opened dataset.
      path: The name of the dataset, for the error message.

    Raises:
      DatasetError: A column is missing, or there is no row.
    """
    # Imported here, because it imports pyarrow, which is slow: a wrong argument must not wait.
    from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA

    needed = (name for name in SCHEMA.names if name not in OPTIONAL_COLUMNS)
    missing = [name for name in needed if name not in (saved.columns or SCHEMA.names)]
    if missing:
        raise DatasetError(f"`DATASET` (={path}) has no column {', '.join(missing)}")
    if not saved.count:
        raise DatasetError(f"`DATASET` (={path}) holds no row")


class Source(Protocol):
    """A dataset that a path alone doesn't name, such as one on the Hub. Its `str` is its name."""

    def open(self) -> DatasetReader:
        """Open the dataset at its first row. Raises DatasetError."""


def open_saved(path: Path | Source, config: str | None = None) -> DatasetReader:
    """Open a `.jsonl` or `.parquet` file, or a folder of `save_to_disk`, `scale` or `publish`.

    JSON lines may be compressed by gzip or Zstandard. A file with another extension is opened if
    its first bytes are those of one of these formats, because `--jsonl` allows any extension.

    Args:
      path: A path, or a `Source`, which opens itself.
      config: The config in a folder that `publish --dry-run` wrote. None for the default.

    Raises:
      DatasetError: This is no dataset. A fault later in the file is an entry without a row.
    """
    if not isinstance(path, Path):
        return path.open()
    if not path.exists():
        raise DatasetError(describe_missing(path))
    if path.is_dir() and (files := parquet_folder.find_files(path, config)) is not None:
        return _open_parquet_files(files)
    if config is not None:
        raise DatasetError(
            f"`--config` (={config}) is for a Hub dataset (user/name) or a folder of publish "
            f"--dry-run, `DATASET` is {path}"
        )
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise DatasetError(f"`DATASET` (={path}) must be a file, since it is read twice")
    reader = {".jsonl": _open_jsonl, ".parquet": _open_parquet}.get(
        path.suffix.lower()
    ) or _find_reader(path)
    if reader is None:
        raise DatasetError(
            f"`DATASET` (={path}) must be a .jsonl or .parquet file, or a folder of "
            "save_to_disk, scale or publish"
        )
    return reader(path)


def describe_missing(path: Path) -> str:
    """Describe a dataset's path that leads nowhere, and what else its name could have meant."""
    here = "" if path.is_absolute() else f" in the folder {Path.cwd()}"
    is_word = len(path.parts) == 1 and not path.suffix
    meant = (
        f", and is none of the configs {', '.join(CONFIGS)}; a dataset on the Hub has a slash in "
        "its name, as user/name"
    )
    return f"`DATASET` (={path}) doesn't exist{here}{meant if is_word else ''}"


def _find_reader(path: Path) -> Callable[[Path], DatasetReader] | None:
    if _read_beginning(path, len(_PARQUET)) == _PARQUET:
        return _open_parquet
    try:
        with _open_lines(path) as file:
            return _open_jsonl if file.read(1) == b"{" else None
    except OSError:
        # The file is compressed, and damaged at its beginning. It is read as one bad entry.
        return _open_jsonl


def _read_beginning(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


@contextlib.contextmanager
def _open_lines(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, and decompress it if need be. Reading damaged data raises OSError."""
    start = _read_beginning(path, 4)
    found = [name for magic, name in _COMPRESSED.items() if start.startswith(magic)]
    if not found:
        with open(path, "rb") as file:
            yield file
        return
    import pyarrow

    with pyarrow.input_stream(str(path), compression=found[0]) as stream:
        # pyarrow's stream has no `readline`.
        yield io.BufferedReader(stream)


def open_hub(name: str, config: str) -> DatasetReader:
    """Download all splits of a config from the Hub, or take them from the local cache.

    The dataset isn't streamed. So the number of rows is known, and an error of the network occurs
    before any work. Code in the dataset's repository is never run.

    Args:
      name: The name of the dataset, such as `user/name`.
      config: The config.

    Raises:
      DatasetError: The dataset can't be loaded.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(name, config)
    # The errors of datasets, huggingface_hub and the HTTP library have no common class.
    except Exception as error:
        raise DatasetError(
            f"`DATASET` (={name}) doesn't exist here, and its config {config!r} can't be loaded "
            f"from the Hub: {type(error).__name__}: {_join_lines(error)}"
        ) from error
    return _read_splits(loaded, name)


def _open_jsonl(path: Path) -> DatasetReader:
    def entries() -> Iterator[ReadResult]:
        number = 0
        with _open_lines(path) as file:
            try:
                while line := file.readline(_MAX_LINE_BYTES + 1):
                    number += 1
                    row, fault = None, f"is longer than {_MAX_LINE_BYTES} bytes"
                    if len(line) <= _MAX_LINE_BYTES:
                        row, fault = _parse_line(line)
                    else:
                        while line and not line.endswith(b"\n"):
                            line = file.readline(_BLOCK_BYTES)
                    yield ReadResult(f"line {number} of {path}", row, None, fault)
            except OSError as error:
                fault = f"can't be read, nor any after it: {_join_lines(error)}"
                yield ReadResult(f"line {number + 1} of {path}", None, None, fault)

    return DatasetReader(_count_lines(path), None, entries())


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with _open_lines(path) as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                count += block.count(b"\n")
                last = block[-1:]
        except OSError:
            # The damaged rest of the file is one entry.
            return count + 1
    return count + (last != b"\n")


def _parse_line(line: bytes) -> tuple[dict[str, Any] | None, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return None, f"is not UTF-8: byte {error.start + 1} is {line[error.start]:#04x}"
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"is not a complete row: {error.msg} (character {error.colno} of {len(text)})"
    except RecursionError:
        return None, "is not a row: its values are nested too deeply"
    except ValueError as error:
        return None, f"is not a complete row: {_join_lines(error)}"
    if not isinstance(row, dict):
        return None, f"is not a row: {text[:40]!r}"
    fault = find_fault(row, line)
    return (None if fault else row), fault


def _open_parquet_files(files: dict[str, list[Path]]) -> DatasetReader:
    count, names = 0, []
    for paths in files.values():
        for path in paths:
            # One at a time, because a process can't open any number of files.
            reader = _open_parquet(path)
            count += reader.count
            names.append(set(reader.columns or ()))

    def entries() -> Iterator[ReadResult]:
        for split, paths in files.items():
            for path in paths:
                for entry in _open_parquet(path).entries:
                    yield entry._replace(split=split)

    return DatasetReader(count, tuple(set.intersection(*names)), entries())


def _open_parquet(path: Path) -> DatasetReader:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DatasetError(
            f"`DATASET` (={path}) is not a complete Parquet file: {_join_lines(error)}"
        ) from error

    count, names = file.metadata.num_rows, tuple(file.schema_arrow.names)
    file.close()

    def entries() -> Iterator[ReadResult]:
        number = 0
        with ParquetFile(path) as file:
            try:
                for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
                    for row, fault in _convert_batch(batch):
                        number += 1
                        yield ReadResult(f"row {number} of {path}", row, None, fault)
            except (pyarrow.ArrowException, OSError) as error:
                fault = f"can't be read, nor any after it: {_join_lines(error)}"
                yield ReadResult(f"row {number + 1} of {path}", None, None, fault)

    return DatasetReader(count, names, entries())


def _open_folder(path: Path) -> DatasetReader:
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
            f"`DATASET` (={path}) is a folder, but none of save_to_disk: {_join_lines(error)}"
        ) from error
    if isinstance(loaded, datasets.Dataset):
        loaded = {str(loaded.split): loaded}
    return _read_splits(loaded, str(path))


def _read_splits(loaded: dict[str, Any], title: str) -> DatasetReader:
    def entries() -> Iterator[ReadResult]:
        for name, part in loaded.items():
            split, number = name if name in SPLITS else None, 0
            for batch in part.with_format("arrow").iter(_ROWS_A_BATCH):
                for row, fault in _convert_batch(batch):
                    number += 1
                    yield ReadResult(f"row {number} of {title}, split {name}", row, split, fault)

    parts = list(loaded.values())
    columns = set.intersection(*(set(part.column_names) for part in parts)) if parts else ()
    return DatasetReader(sum(map(len, parts)), tuple(columns), entries())


def _convert_batch(batch: "pyarrow.RecordBatch") -> Iterator[tuple[dict[str, Any] | None, str]]:
    try:
        yield from ((row, "") for row in batch.to_pylist())
    except UnicodeDecodeError:
        # Arrow doesn't check strings. Convert row by row, to find the wrong one.
        for number in range(batch.num_rows):
            try:
                (row,) = batch.slice(number, 1).to_pylist()
                yield row, ""
            except UnicodeDecodeError as error:
                yield None, f"has text that is not UTF-8: {_join_lines(error)}"


def _join_lines(error: Exception) -> str:
    return " ".join(str(error).split())
