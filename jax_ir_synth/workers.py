"""Worker processes that make rows, in order, each a helper (see `helper`) of this file alone."""

import collections
import concurrent.futures
import contextlib
import importlib
import itertools
import queue
import traceback
from collections.abc import Iterable, Iterator

from jax_ir_synth.config import Request
from jax_ir_synth.fingerprint import check_sources_unchanged
from jax_ir_synth.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.plan import PlannedRow
from jax_ir_synth.rows import Program, RowError, make_row, program_of
from jax_ir_synth.verify import xla

# Rows in one message: enough to hide the pipe's delay, few enough to keep all workers busy.
ROWS_A_JOB = 8

_Job = list[tuple[PlannedRow, Program]]


class WorkerTraceback(Exception):
    """The traceback of an error in a worker, as text; the cause of the error raised here."""


class Workers:
    """A context manager that holds worker processes; `rows` hands them work.

    Args:
      number: how many at most.
      count: how many rows there will be: no more are started than these can keep busy.
    """

    def __init__(self, number: int, count: int):
        self._number = min(number, -(-count // ROWS_A_JOB))

    def __enter__(self):
        # They import the sources as they are now; this process has them as they were.
        check_sources_unchanged()
        self._helpers = []
        self._idle = queue.SimpleQueue()
        self._threads = concurrent.futures.ThreadPoolExecutor(self._number)
        try:
            for _ in range(self._number):
                self._helpers.append(Helper(__name__))
                self._idle.put(self._helpers[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._threads.shutdown(wait=False, cancel_futures=True)
        # They hold nothing that would have to be saved; the threads that wait for them wake up.
        for helper in self._helpers:
            helper.kill()
        self._threads.shutdown(wait=True)
        for helper in self._helpers:
            helper.close()

    def rows(self, request: Request, planned: Iterable[PlannedRow]) -> Iterator[dict]:
        """The rows of `planned`, in its order; few are held at once, however many there are.

        Raises:
          RowError: a row could not be made, or a worker died.
        """
        # The programs go along: the plan draws each here, and the worker needn't again.
        drawn = ((row, program_of(request, row)) for row in planned)
        jobs = iter(lambda: list(itertools.islice(drawn, ROWS_A_JOB)), [])
        under_way = collections.deque()
        for job in jobs:
            under_way.append(self._threads.submit(self._ask, request, job))
            if len(under_way) >= 2 * self._number:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()

    def _ask(self, request: Request, job: _Job) -> list[dict]:
        helper = self._idle.get()
        try:
            made, failure = helper.ask((request, job))
        except HelperDied as error:
            raise RowError(
                f"a worker process died ({error}) while it made rows {[row.id for row, _ in job]} "
                f"(category and candidate: {[(row.category, row.candidate) for row, _ in job]}, "
                f"seed={request.seed})"
            ) from error
        finally:
            self._idle.put(helper)
        if failure is not None:
            message, trace = failure
            raise RowError(message) from WorkerTraceback(trace)
        return made


def workers_for(number: int, count: int):
    """A context manager: the workers for `number` processes, or None where this process does."""
    return Workers(number, count) if number > 1 else contextlib.nullcontext()


def serve() -> None:
    """A worker's whole life."""
    answer_questions(_answer, _ready)


def _ready() -> None:
    # Loads jax now, and not only when the first job is here.
    importlib.import_module("jax_ir_synth.verify.proof")
    # Nobody forks this process.
    xla.use_this_process()


def _answer(question: tuple[Request, _Job]) -> tuple:
    request, job = question
    try:
        return [make_row(request, *each) for each in job], None
    except RowError as error:
        return None, (str(error), traceback.format_exc())
