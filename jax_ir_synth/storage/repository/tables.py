"""The Parquet files of each subset and split: write them, or compare those of a folder."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from jax_ir_synth.request.config import ALL
from jax_ir_synth.schema.row_view import digest, find_category
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage.dataset_reader import open_saved
from jax_ir_synth.storage.repository.layout import data_path, data_pattern
from jax_ir_synth.storage.writers import open_parquet

if TYPE_CHECKING:
    import pyarrow

# A file is closed when it reaches this size. Rows that are still buffered are added to it.
FILE_BYTES = 100_000_000


class Part(NamedTuple):
    """A split of a subset.

    Attributes:
      paths: The paths of its files in the folder.
      rows: The number of rows, at least 1.
      file_bytes: The size of the files in bytes.
      arrow_bytes: The size of the rows in memory, as Arrow, in bytes.
    """

    paths: tuple[str, ...]
    rows: int
    file_bytes: int
    arrow_bytes: int


class Subset(NamedTuple):
    """A config of the published dataset.

    Attributes:
      name: The config's name.
      splits: Each split that has rows.
    """

    name: str
    splits: dict[str, Part]


def write_subsets(
    folder: Path,
    rows: Iterable[dict[str, Any]],
    configs: Sequence[str],
    file_bytes: int = FILE_BYTES,
    schema: "pyarrow.Schema | None" = None,
) -> list[Subset]:
    """Write rows to Parquet files. The same rows give the same bytes, with one version of pyarrow.

    A subset has the rows of its category in their order, and `all` has every row. The split of a
    row is that of its skeleton (`splits.split_of`), whichever split it was stored in. A split
    without rows has no file, and a subset without splits is left out, because datasets can't load
    them.

    Args:
      folder: An empty folder.
      rows: Rows with all columns.
      configs: The names of the subsets.
      file_bytes: The size in bytes at which a file is closed, see `FILE_BYTES`.
      schema: The columns, if not those of every row.

    Returns:
      The subsets that have rows, in the order of `configs`.
    """
    with contextlib.ExitStack() as stack:
        parts = {
            (config, split): stack.enter_context(
                _PartWriter(folder, config, split, file_bytes, schema)
            )
            for config in configs
            for split in SPLITS
        }
        for row in rows:
            split = split_of(row["skeleton_hash"])
            for config in (ALL, find_category(row["type"])):
                if config in configs:
                    parts[config, split].write(row)
    subsets = []
    for config in configs:
        splits = {
            split: part
            for split in SPLITS
            if (part := parts[config, split].part) is not None and part.rows
        }
        if splits:
            subsets.append(Subset(config, splits))
    return subsets


def read_existing(folder: Path, written: Sequence[Subset], beside: Path) -> list[Subset] | None:
    """Describe subsets by the files that a folder already has.

    Args:
      folder: A folder. The number of files of a split may differ from that in `written`.
      written: The subsets that `write_subsets` has returned.
      beside: The folder that they were written to.

    Returns:
      The same subsets, with the files in `folder`. None if some of them are missing.

    Raises:
      ValueError: The files of a split hold other rows. The message is the pattern of the files.
      DatasetError: A file is not a complete Parquet file.
    """
    subsets = []
    for subset in written:
        splits = {}
        for split, part in subset.splits.items():
            paths = _list_files(folder, subset.name, split)
            if not paths:
                return None
            if sorted(_hash_rows(folder, paths)) != sorted(_hash_rows(beside, part.paths)):
                raise ValueError(data_pattern(subset.name, split))
            splits[split] = _describe_part(folder, paths, part.rows)
        subsets.append(Subset(subset.name, splits))
    return subsets


def _list_files(folder: Path, config: str, split: str) -> list[str]:
    """List the files of a split. The list is empty if a file is missing."""
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.glob(f"{data_pattern(config, split)}.parquet")
    )
    total = len(found)
    complete = [data_path(config, split, number, total) for number in range(total)]
    return found if found == complete else []


def _hash_rows(folder: Path, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        for row, _ in open_saved(folder / path).rows:
            yield digest(json.dumps(row, sort_keys=True))


class _PartWriter:
    """A context manager that writes a split. It begins a new file when the current one is full."""

    def __init__(
        self,
        folder: Path,
        config: str,
        split: str,
        file_bytes: int,
        schema: "pyarrow.Schema | None",
    ) -> None:
        self._schema = schema
        self._folder, self._config, self._split = folder, config, split
        self._limit = file_bytes
        self._files: list[Path] = []
        self._open = contextlib.ExitStack()
        self.rows = 0
        self.part: Part | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, row: dict[str, Any]) -> None:
        # Row groups are flushed to the file at once, so its size is known and reproducible.
        if not self._files or self._files[-1].stat().st_size >= self._limit:
            self._open.close()
            self._files.append(self._folder / f"{self._config}/{self._split}-{len(self._files)}")
            self._files[-1].parent.mkdir(exist_ok=True)
            self._write = self._open.enter_context(open_parquet(self._files[-1], self._schema))
        self._write(row)
        self.rows += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, traceback)
        if kind is not None:
            return
        paths = []
        # The name of each file contains the number of files, which is known only now.
        for number, file in enumerate(self._files):
            paths.append(data_path(self._config, self._split, number, len(self._files)))
            file.rename(self._folder / paths[-1])
        self.part = _describe_part(self._folder, paths, self.rows)


def _describe_part(folder: Path, paths: Sequence[str], rows: int) -> Part:
    files = [folder / path for path in paths]
    file_bytes = sum(file.stat().st_size for file in files)
    return Part(tuple(paths), rows, file_bytes, sum(map(_count_arrow_bytes, files)))


def _count_arrow_bytes(file: Path) -> int:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as opened:
        return sum(batch.nbytes for batch in opened.iter_batches())
