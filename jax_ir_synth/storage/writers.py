"""Write rows to a file, a folder or a stream. A file or folder is either complete or absent."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage import destinations, saved_folder
from jax_ir_synth.storage.destinations import Destination
from jax_ir_synth.storage.outputs import OutputError, check_new, locate, name_output
from jax_ir_synth.storage.partials import partial_folder

if TYPE_CHECKING:
    import pyarrow

JSONL, PARQUET, FOLDER = "jsonl", "parquet", "folder"
_SUFFIXES = {".jsonl": JSONL, ".parquet": PARQUET, "": FOLDER}
# The compression of JSON lines by the last extension, and extensions of other compressions.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_NOT_WRITTEN = (".bz2", ".xz", ".lz4", ".br", ".zip", ".z", ".7z", ".tar", ".tgz")

# A function that writes a row.
RowWriter = Callable[[dict[str, Any]], None]

# The rows of a Parquet row group or an Arrow batch, which are in memory at the same time.
_ROWS_A_BATCH = 256

# The size of a file of a dataset folder. This is the default of datasets.
_FILE_BYTES = 500_000_000


def choose_format(path: Path, jsonl: bool, flag: str = "--output") -> str:
    """Choose the format of an output by its extension.

    A path without an extension is a dataset folder, but the standard output, a pipe or a device is
    JSONL. `.jsonl.gz` and `.jsonl.zst` are compressed JSONL.

    Args:
      path: The path of the output.
      jsonl: Whether the user asks for JSONL. Then any extension but `.parquet` is allowed.
      flag: The flag that names the path, for the error message.

    Returns:
      `JSONL`, `PARQUET` or `FOLDER`.

    Raises:
      OutputError: The extension is unknown, or contradicts `jsonl`, or nothing can be written to
        the path. This is a ValueError.
    """
    kind = _SUFFIXES.get(path.suffix.lower())
    if path.suffix.lower() in COMPRESSIONS and (
        jsonl or _strip_compression(path).suffix.lower() == ".jsonl"
    ):
        return JSONL
    if jsonl and path.suffix.lower() in _NOT_WRITTEN:
        raise OutputError(
            f"`{flag}` (={path}) can't be written as {path.suffix}: JSON lines are compressed as "
            f"{' or '.join(COMPRESSIONS)}"
        )
    if jsonl and kind != PARQUET:
        return JSONL
    if not jsonl and kind == FOLDER and locate(flag, path).is_stream:
        return JSONL
    if jsonl or kind is None:
        raise OutputError(
            f"`{flag}` (={path}) must end in .jsonl or .parquet, or have no extension for a "
            "dataset folder; with --jsonl it may have any extension but .parquet; .jsonl.gz and "
            ".jsonl.zst are compressed"
        )
    return kind


@contextlib.contextmanager
def open_output(
    path: Path,
    kind: str,
    overwrite: bool = False,
    flag: str = "--output",
    schema: "pyarrow.Schema | None" = None,
) -> Iterator[RowWriter]:
    """Yield a function that writes a row. On a clean exit, put the complete output at `path`.

    Rows are first written to a partial beside `path`, or inside it if it is an existing folder. The
    partial is moved to `path` at the end, or removed if anything fails. A stream gets each row at
    once.

    Args:
      path: The path of the output. Its missing parents are created.
      kind: `JSONL`, `PARQUET` or `FOLDER` (for `DatasetDict.load_from_disk`, with three splits).
      overwrite: Whether an existing file, or an existing dataset folder of this package, is
        replaced. Other files in the folder stay.
      flag: The flag that names the path, for error messages.
      schema: The columns of Parquet and of a folder, if not those of every row; see
        `columns.choose_schema`. JSON lines have those that each row has.

    Raises:
      OutputError: `path` can't be written, or exists. Nothing has been written then.
      NotPlacedError: The output couldn't be put at `path`. It is kept, and the message says where.
        This is an OSError.
    """
    destination = locate(flag, path)
    if kind == FOLDER:
        with _open_folder(destination, overwrite, flag, schema) as write:
            yield write
        return
    if destination.is_folder:
        raise OutputError(f"`{flag}` (={path}) is a folder, it must be a {kind} file")
    check_new(flag, destination, overwrite)
    if destination.is_stream and kind == JSONL:
        with destination.open() as stream, _open_jsonl(stream, _find_compression(path)) as write:
            yield write
        return
    with contextlib.ExitStack() as stack:
        with name_output(flag, path):
            destination.beside.mkdir(parents=True, exist_ok=True)
            partial = stack.enter_context(destination.partial())
        with _WRITERS[kind](partial, _find_compression(path), schema) as write:
            yield write
        destinations.put_file(partial, destination, overwrite)


@contextlib.contextmanager
def _open_folder(
    destination: Destination, overwrite: bool, flag: str, schema: "pyarrow.Schema | None"
) -> Iterator[RowWriter]:
    path = destination.given
    if destination.is_stream or (destination.exists and not destination.is_folder):
        raise OutputError(f"`{flag}` (={path}) must be a dataset folder or a new path")
    folder = destination.real
    if destination.exists and not saved_folder.may_replace(folder, overwrite):
        if saved_folder.is_ours(folder):
            check_new(flag, destination, overwrite)
        raise OutputError(
            f"`{flag}` (={path}) holds something else than a saved dataset of this package, "
            "which isn't replaced: name another folder"
        )
    if destination.exists and (part := saved_folder.find_not_replaceable(folder)) is not None:
        reason = os.strerror(errno.EACCES)
        raise OutputError(f"`{flag}` (={path}) can't be written: {part}: {reason}")
    with contextlib.ExitStack() as stack:
        with name_output(flag, path):
            destination.beside.mkdir(parents=True, exist_ok=True)
            destination.sweep()
            partial = stack.enter_context(partial_folder(destination.beside, folder.name))
        with _open_arrow_files(partial, schema) as (write, files):
            yield write
        made = _save_to_disk(partial, files, folder.name, schema)
        saved_folder.put_folder(made, folder, overwrite)


def _strip_compression(path: Path) -> Path:
    """Remove the extension of a compression from a path."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path


