"""Rows into a file or folder that is under its final name whole or not at all."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from jax_ir_synth.plan import SPLITS, split_of

JSONL, PARQUET, FOLDER = "jsonl", "parquet", "folder"
_SUFFIXES = {".jsonl": JSONL, ".parquet": PARQUET, "": FOLDER}

# Rows of one Parquet row group or Arrow batch: what is held in memory at a time.
_ROWS_A_BATCH = 256

# Size of one file of a dataset folder, as datasets itself has it by default.
_FILE_BYTES = 500_000_000

# save_to_disk's mark: only a folder that has it is replaced.
_DATASET_MARK = "dataset_dict.json"


def format_of(path: Path, jsonl: bool) -> str:
    """The format of an output path: JSONL if asked for, else by extension, a folder without one.

    Raises:
      ValueError: an extension that stands for none of them, or against `jsonl`.
    """
    kind = _SUFFIXES.get(path.suffix.lower())
    if jsonl and kind != PARQUET:
        return JSONL
    if jsonl or kind is None:
        raise ValueError(
            f"`--output` (={path}) must end in .jsonl or .parquet, or have no extension for a "
            "dataset folder; with --jsonl it may have any but .parquet"
        )
    return kind


@contextlib.contextmanager
def open_output(path: Path, kind: str) -> Iterator[Callable[[dict], None]]:
    """Yield the function that writes a row; on a clean exit put the whole result at `path`.

    Everything is written beside `path` and moved at the end, and removed if anything fails.

    Args:
      path: where to; missing parents are made; a file, or a dataset folder saved before, is
        replaced.
      kind: `JSONL`, `PARQUET` or `FOLDER` (`DatasetDict.load_from_disk`, with the three splits).

    Raises:
      OSError: `path` can't be written; before anything is.
    """
    _check_replaceable(path, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two runs apart; made with the user's own permissions, unlike mkdtemp's.
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    partial.mkdir()
    try:
        with _WRITERS[kind](partial) as (write, result):
            yield write
        _move(result, path, aside=partial / "replaced")
    finally:
        shutil.rmtree(partial)


def _check_replaceable(path: Path, kind: str) -> None:
    if kind != FOLDER and path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a {kind} file")
    if kind == FOLDER and path.exists():
        if not path.is_dir():
            raise NotADirectoryError(f"{path} is a file, not a dataset folder")
        if any(path.iterdir()) and not (path / _DATASET_MARK).exists():
            raise FileExistsError(f"{path} holds something else than a saved dataset")


def _move(result: Path, path: Path, aside: Path) -> None:
    """Put `result` at `path`; what was there is out of the way for an instant only."""
    if not path.is_dir():
        os.replace(result, path)
        return
    # A folder that holds files can't be replaced in one step.
    os.rename(path, aside)
    try:
        os.rename(result, path)
    except BaseException:
        os.rename(aside, path)
        raise


@contextlib.contextmanager
def _jsonl(partial: Path):
    result = partial / "rows"
    with open(result, "w", encoding="utf-8", newline="\n") as file:

        def write(row: dict) -> None:
            json.dump(row, file, ensure_ascii=False, allow_nan=False)
            file.write("\n")

        yield write, result


@contextlib.contextmanager
def parquet_file(path: Path) -> Iterator[Callable[[dict], None]]:
    """Yield the function that writes a row into the file, which is whole on a clean exit.

    The same rows give the same bytes, with one version of pyarrow.
    """
    # Here and below: these libraries are loaded once the arguments are known to be right.
    from pyarrow.parquet import ParquetWriter

    from jax_ir_synth.columns import SCHEMA

    # No datasets metadata in the schema: 3.6.0 can't read the features that later lines write.
    with ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        with _batched(writer) as write:
            yield write


@contextlib.contextmanager
def _parquet(partial: Path):
    result = partial / "rows"
    with parquet_file(result) as write:
        yield write, result


@contextlib.contextmanager
def _folder(partial: Path):
    import datasets
    import pyarrow

    from jax_ir_synth.columns import SCHEMA
    from jax_ir_synth.jax_ir_synth import dataset_info

    result = partial / "dataset"
    files = {split: str(partial / f"{split}.arrow") for split in SPLITS}
    with contextlib.ExitStack() as stack:
        writes = {
            split: stack.enter_context(
                _batched(stack.enter_context(pyarrow.ipc.new_stream(file, SCHEMA)))
            )
            for split, file in files.items()
        }
        yield lambda row: writes[split_of(row["skeleton_hash"])](row), result
    saved = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_file(file, info=dataset_info(), split=split)
            for split, file in files.items()
        }
    )
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        # Counted here: datasets 5 gives a split without rows no file, and then can't load it.
        sizes = {split: rows.data.nbytes for split, rows in saved.items()}
        saved.save_to_disk(
            result, num_shards={split: size // _FILE_BYTES + 1 for split, size in sizes.items()}
        )
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextlib.contextmanager
def _batched(writer):
    """A function that takes rows one by one for `writer.write_batch`, which takes many."""
    import pyarrow

    from jax_ir_synth.columns import SCHEMA

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


_WRITERS = {JSONL: _jsonl, PARQUET: _parquet, FOLDER: _folder}
