"""Selects the rows to be scored: matches the dataset with the predictions, before any judging."""

import contextlib
import hashlib
import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.dataset import Dataset, Item, Wanted
from jax_ir_synth.evaluate.judgement import Unjudgeable
from jax_ir_synth.evaluate.options import FAIL, LEAVE_OUT
from jax_ir_synth.evaluate.predictions import Predictions, PredictionsError
from jax_ir_synth.evaluate.tasks import Reference, Task, describe_nothing_to_ask, reference
from jax_ir_synth.schema.row_view import find_category
from jax_ir_synth.storage.dataset_reader import DatasetError


class Asked(NamedTuple):
    """What the figures need to know about a row that a model was asked.

    Attributes:
      id: the row's id.
      category: its category.
      split: its split.
      lines: the number of nonblank lines of its Python.
      completions: the number of its completions; 0 for a row that counts as a failure without any.
      fault: why no completion of it can be judged, if that is known already; else empty.
    """

    id: int
    category: str
    split: str
    lines: int
    completions: int
    fault: str = ""


class Counts(NamedTuple):
    """Counts of the rows in the dataset's split.

    Attributes:
      rows: all rows.
      scored: the rows whose completions are to be judged, or that count as failures without any.
      missing: the rows without a prediction, which count as failures or not at all.
      nothing_to_ask: the rows of which the task asks nothing; see `tasks.reference`.
    """

    rows: int
    scored: int
    missing: int
    nothing_to_ask: int


class Selection:
    """The rows to be scored, a context manager that keeps `rows` on disk instead of in memory.

    Attributes:
      asked: the scored rows, in the dataset's order.
      counts: see `Counts`.
      digest: SHA-256 (hex) of everything in these rows that a judgement can depend on. Equal rows
        from different containers have the same digest.
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
        # It writes only what `_add` couldn't, which `_add` has reported.
        with contextlib.suppress(OSError):
            self._spool.close()

    @property
    def digest(self) -> str:
        """See the class docstring."""
        return self._digest.hexdigest()

    @property
    def completions(self) -> int:
        """The number of completions to judge."""
        return sum(asked.completions for asked in self.asked)

    def labels(self) -> Iterator[tuple[int, int]]:
        """Give, for each completion, its row's id and its own number from 0."""
        return ((asked.id, sample) for asked in self.asked for sample in range(asked.completions))

    def rows(self) -> Iterator[tuple[Asked, Mapping[str, Any] | None]]:
        """Give each scored row with its columns; None instead of these if it has no completion."""
        self._spool.seek(0)
        for asked in self.asked:
            yield asked, pickle.load(self._spool) if asked.completions else None

    def _add(
        self, item: Item, row: Mapping[str, Any], right: Reference | Unjudgeable, completions: int
    ) -> None:
        lines = sum(bool(line.strip()) for line in row["python"].splitlines())
        category = find_category(row["type"])
        fault = str(right) if isinstance(right, Unjudgeable) else ""
        self.asked.append(Asked(item.id, category, item.split, lines, completions, fault))
        if completions:
            try:
                pickle.dump(dict(row), self._spool)
                self._spool.flush()
            except OSError as error:
                # The file has no name.
                raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from error
        answer = [row["cpp"], row["cuda"]] if isinstance(right, Unjudgeable) else right
        parts = (
            item.id, item.split, row["type"], row["python"], row["in_avals"], row["argnums"], answer
        )  # fmt: skip
        # `default=list`, since some containers give sequences as arrays.
        self._digest.update(json.dumps(parts, default=list).encode() + b"\n")


def select(
    dataset: Dataset,
    items: Iterable[Item],
    predictions: Predictions,
    task: Task,
    split: str | None = None,
    missing: str = LEAVE_OUT,
) -> Selection:
    """Select the rows to be scored.

    Args:
      dataset: the dataset, for its title.
      items: the dataset's items, filtered by `make_filter` with the arguments that follow.
      predictions: the predictions for ids of the dataset. Those for other splits, and for rows with
        nothing to ask, are ignored.
      task: the task that the model was asked.
      split: the only split to be scored; None for all.
      missing: how to treat rows without a prediction, one of `options.MISSING`.

    Raises:
      PredictionsError: an id isn't in the dataset, or nothing is left to be scored.
      DatasetError: a row is wrong or lacks a text that the task needs, or two have the same id. A
        row whose texts are damaged is selected; judging says that it can't be judged.
    """
    selection = Selection()
    try:
        _fill(selection, dataset, items, predictions, task, split, missing)
    except BaseException:
        selection.__exit__()
        raise
    return selection


def make_filter(predictions: Predictions, task: Task, split: str | None, missing: str) -> Wanted:
    """Make the filter of the rows that `select` needs with all columns; see `dataset.Wanted`."""

    def answer(id: int, here: str) -> bool:
        if split not in (None, here):
            return False
        # CPU → CUDA needs all rows: only a row's texts tell whether it is asked, and this is
        # counted.
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
            right = _find_reference(item.where, item.row, task)
            if right is None:
                nothing += 1
                continue
        completions = predictions.counts.get(item.id, 0)
        left += not completions
        # A row that isn't wanted has no columns here, and isn't scored.
        if item.row is not None and right is not None and (completions or missing == FAIL):
            selection._add(item, item.row, right, completions)
    selection.counts = Counts(rows, len(selection.asked), left, nothing)
    _check_selection(selection, dataset, ids, predictions, task, split)


def _find_reference(
    where: str, row: Mapping[str, Any], task: Task
) -> Reference | Unjudgeable | None:
    try:
        return reference(row, task)
    except Unjudgeable as fault:
        return fault
    except UsageError as error:
        raise DatasetError(f"{where}: {error}") from error


def _check_selection(
    selection: Selection,
    dataset: Dataset,
    ids: Mapping[int, str],
    predictions: Predictions,
    task: Task,
    split: str | None,
) -> None:
    unknown = [id for id in predictions.counts if id not in ids]
    if unknown:
        have = f"{min(ids)} to {max(ids)}" if ids else "none"
        raise PredictionsError(
            [
                f"{predictions.locate_id(id)} has an id (={id}) that is not in the dataset "
                f"{dataset.title}: its ids are {have}"
                for id in unknown
            ],
            ["unknown id"] * len(unknown),
        )
    if not selection.asked:
        where = f"split {split}" if split else "all splits"
        counts = selection.counts
        if counts.nothing_to_ask == counts.rows:
            said = describe_nothing_to_ask(dataset.title, split, task, counts.rows)
            raise PredictionsError([said])
        raise PredictionsError(
            [
                f"{predictions.name} has nothing to score: of {counts.rows} rows of "
                f"{dataset.title} ({where}), {counts.missing} have no prediction and "
                f"{counts.nothing_to_ask} have nothing to ask"
            ]
        )
