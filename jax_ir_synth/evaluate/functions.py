"""Functions that score many rows, judge single completions, and compute a metric."""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate import extras, run
from jax_ir_synth.evaluate.dataset import COLUMNS, wrap_rows
from jax_ir_synth.evaluate.extraction import LAST
from jax_ir_synth.evaluate.judgement import Judgement, Unjudgeable
from jax_ir_synth.evaluate.options import GIGABYTES, LEAVE_OUT, SECONDS, Options
from jax_ir_synth.evaluate.predictions import from_mapping
from jax_ir_synth.evaluate.report import Report
from jax_ir_synth.request.config import parse_num_proc
from jax_ir_synth.schema.row_reader import list_rows, read_row


def evaluate(
    predictions: Mapping[int, str | Sequence[str]],
    dataset: Iterable[Mapping[str, Any]],
    task: str = "forward",
    k: int | Sequence[int] = (1,),
    num_proc: int = 1,
    split: str | None = None,
    missing: str = LEAVE_OUT,
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
    seed: int = 0,
    make_judges: run.MakeJudges | None = None,
    take: str = LAST,
) -> Report:
    """Score predictions.

    Args:
      predictions: a row's id → its completion, or several.
      dataset: rows; a `datasets.Dataset` or `DatasetDict` in any format too, or a table of pandas
        or pyarrow.
      task: one of `tasks.TASKS`.
      k: the k of pass@k; one number or several.
      num_proc: the number of helper processes.
      split: the only split to be scored; None for all.
      missing: how to treat rows without a prediction, one of `options.MISSING`.
      seconds: the CPU time that one completion may take. A limit of the wall time is far above.
      gigabytes: the memory that one completion may take.
      seed: the seed of the bootstrap.
      make_judges: makes the helpers that judge, `pool.Judges` by default.
      take: which of several modules in a completion counts, "first" or "last".

    Raises:
      ValueError: arguments, predictions or a value's type in the rows are wrong; nothing was
        judged.
      run.NothingJudged: no completion could be judged, so there is no rate.
    """
    if not isinstance(predictions, Mapping):
        raise UsageError(
            f"`predictions` must map ids to completions, it is of type {type(predictions).__name__}"
        )
    if isinstance(dataset, str):
        raise UsageError(f"`dataset` (={dataset!r:.60}) must be rows, see `datasets.load_dataset`")
    extras.need("scoring", extras.DISTANCES)
    ks = (k,) if isinstance(k, int) else tuple(k)
    number = parse_num_proc(num_proc)
    options = Options(task, split, ks, missing, number, seconds, gigabytes, seed, take).check()
    with from_mapping(predictions) as given:
        return run.evaluate(wrap_rows(dataset), given, options, make_judges)


def compute(
    *,
    predictions: Sequence[str | Sequence[str]],
    references: Sequence[Mapping[str, Any]],
    task: str = "forward",
    k: int | Sequence[int] = (1,),
    num_proc: int = 1,
    **options: Any,
) -> dict[str, float]:
    """Compute the metric, like `evaluate.Metric.compute` but without that library.

    Args:
      predictions: for each reference, its completion, or several.
      references: rows, in any container that `evaluate` takes. A row that occurs twice counts as
        one row, with both rows' completions.
      task: as `evaluate` takes it.
      k: as `evaluate` takes it.
      num_proc: as `evaluate` takes it.
      **options: further arguments of `evaluate`.

    Returns:
      `pass@1` and so on; the ends of their intervals, as `pass@1_low` and `pass@1_high`; each
      rung's share by its name; `exact`, `renamed`, `similarity`, `rows`, `completions`;
      `unjudged_rows` and `unjudged_completions`, which are in no other figure.

    Raises what `evaluate` raises.
    """
    if isinstance(predictions, str) or isinstance(references, str | Mapping):
        raise UsageError("`predictions` and `references` must be lists, of completions and of rows")
    references = list(list_rows(references))
    if len(predictions) != len(references):
        raise UsageError(
            f"`predictions` (={len(predictions)} of them) must be as many as `references` "
            f"(={len(references)})"
        )
    rows: dict[int, Mapping[str, Any]] = {}
    by_id: dict[int, list[str]] = {}
    for number, (completions, given) in enumerate(zip(predictions, references, strict=True), 1):
        row = read_row(given, f"row {number} of `references`", COLUMNS)
        known = rows.setdefault(row["id"], row)
        if known["program_hash"] != row["program_hash"]:
            raise UsageError(f"`references` has two rows with the id {row['id']}")
        several: Sequence[Any] = (
            completions if isinstance(completions, list | tuple) else [completions]
        )
        by_id.setdefault(row["id"], []).extend(several)
    report = evaluate(by_id, rows.values(), task, k, num_proc, **options)
    figures = report.overall.to_json()
    left_out = {
        f"unjudged_{name}": getattr(report.unjudged, name) for name in ("rows", "completions")
    }
    ends = {
        f"{name}_{end}": value
        for name, interval in figures.pop("intervals").items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }
    return {**figures.pop("ladder"), **figures, **ends, **left_out}


