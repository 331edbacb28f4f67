"""datatrove's local executor, with processes that may be killed."""

import concurrent.futures
import functools
import os
import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.utils.logging import setup_default_logger

from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.runtime.pool import Pool
from jax_ir_synth.scale import ScaleError
from jax_ir_synth.scale.ranks import TRIES, run_rank


class LocalExecutor(LocalPipelineExecutor):
    """An executor whose ranks run in a pool of helpers; a rank whose process is killed runs again.

    datatrove's own `run` uses a multiprocessing pool, which waits forever for the result of a
    killed process.
    """

    def run(self) -> None:
        """Run all ranks that aren't completed. Raises ScaleError at the first that fails."""
        self.save_executor_as_json()
        incomplete = self.get_incomplete_ranks()
        if not incomplete:
            return
        start = functools.partial(Helper, __name__)
        number = min(self.workers, len(incomplete))
        pool: Pool[tuple[LocalExecutor, int], str | None] = Pool(start, number, attempts=TRIES)
        with pool:
            running = {pool.submit([(self, rank)]): rank for rank in incomplete}
            for done in concurrent.futures.as_completed(running):
                (failure,) = done.result()
                if isinstance(failure, HelperDied):
                    raise ScaleError(
                        f"the process of task {running[done]} died {TRIES} times, at last with "
                        f"{failure}: is there enough memory?"
                    )
                if failure is not None:
                    raise ScaleError(failure)


def serve() -> None:
    """Run a helper's process."""
    answer_questions(_answer_each, _get_ready)


def _answer_each(questions: list[tuple[LocalExecutor, int]]) -> list[str | None]:
    return [run_rank(executor, rank) for executor, rank in questions]


def _get_ready() -> None:
    # Drop datatrove's log on stderr, since it has files; prints of libraries are still seen.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    setup_default_logger()
