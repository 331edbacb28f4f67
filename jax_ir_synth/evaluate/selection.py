"""Which rows are scored: the dataset and the predictions brought together, before any is judged."""

import hashlib
import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jax_ir_synth.evaluate.dataset import Dataset, Item, Wanted
from jax_ir_synth.evaluate.options import FAIL, LEAVE_OUT
from jax_ir_synth.evaluate.predictions import Predictions, PredictionsError
from jax_ir_synth.evaluate.tasks import Reference, Task, reference
from jax_ir_synth.storage.dataset_reader import DatasetError


class Asked(NamedTuple):
    """What the figures need to know of a row that a model was asked.

    Attributes:
      id: the row's.
      category: of its column `type`.
      split: where it stands.
      lines: of its Python that aren't blank.
      completions: how many there are; 0 of a row that has failed for want of one.
    """

    id: int
    category: str
    split: str
    lines: int
    completions: int


class Counts(NamedTuple):
    """How many rows of the dataset's split went which way.

    Attributes:
      rows: all of them; of them
      scored: those in the figures,
      missing: those without a prediction, in the figures as failures or not at all,
      nothing_to_ask: those with nothing to ask, see `tasks.reference`.
    """

    rows: int
    scored: int
    missing: int
    nothing_to_ask: int


class Selection:
    """A context manager: the rows to be scored, with `rows` on disk, not in memory.

    Attributes:
      asked: what is scored, in the dataset's order.
      counts: see `Counts`.
      digest: SHA-256 (hex) of all that a judgement can depend on of these rows: equal for equal
        rows, whatever container they came from.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.counts = Counts(0, 0, 0, 0)
        self._digest = hashlib.sha256()
        # `__exit__` closes it.
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115

    def __enter__(self) -> "Selection":
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    @property
    def digest(self) -> str:
        """See the class."""
        return self._digest.hexdigest()

    @property
    def completions(self) -> int:
        """How many there are to judge."""
        return sum(asked.completions for asked in self.asked)

    def labels(self) -> Iterator[tuple[int, int]]:
        """Of each completion, its row's id and its own number from 0."""
        return ((asked.id, sample) for asked in self.asked for sample in range(asked.completions))

    def rows(self) -> Iterator[tuple[Asked, Mapping[str, Any] | None]]:
        """What is scored, with its row: None where there is no completion to judge it by."""
        self._spool.seek(0)
        for asked in self.asked:
            yield asked, pickle.load(self._spool) if asked.completions else None

    def _add(self, item: Item, row: Mapping[str, Any], right: Reference, completions: int) -> None:
        lines = sum(bool(line.strip()) for line in row["python"].splitlines())
        category = row["type"].removeprefix("generate_")
        self.asked.append(Asked(item.id, category, item.split, lines, completions))
        if completions:
            pickle.dump(dict(row), self._spool)
        parts = (
            item.id, item.split, row["type"], row["python"], row["in_avals"], row["argnums"], right
        )  # fmt: skip
        # The bounds of an array that a row came in are Python's own numbers here.
        self._digest.update(json.dumps(parts, default=list).encode() + b"\n")


def select(
    dataset: Dataset,
    items: Iterable[Item],
    predictions: Predictions,
    task: Task,
    split: str | None = None,
    missing: str = LEAVE_OUT,
) -> Selection:
    """The rows to be scored.

    Args:
      dataset: for its title.
      items: the dataset's, got with `wanted` of the arguments that follow.
      predictions: for ids of the dataset; those of other splits, and of rows with nothing to ask,
        aren't looked at.
      task: what was asked.
      split: the only one to be scored, None: all.
      missing: what becomes of rows without a prediction, one of `options.MISSING`.

    Raises:
      PredictionsError: ids that the dataset hasn't, or nothing is left to be scored.
      DatasetError: a row is wrong or lacks a text that the task needs, or two have the same id.
    """
    selection = Selection()
    try:
        _fill(selection, dataset, items, predictions, task, split, missing)
    except BaseException:
        selection.__exit__()
        raise
    return selection


def wanted(predictions: Predictions, task: Task, split: str | None, missing: str) -> Wanted:
    """Which rows `select` must see whole, see `dataset.Wanted`."""

    def answer(id: int, here: str) -> bool:
        if split not in (None, here):
            return False
        # Whether CPU → CUDA asks anything of a row only its texts tell, and it is counted.
        return id in predictions.counts or missing == FAIL or task.translates

    return answer


def _fill(
    selection: Selection,
    dataset: Dataset,
    items: Iterable[Item],
    predictions: Predictions,
    task: Task,
    split: str | None,
    missing: str,
) -> None:
    ids: dict[int, str] = {}
    rows = left = nothing = 0
    for item in items:
        if item.id in ids:
            raise DatasetError(f"{item.where} has the id (={item.id}) of {ids[item.id]}")
        ids[item.id] = item.where
        if split not in (None, item.split):
            continue
        rows += 1
        right = None
        if item.row is not None:
            right = _right(item.where, item.row, task)
            if right is None:
                nothing += 1
                continue
        completions = predictions.counts.get(item.id, 0)
        left += not completions
        # A row that isn't wanted is neither there nor scored.
        if item.row is not None and right is not None and (completions or missing == FAIL):
            selection._add(item, item.row, right, completions)
    selection.counts = Counts(rows, len(selection.asked), left, nothing)
    _check(selection, dataset, ids, predictions, split)


def _right(where: str, row: Mapping[str, Any], task: Task) -> Reference | None:
    for name in ("python", "type"):
        if not isinstance(row[name], str):
            raise DatasetError(f"{where} has a {name} (={row[name]!r}) that must be a string")
    try:
        return reference(row, task)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{where}: {error}") from error


def _check(
    selection: Selection,
    dataset: Dataset,
    ids: Mapping[int, str],
    predictions: Predictions,
    split: str | None,
) -> None:
    unknown = [id for id in predictions.counts if id not in ids]
    if unknown:
        have = f"{min(ids)} to {max(ids)}" if ids else "none"
        raise PredictionsError(
            [
                f"{predictions.of_id(id)} has an id (={id}) that is not in the dataset "
                f"{dataset.title}: its ids are {have}"
                for id in unknown
            ],
            ["unknown id"] * len(unknown),
        )
    if not selection.asked:
        where = f"split {split}" if split else "all splits"
        counts = selection.counts
        raise PredictionsError(
            [
                f"{predictions.name} has nothing to score: of {counts.rows} rows of "
                f"{dataset.title} ({where}), {counts.missing} have no prediction and "
                f"{counts.nothing_to_ask} have nothing to ask"
            ]
        )
