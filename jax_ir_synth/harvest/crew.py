"""Runs tasks in threads, each of which asks a session, and passes their results on as they come."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from jax_ir_synth.harvest.session import Session

Result = TypeVar("Result")


class Crew(Generic[Result]):
    """A context manager for tasks; leaving it ends all that still run, and their workers.

    Args:
      number: how many tasks run at once.
    """

    def __init__(self, number: int):
        self._threads = concurrent.futures.ThreadPoolExecutor(number)
        self._lock = threading.Lock()
        self._sessions: list[Session] = []
        self.stopped = False

    def __enter__(self) -> "Crew[Result]":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.stopped = True
            for session in self._sessions:
                session.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def run(
        self, tasks: "Sequence[Callable[[Callable[[Session], Session]], Iterator[Result]]]"
    ) -> Iterator[Result]:
        """Run tasks, and yield the results of all as they come.

        Args:
          tasks: each is called with a function, through which it passes each session that it
            opens. What is asked after the crew has stopped raises WorkerDied.

        Raises the first error of a task.
        """
        results: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()

        def work(task: "Callable[[Callable[[Session], Session]], Iterator[Result]]") -> None:
            try:
                for result in task(self._enlist):
                    results.put(("result", result))
                results.put(("done", None))
            except BaseException as error:
                results.put(("error", error))

        for task in tasks:
            self._threads.submit(work, task)
        left = len(tasks)
        while left:
            kind, value = results.get()
            if kind == "error":
                assert isinstance(value, BaseException), "an error is raised"
                raise value
            if kind == "done":
                left -= 1
            else:
                yield value  # type: ignore[misc]

    def _enlist(self, session: Session) -> Session:
        with self._lock:
            self._sessions.append(session)
            if self.stopped:
                session.stop()
        return session