def _find_compression(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


@contextlib.contextmanager
def _open_jsonl(stream: IO[bytes], compression: str | None) -> Iterator[RowWriter]:
    """Yield a function that writes a row as a JSON line to a binary stream."""
    with contextlib.ExitStack() as stack:
        if compression is not None:
            import pyarrow

            stream = stack.enter_context(
                pyarrow.CompressedOutputStream(
                    stack.enter_context(pyarrow.PythonFile(stream, "w")), compression
                )
            )

        def write(row: dict[str, Any]) -> None:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
            stream.write(f"{text}\n".encode())

        yield write


@contextlib.contextmanager
def _open_jsonl_file(
    partial: Path, compression: str | None, _: "pyarrow.Schema | None"
) -> Iterator[RowWriter]:
    with open(partial, "wb") as file, _open_jsonl(file, compression) as write:
        yield write


@contextlib.contextmanager
def open_parquet(path: Path, schema: "pyarrow.Schema | None" = None) -> Iterator[RowWriter]:
    """Yield a function that writes a row to a new Parquet file. The exit completes the file.

    The same rows give the same bytes, with one version of pyarrow.

    Args:
      path: The path of the file.
      schema: The columns, if not those of every row.
    """
    # Here and below, slow libraries are imported only after the arguments have been checked.
    from pyarrow.parquet import ParquetWriter

    from jax_ir_synth.schema.columns import SCHEMA

    # The schema has no metadata of datasets: 3.6.0 can't read the features that 4 and 5 write.
    columns = SCHEMA if schema is None else schema
    with (
        ParquetWriter(path, columns, compression="zstd") as writer,
        _batch_rows(writer, columns) as write,
    ):
        yield write


@contextlib.contextmanager
def _open_parquet_file(
    partial: Path, _: str | None, schema: "pyarrow.Schema | None"
) -> Iterator[RowWriter]:
    with open_parquet(partial, schema) as write:
        yield write


@contextlib.contextmanager
def _open_arrow_files(
    partial: Path, schema: "pyarrow.Schema | None"
) -> Iterator[tuple[RowWriter, dict[str, Path]]]:
    import pyarrow

    from jax_ir_synth.schema.columns import SCHEMA

    columns = SCHEMA if schema is None else schema
    files = {split: partial / f"{split}.arrow" for split in SPLITS}
    with contextlib.ExitStack() as stack:
        writes = {
            split: stack.enter_context(
                _batch_rows(
                    stack.enter_context(pyarrow.ipc.new_stream(str(file), columns)), columns
                )
            )
            for split, file in files.items()
        }
        yield lambda row: writes[split_of(row["skeleton_hash"])](row), files


def _save_to_disk(
    partial: Path, files: dict[str, Path], name: str, schema: "pyarrow.Schema | None"
) -> Path:
    """Convert the Arrow files with `save_to_disk`. Return the folder.

    The same rows give the same bytes. Raises NotPlacedError; the Arrow files are kept then.
    """
    import datasets

    from jax_ir_synth.storage.dataset_info import dataset_info

    made = partial / "dataset"
    saved = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_file(str(file), info=dataset_info(schema), split=split)
            for split, file in files.items()
        }
    )
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        # With its default number of files, datasets 5 writes no file for a split without rows, and
        # then can't load that split.
        sizes = {split: rows.data.nbytes for split, rows in saved.items()}
        saved.save_to_disk(
            made, num_shards={split: size // _FILE_BYTES + 1 for split, size in sizes.items()}
        )
        saved_folder.set_fingerprints(made)
    except OSError as error:
        kept = destinations.keep_result(partial, partial.parent, name)
        raise destinations.not_placed_error(error, kept) from error
    finally:
        if shown:
            datasets.enable_progress_bars()
    return made


@contextlib.contextmanager
def _batch_rows(writer: Any, schema: "pyarrow.Schema") -> Iterator[RowWriter]:
    """Yield a function that writes a row. It collects rows for `writer.write_batch`."""
    import pyarrow

    held: list[dict[str, Any]] = []

    def flush() -> None:
        if held:
            writer.write_batch(pyarrow.RecordBatch.from_pylist(held, schema))
            held.clear()

    def write(row: dict[str, Any]) -> None:
        held.append(row)
        if len(held) == _ROWS_A_BATCH:
            flush()

    yield write
    flush()


_WRITERS = {JSONL: _open_jsonl_file, PARQUET: _open_parquet_file}
