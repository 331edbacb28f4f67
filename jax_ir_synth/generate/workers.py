"""Worker processes that make rows, in order, and draw the candidates that a plan will ask for."""

import concurrent.futures
import contextlib
import functools
import gc
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
from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.runtime.pool import Pool

# Rows in one message: enough to hide the pipe's delay, few enough to keep all workers busy.
ROWS_A_JOB = 8

# Jobs under way or waiting, for each worker.
_QUEUED = 2
# Candidates that are drawn at once.
_CANDIDATES_A_JOB = 4


class _Row(NamedTuple):
    """A question: the row to make, and its program, which a worker draws where it isn't at hand."""

    request: Request
    planned: PlannedRow
    program: Program | None


class _Candidate(NamedTuple):
    """A question: the candidate to draw. The answer has its hashes and its program."""

    category: str
    seed: int
    number: int


class _Found(NamedTuple):
    """An answer: what became of a candidate, and its program where it was drawn."""

    candidate: Drawn | Defect
    program: Program | None


class _Failure(NamedTuple):
    """An answer: the error that ends the run, and its traceback, as text."""

    message: str
    trace: str


_Answer = dict[str, Any] | Defect | _Found | _Failure


class WorkerTraceback(JaxIrSynthError):
    """The traceback of an error in a worker, as text; the cause of the error raised here."""


class Workers:
    """A context manager that holds worker processes; `make_rows` hands them work.

    One that dies is replaced, and what it was at is asked again, one row at a time: a row whose
    process crashes twice is left out, any other death comes from outside and is an error then.

    Args:
      number: how many at most.
      count: how many rows there will be: no more are started than these can keep busy.
    """

    def __init__(self, number: int, count: int):
        self._number = min(number, -(-count // ROWS_A_JOB))
        # Of each category: how many batches are drawn ahead, and how many rows there are.
        self._ahead, self._needed = 0, 0
        self._batches: dict[
            tuple[str, int], dict[int, concurrent.futures.Future[list[_Answer | HelperDied]]]
        ] = {}
        self._programs: dict[tuple[str, int], Program] = {}

    def __enter__(self) -> "Workers":
        # They import the sources as they are now; this process has them as they were.
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
        """What `rows.make_or_leave_out` gives for each of `planned`, in its order.

        Few are held at once, however many there are. Raises RowError where this machine fails.
        """
        kinds = len(request.categories)
        self._needed = -(-request.count // kinds)
        # What is under way is drawn before it is asked for, or all would wait for what comes next.
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
        # Who draws for the plan has written the program as well, so it goes along.
        questions = (
            _Row(request, row, self._programs.pop((row.category, row.candidate), None))
            for row in planned
        )
        while batch := list(itertools.islice(questions, ROWS_A_JOB)):
            yield batch, batch

    def draw(self, category: str, seed: int, candidate: int) -> Drawn | Defect:
        """A candidate for a plan (see `plan.plan_rows`), drawn by a worker, the next ones too.

        For the plan of what `make_rows` was asked for. Raises RowError where this machine fails.
        """
        number = candidate // _CANDIDATES_A_JOB
        batches = self._batches.setdefault((category, seed), {})
        for past in [known for known in batches if known < number]:
            del batches[past]
        for ahead in range(number, number + 1 + self._ahead):
            first = ahead * _CANDIDATES_A_JOB
            # At the end no more than are needed, but for the few that won't stand.
            if ahead not in batches and (ahead == number or first < self._needed):
                numbers = range(first, first + _CANDIDATES_A_JOB)
                batches[ahead] = self._pool.submit(
                    [_Candidate(category, seed, each) for each in numbers]
                )
        answer = batches[number].result()[candidate % _CANDIDATES_A_JOB]
        if isinstance(answer, HelperDied):
            return _describe_crash(answer, Defect(None, category, seed, candidate, ""))
        found = _check(answer)
        assert isinstance(found, _Found)
        # Its row is asked for next, if it stands.
        key = category, candidate
        self._programs = {} if found.program is None else {key: found.program}
        return found.candidate


def _check(answer: _Answer) -> dict[str, Any] | Defect | _Found:
    """The answer, unless it is a failure; that is raised as a RowError."""
    if isinstance(answer, _Failure):
        raise RowError(answer.message) from WorkerTraceback(answer.trace)
    return answer


def _describe_crash(error: HelperDied, defect: Defect) -> Defect:
    """The defect at which a process has crashed twice. Raises RowError where it was killed."""
    defect = defect._replace(error=f"its process died twice: {error}")
    if not error.crashed:
        raise RowError(defect.message) from error
    return defect


def workers_for(number: int, count: int) -> contextlib.AbstractContextManager[Workers | None]:
    """A context manager: the workers for `number` processes, or None where this process does."""
    return Workers(number, count) if number > 1 else contextlib.nullcontext()


def serve() -> None:
    """Run a worker's process."""
    answer_questions(_answer_each, _get_ready)


def _get_ready() -> None:
    # Loads jax now, and not only when the first job is here.
    importlib.import_module("jax_ir_synth.verify.proof")
    # What stays is nothing for the collector to look at.
    gc.freeze()


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
    found = draw_candidate(*question)
    if isinstance(found, Defect):
        return _Found(found, None)
    try:
        # The program of what was drawn last is at hand.
        return _Found(found, draw_program(*question))
    except Exception as error:
        # Its row will say so, if the candidate stands: whoever draws for a plan writes nothing.
        if defects.is_of_the_machine(error):
            raise
        return _Found(found, None)
