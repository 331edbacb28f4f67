"""Worker processes that make rows, in order, each a helper (see `helper`) of this file alone."""

import collections
import concurrent.futures
import contextlib
import gc
import importlib
import itertools
import queue
import threading
import traceback
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.generate import defects
from jax_ir_synth.generate.defects import Defect, RowError
from jax_ir_synth.generate.fingerprint import check_sources_unchanged
from jax_ir_synth.generate.plan import Drawn, PlannedRow, drawn
from jax_ir_synth.generate.rows import Program, make_or_leave_out, program_of
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.verify import xla

# Rows in one message: enough to hide the pipe's delay, few enough to keep all workers busy.
ROWS_A_JOB = 8

# Jobs under way or waiting, for each worker.
_QUEUED = 2
# Candidates that are drawn at once.
_CANDIDATES_A_JOB = 4

# A worker draws a program itself where it isn't at hand.
_Job = list[tuple[PlannedRow, Program | None]]


class _Candidates(NamedTuple):
    """A question: candidates to draw. The answer has each one's hashes and program."""

    category: str
    seed: int
    first: int
    stop: int

    @property
    def numbers(self) -> range:
        return range(self.first, self.stop)

    def singly(self) -> Iterator["_Candidates"]:
        """The same, each asked for alone."""
        return (self._replace(first=number, stop=number + 1) for number in self.numbers)


class WorkerTraceback(JaxIrSynthError):
    """The traceback of an error in a worker, as text; the cause of the error raised here."""


class Workers:
    """A context manager that holds worker processes; `made` hands them work.

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
        self._batches: dict[tuple[str, int], dict[int, concurrent.futures.Future]] = {}
        self._programs: dict[tuple[str, int], Program] = {}

    def __enter__(self):
        # They import the sources as they are now; this process has them as they were.
        check_sources_unchanged()
        self._helpers = []
        self._idle = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._threads = concurrent.futures.ThreadPoolExecutor(self._number)
        try:
            for _ in range(self._number):
                self._idle.put(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> Helper:
        with self._lock:
            if self._ended:
                raise concurrent.futures.CancelledError
            self._helpers.append(Helper(__name__))
            return self._helpers[-1]

    def _replaced(self, dead: Helper) -> Helper:
        with self._lock:
            self._helpers.remove(dead)
        dead.close()
        return self._start()

    def __exit__(self, *_):
        with self._lock:
            self._ended = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        # They hold nothing that would have to be saved; the threads that wait for them wake up.
        for helper in self._helpers:
            helper.kill()
        self._threads.shutdown(wait=True)
        for helper in self._helpers:
            helper.close()

    def made(self, request: Request, planned: Iterable[PlannedRow]) -> Iterator[dict | Defect]:
        """What `rows.make_or_leave_out` gives for each of `planned`, in its order.

        Few are held at once, however many there are. Raises RowError where this machine fails.
        """
        kinds = len(request.categories)
        self._needed = -(-request.count // kinds)
        # What is under way is drawn before it is asked for, or all would wait for what comes next.
        self._ahead = 1 + _QUEUED * self._number * ROWS_A_JOB // (kinds * _CANDIDATES_A_JOB)
        # Who draws for the plan has written the program as well, so it goes along.
        entries = (
            (row, self._programs.pop((row.category, row.candidate), None)) for row in planned
        )
        jobs = iter(lambda: list(itertools.islice(entries, ROWS_A_JOB)), [])
        under_way = collections.deque()
        for job in jobs:
            under_way.append(self._threads.submit(self._make, request, job))
            if len(under_way) >= _QUEUED * self._number:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()

    def draw(self, category: str, seed: int, candidate: int) -> Drawn | Defect:
        """A candidate for a plan (see `plan.plan_rows`), drawn by a worker, the next ones too.

        For the plan of what `made` was asked for. Raises RowError where this machine fails.
        """
        number = candidate // _CANDIDATES_A_JOB
        batches = self._batches.setdefault((category, seed), {})
        for past in [known for known in batches if known < number]:
            del batches[past]
        for ahead in range(number, number + 1 + self._ahead):
            first = ahead * _CANDIDATES_A_JOB
            # At the end no more than are needed, but for the few that won't stand.
            if ahead not in batches and (ahead == number or first < self._needed):
                question = _Candidates(category, seed, first, first + _CANDIDATES_A_JOB)
                batches[ahead] = self._threads.submit(self._draw, question)
        found, program = batches[number].result()[candidate % _CANDIDATES_A_JOB]
        # Its row is asked for next, if it stands.
        self._programs = {} if program is None else {(category, candidate): program}
        return found

    def _make(self, request: Request, job: _Job) -> list[dict | Defect]:
        try:
            return self._ask((request, job))
        except HelperDied:
            if len(job) > 1:
                # One of them may have been its end: the others are right.
                return [made for each in job for made in self._make(request, [each])]
        try:
            return self._ask((request, job))
        except HelperDied as error:
            ((row, _),) = job
            unmade = Defect(row.id, row.category, request.seed, row.candidate, "")
            return [_crashed(error, unmade)]

    def _draw(self, question: _Candidates) -> list["_Found"]:
        try:
            return self._ask(question)
        except HelperDied:
            if question.stop - question.first > 1:
                return [found for each in question.singly() for found in self._draw(each)]
        try:
            return self._ask(question)
        except HelperDied as error:
            undrawn = Defect(None, question.category, question.seed, question.first, "")
            return [(_crashed(error, undrawn), None)]

    def _ask(self, question) -> list:
        """A worker's answer. Raises HelperDied, when another has taken the worker's place."""
        helper = self._idle.get()
        try:
            made, failure = helper.ask(question)
        except HelperDied:
            helper = self._replaced(helper)
            raise
        finally:
            self._idle.put(helper)
        if failure is not None:
            message, trace = failure
            raise RowError(message) from WorkerTraceback(trace)
        return made


def _crashed(error: HelperDied, defect: Defect) -> Defect:
    """The defect at which a process has crashed twice. Raises RowError where it was killed."""
    defect = defect._replace(error=f"its process died twice: {error}")
    if not error.crashed:
        raise RowError(defect.message) from error
    return defect


# What became of a candidate: its program too, where it was drawn.
_Found = tuple[Drawn | Defect, Program | None]


def workers_for(number: int, count: int):
    """A context manager: the workers for `number` processes, or None where this process does."""
    return Workers(number, count) if number > 1 else contextlib.nullcontext()


def serve() -> None:
    """A worker's whole life."""
    answer_questions(_answer, _ready)


def _ready() -> None:
    # Loads jax now, and not only when the first job is here.
    importlib.import_module("jax_ir_synth.verify.proof")
    # What stays is nothing for the collector to look at.
    gc.freeze()
    # Nobody forks this process.
    xla.use_this_process()


def _answer(question: tuple[Request, _Job] | _Candidates) -> tuple:
    try:
        if isinstance(question, _Candidates):
            return [_found(question, number) for number in question.numbers], None
        request, job = question
        return [make_or_leave_out(request, *each) for each in job], None
    except Exception as error:
        return None, (str(error), traceback.format_exc())


def _found(question: _Candidates, number: int) -> _Found:
    found = drawn(question.category, question.seed, number)
    if isinstance(found, Defect):
        return found, None
    try:
        # The program of what was drawn last is at hand.
        return found, program_of(question.category, question.seed, number)
    except Exception as error:
        # Its row will say so, if the candidate stands: whoever draws for a plan writes nothing.
        if defects.is_of_the_machine(error):
            raise
        return found, None
