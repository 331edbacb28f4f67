"""An evaluation from end to end: what to score, judged by helpers, summed up."""

import contextlib
import hashlib
import itertools
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jax_ir_synth import __version__
from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate import estimates
from jax_ir_synth.evaluate.dataset import Dataset, Item
from jax_ir_synth.evaluate.journal import Journal, Made
from jax_ir_synth.evaluate.options import Options
from jax_ir_synth.evaluate.predictions import Predictions, PredictionsError
from jax_ir_synth.evaluate.report import Report, Setting
from jax_ir_synth.evaluate.selection import Selection, select, wanted
from jax_ir_synth.evaluate.tally import Tally
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.generate import fingerprint

if TYPE_CHECKING:
    from jax_ir_synth.evaluate.pool import Judges, Limits

# What judges: it lowers nothing, but parses, runs and compares.
_VERSIONED = ("jax", "jaxlib", "numpy", "scipy", "ml_dtypes")

# Makes the helpers of a number and limits: `pool.Judges`, or what a test has in its place.
MakeJudges = Callable[[int, "Limits"], "Judges"]
# Does what is left to do in the end.
Finish = Callable[[Report, Iterator[Made]], None]
# Shows how far a run is: gives back what it is given, of that many.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


class NotStarted(UsageError, RuntimeError):
    """Nothing can be judged, as within too little memory; the message is one line."""


def evaluate(
    dataset: Dataset,
    predictions: Predictions,
    options: Options,
    make_judges: MakeJudges | None = None,
    progress: Progress = lambda things, total, what: things,
    beside: Path | None = None,
    finish: Finish = lambda report, made: None,
) -> Report:
    """Score predictions.

    Args:
      dataset: what they are about.
      predictions: the completions by id.
      options: how to score them.
      make_judges: what judges, `pool.Judges` by default.
      progress: shows how far it is.
      beside: judgements are kept in a journal beside this file while it runs, so that the same run,
        started again after it was killed, goes on where it stopped. None: nowhere.
      finish: is called in the end, while the journal is still there, with the report and with all
        judgements, in the order of rows and completions (none without a journal).

    Raises:
      PredictionsError, DatasetError: what was given is wrong; nothing was judged.
      JournalError: there can be no journal there, or another process is at the same run.
      NotStarted: the helpers can't start.
      OSError, RuntimeError: the judging failed; what was judged is in the journal.
    """
    task = TASKS[options.task]
    with contextlib.ExitStack() as stack:
        items = dataset.items(wanted(predictions, task, options.split, options.missing))
        # What makes rows anew ends here, also if one is wrong.
        stack.enter_context(contextlib.closing(items))
        looked_at: Iterable[Item] = items
        if dataset.made:
            looked_at = progress(items, dataset.count, "rows")
        selection = stack.enter_context(
            select(dataset, looked_at, predictions, task, options.split, options.missing)
        )
        _check_k(selection, predictions, options.k)
        setting = _setting(dataset, selection, options)
        journal = None
        if beside is not None:
            key = _key(predictions, setting)
            path = beside.with_name(f".{beside.name}.{key[:16]}.journal")
            journal = stack.enter_context(Journal(path, key))
        made = _judge_all(selection, predictions, options, make_judges, journal)
        stack.enter_context(contextlib.closing(made))
        shown = progress(made, selection.completions, "completions")
        report = _sum_up(selection, shown, options).report(setting)
        finish(report, iter(()) if journal is None else journal.replay(selection.labels()))
        if journal is not None:
            journal.remove()
    return report


def _sum_up(selection: Selection, made: Iterable[Made], options: Options) -> Tally:
    tally = Tally(options.k, options.seed)
    judgements = (each.judgement for each in made)
    for asked in selection.asked:
        tally.add(asked, list(itertools.islice(judgements, asked.completions)))
    # So that who shows the progress comes to its end.
    next(judgements, None)
    return tally


def _judge_all(
    selection: Selection,
    predictions: Predictions,
    options: Options,
    make_judges: MakeJudges | None,
    journal: Journal | None,
) -> Generator[Made]:
    """Each judgement, in order: those in the journal, then those that are missing."""
    done = 0
    if journal is not None:
        for made in journal.replay(selection.labels()):
            done += 1
            yield made
    if done == selection.completions:
        return
    # Late: they load the judge.
    from jax_ir_synth.evaluate.pool import Judges, Limits, Question

    def jobs() -> Iterator[tuple[tuple[int, int], Question]]:
        number = 0
        for asked, row in selection.rows():
            if number + asked.completions <= done:
                number += asked.completions
                continue
            for sample, completion in enumerate(predictions.completions(asked.id)):
                if number >= done and row is not None:
                    yield (asked.id, sample), Question(completion, row, options.task)
                number += 1

    number = min(options.num_proc, selection.completions - done)
    limits = Limits(options.seconds, options.gigabytes)
    with contextlib.ExitStack() as stack:
        try:
            judges = stack.enter_context((make_judges or Judges)(number, limits))
        except (RuntimeError, OSError) as error:
            raise NotStarted(str(error)) from error
        for (id, sample), judgement in judges.judgements(jobs()):
            made = Made(id, sample, judgement)
            if journal is not None:
                journal.add(made)
            yield made


def _check_k(selection: Selection, predictions: Predictions, k: tuple[int, ...]) -> None:
    for asked in selection.asked:
        if 0 < asked.completions < max(k):
            raise PredictionsError(
                [
                    f"`k` (={max(k)}) must be at most the number of each id's completions: "
                    f"{predictions.of_id(asked.id)}, id {asked.id}, has {asked.completions}"
                ]
            )


def _setting(dataset: Dataset, selection: Selection, options: Options) -> Setting:
    return Setting(
        options.task,
        {
            "name": dataset.title,
            "split": options.split,
            **selection.counts._asdict(),
            "digest": selection.digest,
        },
        options.missing,
        {"seconds": float(options.seconds), "gigabytes": float(options.gigabytes)},
        {
            "seed": options.seed,
            "resamples": estimates.RESAMPLES,
            "confidence": estimates.CONFIDENCE,
        },
        {
            "jax_ir_synth": __version__,
            "sources": fingerprint.sources_digest(fingerprint.PACKAGE),
            **{name: version(name) for name in _VERSIONED},
        },
    )


def _key(predictions: Predictions, setting: Setting) -> str:
    """What the judgements depend on; not what is made of them, as by `k`."""
    parts = (
        predictions.digest, setting.dataset["digest"], setting.task, setting.limits,
        setting.versions,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
