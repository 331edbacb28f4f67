"""Rows into a file, a folder or a stream; a file or folder is whole under its name or not there."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage import destinations, saved_folder
from jax_ir_synth.storage.destinations import Destination
from jax_ir_synth.storage.outputs import OutputError, check_new, locate, told
from jax_ir_synth.storage.partials import partial_folder

JSONL, PARQUET, FOLDER = "jsonl", "parquet", "folder"
_SUFFIXES = {".jsonl": JSONL, ".parquet": PARQUET, "": FOLDER}
# By the last extension: how JSON lines are compressed, and what else would be taken for compressed.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_NOT_WRITTEN = (".bz2", ".xz", ".lz4", ".br", ".zip", ".z", ".7z", ".tar", ".tgz")

# Rows of one Parquet row group or Arrow batch: what is held in memory at a time.
_ROWS_A_BATCH = 256

# Size of one file of a dataset folder, as datasets itself has it by default.
_FILE_BYTES = 500_000_000


def choose_format(path: Path, jsonl: bool, flag: str = "--output") -> str:
    """The format of an output path: JSONL if asked for, else by extension, a folder without one.

    `.jsonl.gz` and `.jsonl.zst` are JSONL too, and so is the standard output, a pipe or a device
    without an extension.

    Raises:
      OutputError (a ValueError): an extension that stands for none of them, or against `jsonl`; a
        path that nothing can be written to.
    """
    kind = _SUFFIXES.get(path.suffix.lower())
    if path.suffix.lower() in COMPRESSIONS and (jsonl or _plain(path).suffix.lower() == ".jsonl"):
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
            "dataset folder; with --jsonl it may have any but .parquet; .gz or .zst after .jsonl "
            "compresses"
        )
    return kind


@contextlib.contextmanager
def open_output(
    path: Path, kind: str, overwrite: bool = False, flag: str = "--output"
) -> Iterator[Callable[[dict], None]]:
    """Yield the function that writes a row; on a clean exit put the whole result at `path`.

    Everything is written beside `path` (in it, where it is a folder that is there already) and put
    in place at the end, and removed if anything fails. A stream gets each row at once.

    Args:
      path: where to; missing parents are made.
      kind: `JSONL`, `PARQUET` or `FOLDER` (`DatasetDict.load_from_disk`, with the three splits).
      overwrite: whether a file, or a dataset folder of this package, that is there already is
        replaced. Other files in the folder stay.
      flag: what names the path, for messages.

    Raises:
      OutputError: `path` can't be written, or is there already; before anything is.
      NotPlacedError (an OSError): the result couldn't be put there; it is kept, and the message
        says where.
    """
    destination = locate(flag, path)
    if kind == FOLDER:
        with _open_folder(destination, overwrite, flag) as write:
            yield write
        return
    if destination.is_folder:
        raise OutputError(f"`{flag}` (={path}) is a folder, it must be a {kind} file")
    check_new(flag, destination, overwrite)
    if destination.is_stream and kind == JSONL:
        with destination.open() as stream, _jsonl(stream, _compression(path)) as write:
            yield write
        return
    with contextlib.ExitStack() as stack:
        with told(flag, path):
            destination.beside.mkdir(parents=True, exist_ok=True)
            partial = stack.enter_context(destination.partial())
        with _WRITERS[kind](partial, _compression(path)) as write:
            yield write
        destinations.put_file(partial, destination, overwrite)


@contextlib.contextmanager
def _open_folder(destination: Destination, overwrite: bool, flag: str):
    path = destination.given
    if destination.is_stream or (destination.exists and not destination.is_folder):
        raise OutputError(f"`{flag}` (={path}) must be a dataset folder, or new")
    folder = destination.real
    if destination.exists and not saved_folder.may_replace(folder, overwrite):
        if saved_folder.is_ours(folder):
            check_new(flag, destination, overwrite)
        raise OutputError(
            f"`{flag}` (={path}) holds something else than a saved dataset of this package: "
            "nothing in it is replaced, name another"
        )
    if destination.exists and (part := saved_folder.find_not_replaceable(folder)) is not None:
        reason = os.strerror(errno.EACCES)
        raise OutputError(f"`{flag}` (={path}) can't be written: {part}: {reason}")
    with contextlib.ExitStack() as stack:
        with told(flag, path):
            destination.beside.mkdir(parents=True, exist_ok=True)
            destination.sweep()
            partial = stack.enter_context(partial_folder(destination.beside, folder.name))
        with _arrow_files(partial) as (write, files):
            yield write
        saved_folder.put_folder(_saved(partial, files, folder.name), folder, overwrite)


def _plain(path: Path) -> Path:
    """The path without an extension for its compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path


