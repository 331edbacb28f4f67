"""Runs an evaluation: selects the rows, has the helpers judge them, and sums up."""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.evaluate import estimates
from jax_ir_synth.evaluate.dataset import Dataset, Item
from jax_ir_synth.evaluate.journal import Journal, Judged
from jax_ir_synth.evaluate.options import Options
from jax_ir_synth.evaluate.predictions import Predictions, PredictionsError
from jax_ir_synth.evaluate.report import Report, Setting
from jax_ir_synth.evaluate.selection import Selection, make_filter, select
from jax_ir_synth.evaluate.tally import Tally
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.evaluate.versions import describe_versions

if TYPE_CHECKING:
    from jax_ir_synth.evaluate.pool import Judges, Limits

# Makes helpers from their number and limits: `pool.Judges`, or a test's replacement.
MakeJudges = Callable[[int, "Limits"], "Judges"]
# Called at the end with the report and all judgements.
Finish = Callable[[Report, Iterator[Judged]], None]
# Shows the progress of an iteration over so many things, and passes the things on.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


class NotStarted(UsageError, RuntimeError):
    """The helpers can't start, as with too little memory; the message is one line."""


class NothingJudged(JaxIrSynthError, RuntimeError):
    """No completion could be judged, so there is no rate; the message is one line."""


def evaluate(
    dataset: Dataset,
    predictions: Predictions,
    options: Options,
    make_judges: MakeJudges | None = None,
    progress: Progress = lambda things, total, what: things,
    beside: Path | None = None,
    finish: Finish = lambda report, judged: None,
) -> Report:
    """Score predictions.

    Args:
      dataset: the dataset that the predictions are for.
      predictions: the completions by id.
      options: how to score them.
      make_judges: makes the helpers, `pool.Judges` by default.
      progress: shows the progress.
      beside: judgements are kept in a journal beside this file during the run, so that the same
        run can resume after it was killed. None for no journal.
      finish: called at the end, while the journal still exists, with the report and with all
        judgements in the order of rows and completions (none without a journal).

    Raises:
      PredictionsError, DatasetError: the input is wrong; nothing was judged.
      JournalError: the journal can't be written, or another process is doing the same run.
      NotStarted: the helpers can't start.
      NothingJudged: no row is left to be counted. The journal is removed, so that the same run
        judges again.
      OSError, RuntimeError: the judging failed; the journal has the judgements so far.
    """
    task = TASKS[options.task]
    with contextlib.ExitStack() as stack:
        items = dataset.items(make_filter(predictions, task, options.split, options.missing))
        # Stops generating rows on exit, also after an error.
        stack.enter_context(contextlib.closing(items))
        looked_at: Iterable[Item] = items
        if dataset.made:
            looked_at = progress(items, dataset.count, "rows")
        selection = stack.enter_context(
            select(dataset, looked_at, predictions, task, options.split, options.missing)
        )
        _check_k(selection, predictions, options.k)
        setting = _make_setting(dataset, selection, options)
        journal = None
        if beside is not None:
            key = _hash_key(predictions, setting)
            path = beside.with_name(f".{beside.name}.{key[:16]}.journal")
            journal = stack.enter_context(Journal(path, key))
        judged = _judge_all(selection, predictions, options, make_judges, journal)
        stack.enter_context(contextlib.closing(judged))
        shown = progress(judged, selection.completions, "completions")
        tally = _sum_up(selection, shown, options)
        if tally.is_empty:
            if journal is not None:
                journal.remove()
            what, *reasons = map(str.strip, tally.unjudged.describe())
            raise NothingJudged(f"there is no rate: {what}: {'; '.join(reasons)}")
        report = tally.report(setting)
        finish(report, iter(()) if journal is None else journal.replay(selection.labels()))
        if journal is not None:
            journal.remove()
    return report


def _sum_up(selection: Selection, judged: Iterable[Judged], options: Options) -> Tally:
    tally = Tally(options.k, options.seed)
    judgements = (each.judgement for each in judged)
    for asked in selection.asked:
        tally.add(asked, list(itertools.islice(judgements, asked.completions)))
    # Exhausts the iterator, so that the progress display ends.
    next(judgements, None)
    return tally


def _judge_all(
    selection: Selection,
    predictions: Predictions,
    options: Options,
    make_judges: MakeJudges | None,
    journal: Journal | None,
) -> Generator[Judged]:
    """Give all judgements in order: first those in the journal, then new ones."""
    done = 0
    if journal is not None:
        for judged in journal.replay(selection.labels()):
            done += 1
            yield judged
    if done == selection.completions:
        return
    # Imported late, since they load the judge.
    from jax_ir_synth.evaluate.pool import Judges, Limits, Question

    def jobs() -> Iterator[tuple[tuple[int, int], Question]]:
        number = 0
        for asked, row in selection.rows():
            if number + asked.completions <= done:
                number += asked.completions
                continue
            for sample, completion in enumerate(predictions.completions(asked.id)):
                if number >= done and row is not None:
                    yield (asked.id, sample), Question(completion, row, options.task, options.take)
                number += 1

    number = min(options.num_proc, selection.completions - done)
    limits = Limits(options.seconds, options.gigabytes)
    with contextlib.ExitStack() as stack:
        try:
            judges = stack.enter_context((make_judges or Judges)(number, limits))
        except (RuntimeError, OSError) as error:
            raise NotStarted(str(error)) from error
        for (id, sample), judgement in judges.judgements(jobs()):
            judged = Judged(id, sample, judgement)
            if journal is not None:
                journal.add(judged)
            yield judged


def _check_k(selection: Selection, predictions: Predictions, k: tuple[int, ...]) -> None:
    for asked in selection.asked:
        if 0 < asked.completions < max(k):
            raise PredictionsError(
                [
                    f"`k` (={max(k)}) must be at most the number of each id's completions: "
                    f"{predictions.locate_id(asked.id)}, id {asked.id}, has {asked.completions}"
                ]
            )


def _make_setting(dataset: Dataset, selection: Selection, options: Options) -> Setting:
    return Setting(
        options.task,
        {
            "name": dataset.title,
            "split": options.split,
            **selection.counts._asdict(),
            "digest": selection.digest,
        },
        options.missing,
        options.take,
        {"seconds": float(options.seconds), "gigabytes": float(options.gigabytes)},
        {
            "seed": options.seed,
            "resamples": estimates.RESAMPLES,
            "confidence": estimates.CONFIDENCE,
        },
        describe_versions(),
    )


def _hash_key(predictions: Predictions, setting: Setting) -> str:
    """Hash everything that the judgements depend on, but not how they are summed up, as by `k`."""
    parts = (
        predictions.digest, setting.dataset["digest"], setting.task, setting.take, setting.limits,
        setting.versions,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
