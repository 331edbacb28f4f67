"""Finds the dataset that a command reads, by name; rows to generate are made once, by workers."""

import dataclasses
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.request.config import Request
from jax_ir_synth.storage.dataset_names import Made, parse

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import DatasetReader, Source


def find_dataset(
    name: str, config: str | None = None, num_proc: int = 1, verify: bool = True
) -> "Path | Source":
    """Find a dataset by name; `open_saved` accepts the result.

    Args:
      name: the dataset's name; see `dataset_names.parse`.
      config: the config, for a dataset on the Hub or in a folder.
      num_proc: the number of worker processes that generate rows.
      verify: whether generated rows are proven.

    Raises:
      UsageError: the name is wrong.
    """
    found = parse(name, config)
    if isinstance(found, Made):
        return MadeDataset(found.request(verify=verify), num_proc)
    return found if found.config is not None or found.is_on_hub else Path(found.name)


class MadeDataset:
    """The rows of a request, generated when they are first read, and then kept in a file.

    Args:
      request: the request for the rows. Rows that can't be made or proven are left out and logged.
      num_proc: the number of worker processes.
    """

    def __init__(self, request: Request, num_proc: int):
        self._request, self._num_proc = request, num_proc
        self._path: Path | None = None
        self.name = f"{request.category}:seed={request.seed},count={request.count}"

    def __str__(self) -> str:
        return self.name

    def open(self) -> "DatasetReader":
        """Open the rows."""
        from jax_ir_synth.storage.dataset_reader import open_saved

        if self._path is None:
            folder = tempfile.mkdtemp(prefix=".jax_ir_synth.")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            path = Path(folder) / "rows.parquet"
            self._make(path)
            self._path = path
        name = str(self._path)
        reader = open_saved(self._path)
        entries = (
            entry._replace(where=entry.where.replace(name, self.name)) for entry in reader.entries
        )
        return dataclasses.replace(reader, entries=entries)

    def _make(self, path: Path) -> None:
        from jax_ir_synth.generate.plan import plan_rows
        from jax_ir_synth.generate.rows import rows
        from jax_ir_synth.generate.workers import Workers
        from jax_ir_synth.storage.writers import open_parquet
        from jax_ir_synth.terminal.progress import progress

        request = self._request
        with open_parquet(path) as write, Workers(self._num_proc, request.count) as workers:
            planned = plan_rows(request, draw=workers.draw)
            for row in progress(rows(request, planned, workers), request.count, "rows made"):
                write(row)


def has_collected(saved: "Path | Source") -> bool:
    """Whether a saved dataset has a row of a function that someone wrote.

    Raises:
      DatasetError: There is no dataset.
    """
    from jax_ir_synth.storage.dataset_reader import open_saved

    types = ((entry.row or {}).get("type") for entry in open_saved(saved).entries)
    return any(kind in COLLECTED for kind in types)
