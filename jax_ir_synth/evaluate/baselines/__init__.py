"""Makes baseline predictions: the right answers, the nearest row's answer, or the input itself."""

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


class AnsweredRow(NamedTuple):
    """A row that the task asks about, with its right answer.

    Attributes:
      id, split, python: the row's columns.
      given: the input that a model sees.
      answer: the answer that it should write.
    """

    id: int
    split: str
    python: str
    given: str
    answer: str


def predict(
    rows: Sequence[AnsweredRow], baseline: str, train: Sequence[AnsweredRow] | None = None
) -> Iterator[Prediction]:
    """Make a baseline's prediction for each row, in order.

    `references` gives the right answer, and `identity` gives the input. `retrieval` gives the
    answer to another row of train: the one whose Python is nearest by edit distance (Levenshtein,
    in characters), whatever the task's input is; on a tie, the one with the lowest id.

    Args:
      rows: the rows to predict for.
      baseline: one of `BASELINES`.
      train: the rows of which retrieval takes those of train; `rows` by default.

    Raises ValueError if train has too few rows for retrieval.
    """
    if baseline == RETRIEVAL:
        yield from _retrieve(rows, rows if train is None else train)
        return
    for row in rows:
        yield Prediction(row.id, row.answer if baseline == REFERENCES else row.given)


def _retrieve(rows: Sequence[AnsweredRow], known: Sequence[AnsweredRow]) -> Iterator[Prediction]:
    from jax_ir_synth.evaluate.similarity import nearest

    train = sorted(row for row in known if row.split == SPLITS[0])
    place = {row.id: number for number, row in enumerate(train)}
    if len(train) < 2:
        raise ValueError(f"{RETRIEVAL} needs two rows of train at least, there are {len(train)}")
    for row in rows:
        own = place.get(row.id, len(train))
        others = train[:own] + train[own + 1 :]
        # `nearest` takes the first on a tie, and the rows are in the order of ids.
        found = nearest(row.python, [other.python for other in others])
        yield Prediction(row.id, others[found].answer)


def answer_rows(items: Iterable[Item], task: Task, wanted: Wanted) -> Iterator[AnsweredRow]:
    """Give the rows that `wanted` accepts and the task asks about, with their answers.

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
                yield AnsweredRow(id, split, row["python"], shown, answer)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{where}: {error}") from error
