"""Predictions that a scale starts from: the right answers, the nearest row of train, an echo."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jax_ir_synth.evaluate import prompts
from jax_ir_synth.evaluate.dataset import Item, Wanted
from jax_ir_synth.evaluate.tasks import Task, reference
from jax_ir_synth.schema.splits import SPLITS

REFERENCES, RETRIEVAL, IDENTITY = BASELINES = ("references", "retrieval", "identity")


class Prediction(NamedTuple):
    """A completion for the row of an id."""

    id: int
    completion: str


class Answered(NamedTuple):
    """A row of which something is asked.

    Attributes:
      id, split, python: the row's.
      given: what a model sees.
      answer: what it should write.
    """

    id: int
    split: str
    python: str
    given: str
    answer: str


def predictions(rows: Sequence[Answered], baseline: str) -> Iterator[Prediction]:
    """What a baseline says to each row, in order.

    `references`: the right answer. `identity`: what was given. `retrieval`: the answer to the row
    of train, not the row itself, whose Python is nearest by edit distance (Levenshtein, in
    characters), whatever is given in the task; of several the one with the lowest id.

    Raises ValueError if retrieval has no row of train to look at.
    """
    if baseline == RETRIEVAL:
        yield from _retrieved(rows)
        return
    for row in rows:
        yield Prediction(row.id, row.answer if baseline == REFERENCES else row.given)


def _retrieved(rows: Sequence[Answered]) -> Iterator[Prediction]:
    from jax_ir_synth.evaluate.similarity import nearest

    train = sorted(row for row in rows if row.split == SPLITS[0])
    place = {row.id: number for number, row in enumerate(train)}
    if len(train) < 2:
        raise ValueError(f"{RETRIEVAL} needs two rows of train at least, there are {len(train)}")
    for row in rows:
        own = place.get(row.id, len(train))
        others = train[:own] + train[own + 1 :]
        # The first of the nearest: they are in the order of ids.
        found = nearest(row.python, [other.python for other in others])
        yield Prediction(row.id, others[found].answer)


def answered(items: Iterable[Item], task: Task, wanted: Wanted) -> Iterator[Answered]:
    """The rows that `wanted` takes and the task asks about.

    Raises DatasetError for a malformed row.
    """
    from jax_ir_synth.storage.dataset_reader import DatasetError

    for where, id, split, row in items:
        if row is None or not wanted(id, split):
            continue
        try:
            if reference(row, task) is not None:
                shown = prompts.given(row, task.name)
                answer = prompts.completion_target(row, task.name)
                yield Answered(id, split, row["python"], shown, answer)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{where}: {error}") from error
