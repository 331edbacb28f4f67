"""Where the rows come from: a saved dataset, or a config, whose rows are made when asked for."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow

from jax_ir_synth.generate.plan import places, plan_rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import ALL, Request
from jax_ir_synth.schema.columns import OPTIONAL_COLUMNS, SCHEMA
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView
from jax_ir_synth.show.choice import choose_evenly
from jax_ir_synth.show.samples import require_columns
from jax_ir_synth.storage.dataset_reader import open_saved
from jax_ir_synth.terminal.progress import progress

# How many ids an error names before it says up to which they go.
_NAMED = 3


class ShowError(ValueError):
    """What can't be shown; the message is one line that says what would be right."""


class SavedRows:
    """The rows of a saved dataset.

    Args:
      path: see `saved.open_saved`.

    All methods raise `saved.DatasetError`, and ValueError for a malformed row.
    """

    def __init__(self, path: Path):
        self._path = path
        self.title = path.name or str(path)

    def one(self, id: int | None) -> RowView:
        """The row of an id, or the first. Raises ShowError if there is none."""
        ids = []
        for row, split in open_saved(self._path).rows:
            if id is None or row.get("id") == id:
                return _view(row, split)
            ids.append(row.get("id"))
        if id is None:
            raise ShowError(self._no_row())
        numbers = [number for number in ids if type(number) is int]
        have = f"from {min(numbers)} to {max(numbers)}" if numbers else "none"
        raise ShowError(
            f"`--id` (={id}) is no row of {self._path}: it has {len(ids)} rows, of ids {have}"
        )

    def some(self, number: int) -> tuple[list[RowView], int]:
        """At most `number` rows, chosen evenly, in the order of ids; and how many there are.

        Raises ShowError if there is none.
        """
        # Twice through the file, since it may be far larger than the memory.
        order: list[tuple[int, int]] = []
        groups: list[tuple[str, str]] = []
        for row, split in open_saved(self._path).rows:
            view = _view(row, split)
            order.append((view.row["id"], len(order)))
            groups.append((view.category, view.split))
        if not order:
            raise ShowError(self._no_row())
        order.sort()
        wanted = choose_evenly((groups[position] for _, position in order), number)
        positions = {order[rank][1] for rank in wanted}
        rows = enumerate(open_saved(self._path).rows)
        chosen = [_view(*entry) for position, entry in rows if position in positions]
        return sorted(chosen, key=lambda view: view.row["id"]), len(order)

    def _no_row(self) -> str:
        return f"`PATH` (={self._path}) holds no row"


class GeneratedRows:
    """The rows of a config; those that are shown are made, and no others.

    Args:
      request: what is asked for; its `count` says how many rows there are.
    """

    def __init__(self, request: Request):
        self._request = request
        self.title = f"config {request.category}, seed {request.seed}"

    def one(self, id: int | None) -> RowView:
        """The row of an id, or the first. Raises ShowError if there is none."""
        request = self._request
        number = 0
        if id is not None:
            number = id if request.category == ALL else id // len(CATEGORIES)
        # At most one; none for an id beyond the last.
        for place in places(request, max(number, 0), max(number, 0) + 1):
            if id in (None, place.id):
                for view in self._made(number):
                    return view
                raise ShowError(f"`--id` (={place.id}) is of a row that is left out, as said above")
        raise ShowError(f"`--id` (={id}) {self._ids()}")

    def some(self, number: int) -> tuple[list[RowView], int]:
        """At most `number` rows, chosen evenly, in the order of ids; and how many there are."""
        groups = ((planned.category, planned.split) for planned in plan_rows(self._request))
        wanted = choose_evenly(groups, number)
        made = (row for position in sorted(wanted) for row in self._made(position))
        return list(progress(made, len(wanted))), self._request.count

    def _made(self, number: int) -> Iterator[RowView]:
        """The row of this number; none where it is left out."""
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


def _view(row: dict, split: str | None) -> RowView:
    # Rows of earlier versions lack some columns.
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
