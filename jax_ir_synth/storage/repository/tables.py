"""Rows -> the Parquet files of each subset and split; and those that a folder has already."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.request.config import ALL
from jax_ir_synth.schema.row_view import PREFIX, digest
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage.dataset_reader import open_saved
from jax_ir_synth.storage.repository.layout import data_path, data_pattern
from jax_ir_synth.storage.writers import open_parquet

# A file is closed once it has so many bytes; the last rows that were held come on top.
FILE_BYTES = 100_000_000


class Part(NamedTuple):
    """A split of a subset.

    Attributes:
      paths: its files, by their paths in the folder.
      rows: how many it has, at least one.
      file_bytes: of the files.
      arrow_bytes: of the rows in memory.
    """

    paths: tuple[str, ...]
    rows: int
    file_bytes: int
    arrow_bytes: int


class Subset(NamedTuple):
    """A config of the published dataset: its name, and each split that has rows."""

    name: str
    splits: dict[str, Part]


def write_subsets(
    folder: Path, rows: Iterable[dict], configs: Sequence[str], file_bytes: int = FILE_BYTES
) -> list[Subset]:
    """Write the rows into `folder`; the same rows give the same bytes, with one version of pyarrow.

    A subset has the rows of its category, in their order, each in its own split (by
    `splits.split_of`, wherever it was stored); `all` has every row. datasets can't load a split
    without rows, nor a config without splits: these have no files.

    Args:
      folder: an empty folder.
      rows: whole rows.
      configs: the subsets' names.
      file_bytes: see `FILE_BYTES`.
    """
    with contextlib.ExitStack() as stack:
        parts = {
            (config, split): stack.enter_context(_Part(folder, config, split, file_bytes))
            for config in configs
            for split in SPLITS
        }
        for row in rows:
            split = split_of(row["skeleton_hash"])
            for config in (ALL, row["type"].removeprefix(PREFIX)):
                if config in configs:
                    parts[config, split].write(row)
    subsets = []
    for config in configs:
        splits = {split: parts[config, split].part for split in SPLITS if parts[config, split].rows}
        if splits:
            subsets.append(Subset(config, splits))
    return subsets


def read_existing(folder: Path, written: Sequence[Subset], beside: Path) -> list[Subset] | None:
    """The same subsets by the files that `folder` has, None where it lacks some.

    Args:
      folder: may have a split in another number of files.
      written: what `write` wrote.
      beside: the folder it wrote to.

    Raises:
      ValueError: files hold other rows; the message is their pattern.
      DatasetError: one is no whole Parquet file.
    """
    subsets = []
    for subset in written:
        splits = {}
        for split, part in subset.splits.items():
            paths = _paths(folder, subset.name, split)
            if not paths:
                return None
            if sorted(_digests(folder, paths)) != sorted(_digests(beside, part.paths)):
                raise ValueError(data_pattern(subset.name, split))
            splits[split] = _described(folder, paths, part.rows)
        subsets.append(Subset(subset.name, splits))
    return subsets


def _paths(folder: Path, config: str, split: str) -> list[str]:
    """All files of a split, none if one of them is missing."""
    found = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.glob(f"{data_pattern(config, split)}.parquet")
    )
    total = len(found)
    whole = [data_path(config, split, number, total) for number in range(total)]
    return found if found == whole else []


def _digests(folder: Path, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        for row, _ in open_saved(folder / path).rows:
            yield digest(json.dumps(row, sort_keys=True))


class _Part:
    """A context manager: the files of one split, each begun once the one before is full."""

    def __init__(self, folder: Path, config: str, split: str, file_bytes: int):
        self._folder, self._config, self._split = folder, config, split
        self._limit = file_bytes
        self._files: list[Path] = []
        self._open = contextlib.ExitStack()
        self.rows = 0
        self.part: Part | None = None

    def __enter__(self):
        return self

    def write(self, row: dict) -> None:
        # Row groups go to the file at once, so its size is known, and the same each time.
        if not self._files or self._files[-1].stat().st_size >= self._limit:
            self._open.close()
            self._files.append(self._folder / f"{self._config}/{self._split}-{len(self._files)}")
            self._files[-1].parent.mkdir(exist_ok=True)
            self._write = self._open.enter_context(open_parquet(self._files[-1]))
        self._write(row)
        self.rows += 1

    def __exit__(self, *raised):
        self._open.__exit__(*raised)
        if raised[0] is not None:
            return
        paths = []
        # Their names tell how many there are.
        for number, file in enumerate(self._files):
            paths.append(data_path(self._config, self._split, number, len(self._files)))
            file.rename(self._folder / paths[-1])
        self.part = _described(self._folder, paths, self.rows)


def _described(folder: Path, paths: Sequence[str], rows: int) -> Part:
    files = [folder / path for path in paths]
    file_bytes = sum(file.stat().st_size for file in files)
    return Part(tuple(paths), rows, file_bytes, sum(map(_arrow_bytes, files)))


def _arrow_bytes(file: Path) -> int:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as opened:
        return sum(batch.nbytes for batch in opened.iter_batches())
