"""Opens the dataset that predictions are for: saved, on the Hub, or made from config and seed."""

import collections
import contextlib
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from jax_ir_synth.evaluate.tasks import Task
from jax_ir_synth.generate.plan import PlannedRow, plan_rows
from jax_ir_synth.request.config import CONFIGS, Request
from jax_ir_synth.schema.row_reader import list_rows, read_row
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.storage.dataset_names import Made, parse
from jax_ir_synth.storage.dataset_reader import DatasetError

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import DatasetReader

# The columns that scoring reads, whatever the task is; `row_reader` reads them from any container.
COLUMNS = (
    *("id", "kernel_name", "python", "cpp", "cuda", "type", "in_avals", "argnums"),
    *("program_hash", "skeleton_hash"),
)


class Item(NamedTuple):
    """A row of a dataset, or only its id and split if the row wasn't wanted.

    Attributes:
      where: its place, for messages.
      id: its column `id`.
      split: its split.
      row: all columns, or None.
    """

    where: str
    id: int
    split: str
    row: Mapping[str, Any] | None


# Says whether the row of an id and a split is wanted.
Wanted = Callable[[int, str], bool]


class Dataset(NamedTuple):
    """A dataset, opened.

    Attributes:
      title: its name, for messages and the report.
      count: the number of rows in all splits.
      made: whether its rows are generated, which takes time.
      items: returns all items in the dataset's order. For a row that isn't wanted (`Wanted` is
        false), `Item.row` may be None if the row is expensive to get. Raises UsageError for a row
        that can't be read.
    """

    title: str
    # A tuple has a method of this name, which a dataset has no use for.
    count: int  # type: ignore[assignment]
    made: bool
    items: Callable[[Wanted], Generator[Item]]


def open_dataset(
    name: str, config: str | None, task: Task, num_proc: int, **settings: int | None
) -> Dataset:
    """Open a dataset by name; see `storage.dataset_names`.

    Args:
      name: the dataset's name.
      config: the config, for a dataset on the Hub or in a folder.
      task: the task, which decides which columns are generated.
      num_proc: the number of worker processes that generate rows.
      **settings: `seed` and `count` of rows to generate, unless the name has them; None if not
        given.

    Raises:
      UsageError: the message is one line. DatasetError is a subclass.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    found = parse(name, config)
    if isinstance(found, Made):
        return _make_dataset(_make_request(name, found, given, task), num_proc)
    for key in given:
        raise DatasetError(
            f"`--{key}` is for rows to be made, and `DATASET` (={name}) is none of their configs: "
            f"{', '.join(CONFIGS)}"
        )
    return _read_dataset(found.open(), name)


def wrap_rows(
    rows: Iterable[Mapping[str, Any]] | Mapping[str, Iterable[Mapping[str, Any]]],
) -> Dataset:
    """Wrap rows, or several splits' rows by name.

    They may be a `datasets.Dataset` or `DatasetDict` in any format, or a table of pandas or
    pyarrow.

    Raises UsageError if these are no rows.
    """
    by_split = rows if isinstance(rows, Mapping) else {None: rows}
    splits = {name: _collect(part) for name, part in by_split.items()}

    def items(_: Wanted) -> Generator[Item]:
        for name, part in splits.items():
            for number, row in enumerate(part, start=1):
                yield _make_item(f"row {number} of {name or 'the dataset'}", row, name)

    return Dataset("rows", sum(map(len, splits.values())), False, items)


def _collect(part: Any) -> Collection[Any]:
    part = list_rows(part)
    if isinstance(part, str) or not isinstance(part, Iterable):
        raise DatasetError(f"`dataset` must be rows, it holds a {type(part).__name__}")
    return part if isinstance(part, Collection) else list(part)


def _read_dataset(saved: "DatasetReader", title: str) -> Dataset:
    columns = saved.columns
    missing = [] if columns is None else [name for name in COLUMNS if name not in columns]
    if missing:
        raise DatasetError(f"`DATASET` (={title}) has no column {', '.join(missing)}")
    if not saved.count:
        raise DatasetError(f"`DATASET` (={title}) holds no row")

    def items(_: Wanted) -> Generator[Item]:
        for entry in saved.entries:
            if entry.row is None:
                raise DatasetError(f"{entry.where} {entry.fault}")
            yield _make_item(entry.where, entry.row, entry.split)

    return Dataset(title, saved.count, False, items)


def _make_item(where: str, given: Any, split: str | None) -> Item:
    row = read_row(given, where, COLUMNS)
    try:
        return Item(where, row["id"], split or split_of(row["skeleton_hash"]), row)
    except ValueError:
        raise DatasetError(
            f"{where} has a skeleton_hash (={row['skeleton_hash']!r}) that must be hex digits"
        ) from None


def _make_request(name: str, found: Made, given: dict[str, int], task: Task) -> Request:
    for key in found.settings.keys() & given.keys():
        raise DatasetError(f"the {key} is given twice: `DATASET` (={name}) has it as well")
    # The rows are not proven: a proof costs more than the row, and no prompt depends on it. CUDA's
    # texts are generated only for the task that needs them.
    device = "both" if task.translates else "cpu"
    return found.request(device=device, verify=False, **given)


def _make_dataset(request: Request, num_proc: int) -> Dataset:
    title = f"{request.category}:seed={request.seed},count={request.count}"

    def items(wanted: Wanted) -> Generator[Item]:
        # Imported late, since they import jax.
        from jax_ir_synth.generate.rows import rows
        from jax_ir_synth.generate.workers import Workers

        # The planned rows that `items` hasn't given yet, and whether each is wanted.
        planned: collections.deque[tuple[PlannedRow, bool]] = collections.deque()

        def record_plan(plan: Iterable[PlannedRow]) -> Iterator[PlannedRow]:
            for place in plan:
                planned.append((place, wanted(place.id, place.split)))
                if planned[-1][1]:
                    yield place

        with Workers(num_proc, request.count) as workers:
            made = rows(request, record_plan(plan_rows(request, draw=workers.draw)), workers)
            with contextlib.closing(cast(Generator[dict[str, Any]], made)):
                for row in made:
                    yield from _skip_unwanted(planned, title, row["id"])
                    place, _ = planned.popleft()
                    yield Item(f"row {place.id} of {title}", place.id, place.split, row)
        yield from _skip_unwanted(planned, title)

    return Dataset(title, request.count, True, items)


def _skip_unwanted(
    planned: collections.deque[Any], title: str, id: int | None = None
) -> Iterator[Item]:
    """Give the unwanted rows before the row of this id; rows that couldn't be made are dropped."""
    while planned and planned[0][0].id != id:
        place, wanted = planned.popleft()
        if not wanted:
            yield Item(f"row {place.id} of {title}", place.id, place.split, None)