def judge(
    completion: str,
    row: Mapping[str, Any],
    task: str = "forward",
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
    take: str = LAST,
) -> Judgement:
    """Judge one completion. It is cheap, since the helper processes are kept for the next call.

    Any thread may call it; see `judge_all`. As many are judged at once as this process may use
    cores.

    Args:
      completion: the model's text.
      row: the dataset's row, with at least `COLUMNS`.
      task: one of `tasks.TASKS`.
      seconds: the CPU time that the completion may take.
      gigabytes: the memory that it may take.
      take: which of several modules in it counts, "first" or "last".

    Raises what `judge_all` raises.
    """
    return judge_all([(completion, row)], task, None, seconds, gigabytes, take)[0]


async def ajudge(
    completion: str,
    row: Mapping[str, Any],
    task: str = "forward",
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
    take: str = LAST,
) -> Judgement:
    """Judge one completion without blocking the event loop. See `judge` for the arguments.

    Cancelling it takes the completion back, unless it is being judged.
    """
    submitted = _submit([(completion, row)], task, None, seconds, gigabytes, take)
    return await asyncio.wrap_future(submitted[0])


def judge_all(
    completions: Iterable[tuple[str, Mapping[str, Any]]],
    task: str = "forward",
    num_proc: int | None = 1,
    seconds: float = SECONDS,
    gigabytes: float = GIGABYTES,
    take: str = LAST,
) -> list[Judgement]:
    """Judge completions, each with its row, in order. The processes are kept between calls.

    Any thread may call it. Completions of a row that wait at the same time, whoever asks, share the
    work on its reference.

    Args:
      completions: each completion with its row.
      task: as for `judge`.
      num_proc: how many processes judge at once, one by default; None for as many as this process
        may use cores.
      seconds: as for `judge`.
      gigabytes: as for `judge`.
      take: as for `judge`.

    A row that says something wrong, such as IR that can't be parsed or run, raises nothing: its
    completions are `Judgement.unjudged`.

    Raises ValueError, before anything is judged, for what is wrong with the call: an unknown task
    or `take`, a completion that is no string, a row that has no such columns or another type of
    value in one, and a row that the task doesn't ask.
    """
    submitted = _submit(completions, task, num_proc, seconds, gigabytes, take)
    try:
        return [each.result() for each in submitted]
    except BaseException:
        for each in submitted:
            each.cancel()
        raise


def _submit(
    completions: Iterable[tuple[str, Mapping[str, Any]]],
    task: str,
    num_proc: int | None,
    seconds: float,
    gigabytes: float,
    take: str,
) -> "list[concurrent.futures.Future[Judgement]]":
    from jax_ir_synth.evaluate import kept
    from jax_ir_synth.evaluate.pool import Limits, Question
    from jax_ir_synth.evaluate.tasks import TASKS, describe_no_question, reference

    extras.need("scoring", extras.DISTANCES)
    Options(task, seconds=seconds, gigabytes=gigabytes, take=take).check()
    questions = []
    if isinstance(completions, str | Mapping) or not isinstance(completions, Iterable):
        raise UsageError(f"`completions` (={completions!r:.40}) must be pairs of a text and a row")
    for number, pair in enumerate(completions, start=1):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise UsageError(f"entry {number} (={pair!r:.40}) must be a pair of a text and a row")
        completion, given = pair
        if not isinstance(completion, str):
            raise UsageError(_describe_no_text(completion))
        row = read_row(given, f"the row of completion {number}", COLUMNS)
        # What is wrong in the row's texts is for the judge to say.
        with contextlib.suppress(Unjudgeable):
            if reference(row, TASKS[task]) is None:
                raise UsageError(describe_no_question(row, TASKS[task]))
        questions.append(Question(completion, row, task, take))
    at_once = None if num_proc is None else parse_num_proc(num_proc)
    return kept.submit(questions, Limits(seconds, gigabytes), at_once)


def _describe_no_text(completion: Any) -> str:
    chat = completion if isinstance(completion, list | tuple) else [completion]
    hint = ""
    if chat and all(isinstance(each, Mapping) and "content" in each for each in chat):
        what = "it is a chat" if chat is completion else "it is a chat's message"
        last = "[-1]" if chat is completion else ""
        hint = f'; {what}, so pass completion{last}["content"]'
    return f"a completion (={completion!r:.40}) must be a string{hint}"
