"""The dataset that predictions are about: saved, on the Hub, or made anew from config and seed."""

import argparse
import collections
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jax_ir_synth.evaluate.tasks import Task
from jax_ir_synth.generate.plan import PlannedRow, plan_rows
from jax_ir_synth.request.config import ALL, CONFIGS, Request
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.storage.dataset_reader import DatasetError
from jax_ir_synth.storage.paths import no_url

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_MADE = re.compile(r"(?P<config>\w+)(?::(?P<settings>.*))?")
_HELP = f"""what the predictions are about: a .jsonl or .parquet file, a folder of save_to_disk, a
Hub dataset (user/name), or rows made anew: a config ({", ".join(CONFIGS)}) with --seed and --count,
or all in one as in {ALL}:seed=7,count=1500"""
# What a row must have to be asked of a model.
NEEDED = ("id", "python", "cpp", "cuda", "type", "in_avals", "argnums", "skeleton_hash")


class Item(NamedTuple):
    """A row of a dataset, or its id and split alone where the row wasn't wanted.

    Attributes:
      where: its place, for a message.
      id: its column `id`.
      split: where it stands.
      row: all columns, or None.
    """

    where: str
    id: int
    split: str
    row: Mapping | None


# Whether the row of an id and a split is wanted.
Wanted = Callable[[int, str], bool]