def _compression(path: Path) -> str | None:
    return COMPRESSIONS.get(path.suffix.lower())


@contextlib.contextmanager
def _jsonl(stream, compression: str | None):
    """Rows as JSON lines into a binary stream."""
    with contextlib.ExitStack() as stack:
        if compression is not None:
            import pyarrow

            stream = stack.enter_context(
                pyarrow.CompressedOutputStream(
                    stack.enter_context(pyarrow.PythonFile(stream, "w")), compression
                )
            )

        def write(row: dict) -> None:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
            stream.write(f"{text}\n".encode())

        yield write


@contextlib.contextmanager
def _jsonl_file(partial: Path, compression: str | None):
    with open(partial, "wb") as file, _jsonl(file, compression) as write:
        yield write


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator[Callable[[dict], None]]:
    """Yield the function that writes a row into the file, which is whole on a clean exit.

    The same rows give the same bytes, with one version of pyarrow.
    """
    # Here and below: these libraries are loaded once the arguments are known to be right.
    from pyarrow.parquet import ParquetWriter

    from jax_ir_synth.schema.columns import SCHEMA

    # No datasets metadata in the schema: 3.6.0 can't read the features that later lines write.
    with ParquetWriter(path, SCHEMA, compression="zstd") as writer, _batched(writer) as write:
        yield write


@contextlib.contextmanager
def _parquet(partial: Path, _: str | None):
    with open_parquet(partial) as write:
        yield write


@contextlib.contextmanager
def _arrow_files(partial: Path):
    import pyarrow

    from jax_ir_synth.schema.columns import SCHEMA

    files = {split: partial / f"{split}.arrow" for split in SPLITS}
    with contextlib.ExitStack() as stack:
        writes = {
            split: stack.enter_context(
                _batched(stack.enter_context(pyarrow.ipc.new_stream(str(file), SCHEMA)))
            )
            for split, file in files.items()
        }
        yield lambda row: writes[split_of(row["skeleton_hash"])](row), files


def _saved(partial: Path, files: dict[str, Path], name: str) -> Path:
    """The folder that `save_to_disk` makes of the Arrow files; the same rows give the same bytes.

    Raises NotPlacedError; the Arrow files are kept then.
    """
    import datasets

    from jax_ir_synth.storage.dataset_info import dataset_info

    made = partial / "dataset"
    saved = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_file(str(file), info=dataset_info(), split=split)
            for split, file in files.items()
        }
    )
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        # Counted here: datasets 5 gives a split without rows no file, and then can't load it.
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
def _batched(writer):
    """A function that takes rows one by one for `writer.write_batch`, which takes many."""
    import pyarrow

    from jax_ir_synth.schema.columns import SCHEMA

    held = []

    def flush() -> None:
        if held:
            writer.write_batch(pyarrow.RecordBatch.from_pylist(held, SCHEMA))
            held.clear()

    def write(row: dict) -> None:
        held.append(row)
        if len(held) == _ROWS_A_BATCH:
            flush()

    yield write
    flush()


_WRITERS = {JSONL: _jsonl_file, PARQUET: _parquet}
