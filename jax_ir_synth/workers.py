"""Worker processes that make rows, in order, each a fresh Python that runs this file alone.

Neither fork nor multiprocessing: a process forked after its parent used jax hangs, and
multiprocessing's other ways run the caller's `__main__` again, which never ends in a script
without a main guard. These workers know nothing of the caller: its script, its notebook and its
jax settings play no part.
"""

import collections
import concurrent.futures
import contextlib
import importlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator

from jax_ir_synth.config import Request
from jax_ir_synth.fingerprint import check_sources_unchanged
from jax_ir_synth.plan import PlannedRow
from jax_ir_synth.rows import RowError, make_row
from jax_ir_synth.verify import xla

# Rows in one message: enough to hide the pipe's delay, few enough to keep all workers busy.
ROWS_A_JOB = 8


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
        self._processes = []
        self._idle = queue.SimpleQueue()
        self._threads = concurrent.futures.ThreadPoolExecutor(self._number)
        try:
            for _ in range(self._number):
                self._processes.append(_start())
                self._idle.put(self._processes[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._threads.shutdown(wait=False, cancel_futures=True)
        # They hold nothing that would have to be saved; the threads that wait for them wake up.
        for process in self._processes:
            process.kill()
        self._threads.shutdown(wait=True)
        for process in self._processes:
            # Popen's own exit closes the pipes and reaps; a message half-sent can't be flushed.
            with contextlib.suppress(BrokenPipeError), process:
                pass

    def rows(self, request: Request, planned: Iterable[PlannedRow]) -> Iterator[dict]:
        """The rows of `planned`, in its order; few are held at once, however many there are.

        Raises:
          RowError: a row could not be made, or a worker died.
        """
        planned = iter(planned)
        jobs = iter(lambda: list(itertools.islice(planned, ROWS_A_JOB)), [])
        under_way = collections.deque()
        for job in jobs:
            under_way.append(self._threads.submit(self._ask, request, job))
            if len(under_way) >= 2 * self._number:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()

    def _ask(self, request: Request, job: list[PlannedRow]) -> list[dict]:
        process = self._idle.get()
        try:
            pickle.dump((request, job), process.stdin)
            process.stdin.flush()
            made, failure = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise RowError(
                f"a worker process died (exit status {process.wait()}) while it made rows "
                f"{[row.id for row in job]} (category and candidate: "
                f"{[(row.category, row.candidate) for row in job]}, seed={request.seed})"
            ) from error
        finally:
            self._idle.put(process)
        if failure is not None:
            message, trace = failure
            raise RowError(message) from WorkerTraceback(trace)
        return made


def workers_for(number: int, count: int):
    """A context manager: the workers for `number` processes, or None where this process does."""
    return Workers(number, count) if number > 1 else contextlib.nullcontext()


def _start() -> subprocess.Popen:
    start = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    return subprocess.Popen(
        [sys.executable, "-c", start],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Lowering needs no device; without this each worker would take its share of a GPU.
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        # Ctrl-C is for the parent, which ends its workers itself.
        process_group=0,
    )


def serve() -> None:
    """A worker's whole life: jobs from stdin, rows to stdout, until stdin ends."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not end up among the answers.
    os.dup2(2, 1)
    # Loads jax now, and not only when the first job is here.
    importlib.import_module("jax_ir_synth.verify.proof")
    # Nobody forks this process.
    xla.use_this_process()
    while True:
        try:
            request, job = pickle.load(jobs)
        except EOFError:
            return
        try:
            answer = [make_row(request, row) for row in job], None
        except RowError as error:
            answer = None, (str(error), traceback.format_exc())
        pickle.dump(answer, answers)
        answers.flush()