class Dataset(NamedTuple):
    """A dataset, opened.

    Attributes:
      title: its name, for people and for the report.
      count: how many rows there are, in all splits.
      made: whether its rows are made anew, which takes time.
      items: gives all items, in the dataset's order; of rows that aren't wanted, `Wanted` false,
        those are left out that cost something to get. Raises DatasetError.
    """

    title: str
    count: int
    made: bool
    items: Callable[[Wanted], Iterator[Item]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that name a dataset; `opened` makes a `Dataset` of them."""
    parser.add_argument("--dataset", required=True, metavar="D", type=no_url, help=_HELP)
    parser.add_argument("--seed", type=int, help="of rows made anew (default: 0)")
    parser.add_argument("--count", type=int, help="of rows made anew (default: 1500)")
    parser.add_argument(
        "--config", metavar="NAME", help=f"the config of a Hub dataset (default: {ALL})"
    )


def opened(arguments: argparse.Namespace, task: Task, num_proc: int) -> Dataset:
    """The dataset of `add_arguments`' flags. Raises ValueError (DatasetError is one), one line.

    A path that exists goes before a config, and that before the Hub.
    """
    name, path = arguments.dataset, Path(arguments.dataset)
    made = None if path.exists() else _request(arguments, task)
    if made is not None:
        if arguments.config is not None:
            raise DatasetError(f"`--config` is for a Hub dataset (user/name), not for {name}")
        return _made(made, num_proc)
    for flag in ("seed", "count"):
        if getattr(arguments, flag) is not None:
            raise DatasetError(
                f"`--{flag}` is for rows made anew, and `--dataset` (={name}) is none of their "
                f"configs: {', '.join(CONFIGS)}"
            )
    # Late: they load what reads the containers.
    from jax_ir_synth.storage.dataset_reader import open_hub, open_saved

    if not path.exists() and not path.suffix and _HUB_NAME.fullmatch(name):
        return _saved(open_hub(name, arguments.config or ALL), name)
    if arguments.config is not None:
        raise DatasetError(f"`--config` is for a Hub dataset (user/name), `--dataset` is {name}")
    try:
        return _saved(open_saved(path), name)
    except DatasetError as error:
        configs = "" if path.exists() else f", and is none of the configs {', '.join(CONFIGS)}"
        raise DatasetError(str(error).replace("`PATH`", "`--dataset`") + configs) from error


def of_rows(rows: Iterable[Mapping] | Mapping[str, Iterable[Mapping]]) -> Dataset:
    """Of rows, or of several splits' rows by name; a `datasets.Dataset` or `DatasetDict` too."""
    splits = rows if isinstance(rows, Mapping) else {None: rows}
    splits = {
        name: part if hasattr(part, "__len__") else list(part) for name, part in splits.items()
    }

    def items(_: Wanted):
        for name, part in splits.items():
            for number, row in enumerate(part, start=1):
                yield _item(f"row {number} of {name or 'the dataset'}", row, name)

    return Dataset("rows", sum(map(len, splits.values())), False, items)


def _saved(saved, title: str) -> Dataset:
    columns = saved.columns
    missing = [] if columns is None else [name for name in NEEDED if name not in columns]
    if missing:
        raise DatasetError(f"`--dataset` (={title}) has no column {', '.join(missing)}")
    if not saved.count:
        raise DatasetError(f"`--dataset` (={title}) holds no row")

    def items(_: Wanted):
        for entry in saved.entries:
            if entry.row is None:
                raise DatasetError(f"{entry.where} {entry.fault}")
            yield _item(entry.where, entry.row, entry.split)

    return Dataset(title, saved.count, False, items)


def _item(where: str, row: Mapping, split: str | None) -> Item:
    missing = [name for name in NEEDED if name not in row]
    if missing:
        raise DatasetError(f"{where} has no column {', '.join(missing)}")
    if type(row["id"]) is not int:
        raise DatasetError(f"{where} has an id (={row['id']!r}) that must be an integer")
    try:
        return Item(where, row["id"], split or split_of(row["skeleton_hash"]), row)
    except (TypeError, ValueError):
        raise DatasetError(
            f"{where} has a skeleton_hash (={row['skeleton_hash']!r}) that must be hex digits"
        ) from None


def _request(arguments: argparse.Namespace, task: Task) -> Request | None:
    """Which rows to make, if the dataset's name says so."""
    match = _MADE.fullmatch(arguments.dataset)
    if match is None or match["config"] not in CONFIGS:
        return None
    settings = {
        name: value for name in ("seed", "count") if (value := getattr(arguments, name)) is not None
    }
    for setting in match["settings"].split(",") if match["settings"] is not None else ():
        name, _, value = setting.partition("=")
        if name not in ("seed", "count") or not re.fullmatch(r"\d+", value):
            raise DatasetError(
                f"`--dataset` (={arguments.dataset}) must be like {ALL}:seed=7,count=1500"
            )
        if name in settings:
            raise DatasetError(f"the {name} is given twice: --dataset {arguments.dataset}")
        settings[name] = int(value)
    # Not proven again: that costs more than the rows, and doesn't change a byte of what a model is
    # asked. CUDA's texts are made only where they are asked for.
    device = "both" if task.translates else "cpu"
    return Request(match["config"], device=device, verify=False, **settings)


def _made(request: Request, num_proc: int) -> Dataset:
    title = f"{request.category}:seed={request.seed},count={request.count}"

    def items(wanted: Wanted):
        # Late: they bring jax.
        from jax_ir_synth.generate.rows import rows
        from jax_ir_synth.generate.workers import Workers

        # What was planned and isn't taken yet: those that aren't made have no row to wait for.
        planned: collections.deque[tuple[PlannedRow, bool]] = collections.deque()

        def making(plan):
            for place in plan:
                planned.append((place, wanted(place.id, place.split)))
                if planned[-1][1]:
                    yield place

        with Workers(num_proc, request.count) as workers:
            made = rows(request, making(plan_rows(request, draw=workers.draw)), workers)
            with contextlib.closing(made):
                for row in made:
                    yield from _unmade(planned, title, row["id"])
                    place, _ = planned.popleft()
                    yield Item(f"row {place.id} of {title}", place.id, place.split, row)
        yield from _unmade(planned, title)

    return Dataset(title, request.count, True, items)


def _unmade(planned: collections.deque, title: str, id: int | None = None) -> Iterator[Item]:
    """What is planned before the row of this id; what can't be made is as if it weren't."""
    while planned and planned[0][0].id != id:
        place, wanted = planned.popleft()
        if not wanted:
            yield Item(f"row {place.id} of {title}", place.id, place.split, None)
