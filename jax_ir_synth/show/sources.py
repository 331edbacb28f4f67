"""Sources of rows: a saved dataset, or a config whose rows are generated on demand."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow

from jax_ir_synth.errors import UsageError
from jax_ir_synth.generate.plan import places, plan_rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import ALL, Request
from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView
from jax_ir_synth.show.choice import choose_evenly
from jax_ir_synth.show.samples import require_columns
from jax_ir_synth.storage.dataset_reader import Source, open_saved
from jax_ir_synth.terminal.progress import progress

# How many ids an error message lists before the last one.
_NAMED = 3


class ShowError(UsageError):
    """The rows can't be shown. The message is one line that says what would be right."""


class SavedRows:
    """The rows of a saved dataset.

    All methods raise `dataset_reader.DatasetError`, and ValueError for a malformed row.

    Args:
      path: The dataset, see `dataset_reader.open_saved`.

    Attributes:
      title: A name of the dataset for readers.
    """

    def __init__(self, path: Path | Source) -> None:
        self._path = path
        self.title = (path.name if isinstance(path, Path) else "") or str(path)

    def get_row(self, id: int | None) -> RowView:
        """Return the row with an id.

        Args:
          id: The row's id. None for the first row.

        Raises:
          ShowError: There is no such row.
        """
        ids = []
        for row, split in open_saved(self._path).rows:
            if id is None or row.get("id") == id:
                return _check_row(row, split)
            ids.append(row.get("id"))
        if id is None:
            raise ShowError(self._no_row())
        numbers = [number for number in ids if type(number) is int]
        have = f"from {min(numbers)} to {max(numbers)}" if numbers else "none"
        raise ShowError(
            f"`--id` (={id}) is no row of {self._path}: it has {len(ids)} rows, of ids {have}"
        )

    def get_rows(self, number: int) -> tuple[list[RowView], int]:
        """Choose rows evenly over categories and splits.

        Args:
          number: The largest number of rows.

        Returns:
          The rows in the order of ids, and how many rows the dataset has.

        Raises:
          ShowError: The dataset has no row.
        """
        # Read the file twice, because it may be far larger than the memory.
        order: list[tuple[int, int]] = []
        groups: list[tuple[str, str]] = []
        for row, split in open_saved(self._path).rows:
            view = _check_row(row, split)
            order.append((view.row["id"], len(order)))
            groups.append((view.category, view.split))
        if not order:
            raise ShowError(self._no_row())
        order.sort()
        wanted = choose_evenly((groups[position] for _, position in order), number)
        positions = {order[rank][1] for rank in wanted}
        rows = enumerate(open_saved(self._path).rows)
        chosen = [_check_row(*entry) for position, entry in rows if position in positions]
        return sorted(chosen, key=lambda view: view.row["id"]), len(order)

    def _no_row(self) -> str:
        return f"`DATASET` (={self._path}) holds no row"


class GeneratedRows:
    """The rows of a config. Only the rows that are shown are generated.

    Args:
      request: The rows, of which there are `request.count`.

    Attributes:
      title: A name of the rows for readers.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.title = f"config {request.category}, seed {request.seed}"

    def get_row(self, id: int | None) -> RowView:
        """Return the row with an id.

        Args:
          id: The row's id. None for the first row.

        Raises:
          ShowError: There is no such row.
        """
        request = self._request
        number = 0
        if id is not None:
            number = id if request.category == ALL else id // len(CATEGORIES)
        # There is one place, or none for an id after the last one.
        for place in places(request, max(number, 0), max(number, 0) + 1):
            if id in (None, place.id):
                for view in self._generate(number):
                    return view
                raise ShowError(f"`--id` (={place.id}) is of a row that is left out, as said above")
        raise ShowError(f"`--id` (={id}) {self._ids()}")

    def get_rows(self, number: int) -> tuple[list[RowView], int]:
        """Choose rows evenly over categories and splits, and generate them.

        Args:
          number: The largest number of rows.

        Returns:
          The rows in the order of ids, and how many rows the config has.
        """
        groups = ((planned.category, planned.split) for planned in plan_rows(self._request))
        wanted = choose_evenly(groups, number)
        made = (row for position in sorted(wanted) for row in self._generate(position))
        return list(progress(made, len(wanted))), self._request.count

    def _generate(self, number: int) -> Iterator[RowView]:
        """Generate a row by its number. Yield nothing if the row is left out."""
        from jax_ir_synth.generate.rows import rows

        planned = plan_rows(self._request, number, number + 1)
        return (RowView(row) for row in rows(self._request, planned))

    def _ids(self) -> str:
        request = self._request
        first = [place.id for place in itertools.islice(places(request), _NAMED)]
        (last,) = (place.id for place in places(request, request.count - 1))
        named = ", ".join(map(str, first))
        return (
            f"must be one of the ids {named}, ... {last} that config {request.category!r} has with "
            f"--count {request.count}; a larger --count has more"
        )


def _check_row(row: dict[str, Any], split: str | None) -> RowView:
    # Rows of earlier versions lack the optional columns.
    row = require_columns(dict.fromkeys(OPTIONAL_COLUMNS) | row)
    try:
        pyarrow.RecordBatch.from_pylist([row], SCHEMA)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"row {row['id']!r:.20} has a value of a wrong type: {reason}") from error
    null = [name for name in SCHEMA.names if row[name] is None]
    null += [key for aval in row["in_avals"] or () for key in aval if aval[key] is None]
    if wrong := [name for name in null if name not in (*IR_COLUMNS, *OPTIONAL_COLUMNS)]:
        raise ValueError(f"row {row['id']} has no value for {', '.join(wrong)}")
    return RowView(row, split)
