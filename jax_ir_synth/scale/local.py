"""datatrove's local executor, by processes that may be killed."""

import concurrent.futures
import contextlib
import os
import queue
import sys
import threading

from datatrove.executor import LocalPipelineExecutor
from datatrove.utils.logging import setup_default_logger

from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.scale import ScaleError
from jax_ir_synth.scale.ranks import TRIES, run_rank


class LocalExecutor(LocalPipelineExecutor):
    """Its ranks run in helpers (see `helper`): a rank whose process is killed is run again.

    datatrove's own `run` keeps a multiprocessing pool, which waits for ever for what a killed
    process was at.
    """

    def run(self) -> None:
        """Run all ranks that aren't completed. Raises ScaleError at the first that fails."""
        self.save_executor_as_json()
        ranks = queue.SimpleQueue()
        incomplete = self.get_incomplete_ranks()
        for rank in incomplete:
            ranks.put(rank)
        number = min(self.workers, len(incomplete))
        with contextlib.ExitStack() as stack:
            lanes = [stack.enter_context(contextlib.closing(_Lane())) for _ in range(number)]
            threads = stack.enter_context(concurrent.futures.ThreadPoolExecutor(max(1, number)))
            try:
                working = [threads.submit(self._work, lane, ranks) for lane in lanes]
                for future in concurrent.futures.as_completed(working):
                    future.result()
            finally:
                for lane in lanes:
                    lane.end()

    def _work(self, lane: "_Lane", ranks: queue.SimpleQueue) -> None:
        while True:
            try:
                rank = ranks.get_nowait()
            except queue.Empty:
                return
            failure = self._ask(lane, rank)
            if failure is not None:
                raise ScaleError(failure)

    def _ask(self, lane: "_Lane", rank: int) -> str | None:
        for _ in range(TRIES):
            try:
                return lane.ask((self, rank))
            except HelperDied as error:
                status = error.status
        return (
            f"the process of task {rank} died {TRIES} times, at last with exit status {status}: "
            "is there enough memory?"
        )


class _Lane:
    """One helper at a time, a new one where the last one died. `end` is for another thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._helper: Helper | None = None
        self._ended = False

    def ask(self, question):
        """The answer. Raises HelperDied; where the lane has ended, that is the last."""
        with self._lock:
            if self._ended:
                raise concurrent.futures.CancelledError
            if self._helper is None:
                self._helper = Helper(__name__)
        try:
            return self._helper.ask(question)
        except HelperDied:
            with self._lock:
                self._helper.close()
                self._helper = None
            raise

    def end(self) -> None:
        """Kill the helper, and start none any more."""
        with self._lock:
            self._ended = True
            if self._helper is not None:
                self._helper.kill()

    def close(self) -> None:
        """Give back what the helper held, once nobody waits for it."""
        if self._helper is not None:
            self._helper.close()


def serve() -> None:
    """A helper's whole life."""
    answer_questions(_answer, _ready)


def _answer(question: tuple[LocalExecutor, int]) -> str | None:
    return run_rank(*question)


def _ready() -> None:
    # datatrove's log goes into its files; what a library prints by itself is still seen.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")
    setup_default_logger()
