"""Makes rows in worker processes, in order, and draws a plan's candidates there ahead of time."""

import concurrent.futures
import contextlib
import functools
import importlib
import itertools
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.generate import defects
from jax_ir_synth.generate.defects import Defect, RowError
from jax_ir_synth.generate.fingerprint import check_sources_unchanged
from jax_ir_synth.generate.plan import Drawn, PlannedRow, draw_candidate
from jax_ir_synth.generate.rows import Program, draw_program, make_or_leave_out
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.gc_paused import collect_by_hand
from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.runtime.pool import Pool

# Rows in one message: enough to hide the pipe's delay, few enough to keep all workers busy.
ROWS_A_JOB = 8

# The number of jobs running or waiting, for each worker.
_QUEUED = 2
# The number of candidates that are drawn in one job.
_CANDIDATES_A_JOB = 4


class _Row(NamedTuple):
    """A question: the row to make, and its program if known; otherwise the worker draws it."""

    request: Request
    planned: PlannedRow
    program: Program | None


class _Candidate(NamedTuple):
    """A question: the candidate to draw. The answer has its hashes and its program.

    `evaluate` says whether the row will be proven, perhaps by another worker.
    """

    category: str
    seed: int
    number: int
    evaluate: bool


class _Found(NamedTuple):
    """An answer: the candidate or its defect, and its program if it was drawn."""

    candidate: Drawn | Defect
    program: Program | None


class _Failure(NamedTuple):
    """An answer: the error that ends the run, and its traceback, as text."""

    message: str
    trace: str


_Answer = dict[str, Any] | Defect | _Found | _Failure


class WorkerTraceback(JaxIrSynthError):
    """The traceback of an error in a worker, as text; it is the cause of the error raised here."""


class Workers:
    """A context manager that holds worker processes; `make_rows` gives them work.

    A worker that dies is replaced, and its questions are asked again, one row at a time. A row
    whose process crashes twice is left out. Any other death comes from outside, and is an error.

    Args:
      number: the number of workers at most.
      count: the number of rows; no more workers are started than these can keep busy.
    """

    def __init__(self, number: int, count: int):
        self._number = min(number, -(-count // ROWS_A_JOB))
        # For each category: how many batches are drawn ahead, and how many rows there are.
        self._ahead, self._needed = 0, 0
        self._verify = False
        self._batches: dict[
            tuple[str, int], dict[int, concurrent.futures.Future[list[_Answer | HelperDied]]]
        ] = {}
        self._programs: dict[tuple[str, int], Program] = {}

    def __enter__(self) -> "Workers":
        # Workers import the current sources; this process may have imported older ones.
        check_sources_unchanged()
        start = functools.partial(Helper, __name__)
        self._pool: Pool[_Row | _Candidate, _Answer] = Pool(start, self._number)
        self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def make_rows(
        self, request: Request, planned: Iterable[PlannedRow]
    ) -> Iterator[dict[str, Any] | Defect]:
        """Make the rows of `planned` with `rows.make_or_leave_out`, in order.

        Only a few are held at once, however many there are. Raises RowError if this machine fails.
        """
        self._verify = request.verify
        kinds = len(request.categories)
        self._needed = -(-request.count // kinds)
        # Candidates are drawn before the plan asks for them, or the workers would wait for it.
        self._ahead = 1 + _QUEUED * self._number * ROWS_A_JOB // (kinds * _CANDIDATES_A_JOB)
        for batch, answers in self._pool.map(self._jobs(request, planned), _QUEUED * ROWS_A_JOB):
            for (_, row, _), answer in zip(batch, answers, strict=True):
                if isinstance(answer, HelperDied):
                    unmade = Defect(row.id, row.category, request.seed, row.candidate, "")
                    yield _describe_crash(answer, unmade)
                else:
                    made = _check(answer)
                    assert isinstance(made, dict | Defect)
                    yield made

    def _jobs(
        self, request: Request, planned: Iterable[PlannedRow]
    ) -> Iterator[tuple[list[_Row], list[_Row]]]:
        # The worker that drew for the plan has also written the program, so it is passed along.
        questions = (
            _Row(request, row, self._programs.pop((row.category, row.candidate), None))
            for row in planned
        )
        while batch := list(itertools.islice(questions, ROWS_A_JOB)):
            yield batch, batch

    def draw(self, category: str, seed: int, candidate: int) -> Drawn | Defect:
        """Draw a candidate for a plan (see `plan.plan_rows`) in a worker, and the next ones ahead.

        It is meant for the plan of the request given to `make_rows`. Raises RowError if this
        machine fails.
        """
        number = candidate // _CANDIDATES_A_JOB
        batches = self._batches.setdefault((category, seed), {})
        for past in [known for known in batches if known < number]:
            del batches[past]
        for ahead in range(number, number + 1 + self._ahead):
            first = ahead * _CANDIDATES_A_JOB
            # No more than the plan needs; the few for dropped candidates are drawn on demand.
            if ahead not in batches and (ahead == number or first < self._needed):
                numbers = range(first, first + _CANDIDATES_A_JOB)
                batches[ahead] = self._pool.submit(
                    [_Candidate(category, seed, each, self._verify) for each in numbers]
                )
        answer = batches[number].result()[candidate % _CANDIDATES_A_JOB]
        if isinstance(answer, HelperDied):
            return _describe_crash(answer, Defect(None, category, seed, candidate, ""))
        found = _check(answer)
        assert isinstance(found, _Found)
        # The plan asks for its row next, unless it drops the candidate.
        key = category, candidate
        self._programs = {} if found.program is None else {key: found.program}
        return found.candidate


def _check(answer: _Answer) -> dict[str, Any] | Defect | _Found:
    """Return the answer; raise a RowError if it is a failure."""
    if isinstance(answer, _Failure):
        raise RowError(answer.message) from WorkerTraceback(answer.trace)
    return answer


def _describe_crash(error: HelperDied, defect: Defect) -> Defect:
    """Describe a defect that has crashed a process twice. Raises RowError if it was killed."""
    defect = defect._replace(error=f"its process died twice: {error}")
    if not error.crashed:
        raise RowError(defect.message) from error
    return defect


def open_workers(number: int, count: int) -> contextlib.AbstractContextManager[Workers | None]:
    """Return a context manager of the workers; it gives None if one process is enough."""
    return Workers(number, count) if number > 1 else contextlib.nullcontext()


def serve() -> None:
    """Run a worker's process."""
    answer_questions(_answer_each, _get_ready)


def _get_ready() -> None:
    # Import jax now, rather than with the first job.
    importlib.import_module("jax_ir_synth.verify.proof")
    collect_by_hand()


def _answer_each(questions: list[_Row | _Candidate]) -> list[_Answer]:
    answers: list[_Answer] = []
    for question in questions:
        try:
            answers.append(_answer(question))
        except Exception as error:
            answers.append(_Failure(str(error), traceback.format_exc()))
    return answers


def _answer(question: _Row | _Candidate) -> dict[str, Any] | Defect | _Found:
    if isinstance(question, _Row):
        return make_or_leave_out(*question)
    found = draw_candidate(question.category, question.seed, question.number)
    if isinstance(found, Defect):
        return _Found(found, None)
    try:
        # The candidate was just drawn, so its program costs nothing.
        return _Found(found, draw_program(*question))
    except Exception as error:
        # If the candidate becomes a row, making that row fails likewise, and is reported then.
        if defects.is_of_the_machine(error):
            raise
        return _Found(found, None)
