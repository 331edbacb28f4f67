"""An ordered, bounded pool of helper processes, each replaced when it dies.

It serves for making rows, compiling modules, checking rows and completions (in a `sandbox`), and
running the tasks of a run. It works in any caller: a script without a main guard, a notebook, a
loader's worker, a process that has used jax, or several threads (see `helper`).
"""

import concurrent.futures
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from jax_ir_synth.runtime.helper import Helper, HelperDied

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Label = TypeVar("Label")


class Pool(Generic[Question, Answer]):
    """A context manager that holds helpers.

    Several questions go to a helper in one message, a batch, and their answers come back in one. If
    the helper dies over a batch, the pool asks each of its questions again by itself, at most
    `attempts` times, and then gives the last `HelperDied` in the place of an answer.

    Args:
      start: starts a helper, which answers a list of questions with a list of the same length.
      number: the number of helpers.
      begin: called with each new helper before its first question. An error that it raises is
        raised by `__enter__`, or by the question that the helper was started for.
      attempts: how often a question is asked if its helper dies.
      renewal: the number of questions after which a helper is replaced; None for never.
    """

    def __init__(
        self,
        start: Callable[[], Helper],
        number: int,
        *,
        begin: Callable[[Helper], None] = lambda helper: None,
        attempts: int = 2,
        renewal: int | None = None,
    ):
        self._start, self._begin = start, begin
        self._attempts, self._renewal = attempts, renewal
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = concurrent.futures.ThreadPoolExecutor(number)
        self._seats = [_Seat() for _ in range(number)]
        # A stack, so that no more helpers are in use than the questions need.
        self._idle: queue.LifoQueue[_Seat] = queue.LifoQueue()
        for seat in self._seats:
            self._idle.put(seat)

    def __enter__(self) -> "Pool[Question, Answer]":
        try:
            # All at once, since each may take seconds until it is ready.
            for started in [self._threads.submit(self._fill, seat) for seat in self._seats]:
                started.result()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def helpers(self) -> list[Helper]:
        """The current helpers."""
        return [seat.helper for seat in self._seats if seat.helper is not None]

    def ask(self, questions: Sequence[Question]) -> list[Answer | HelperDied]:
        """Ask a batch and wait for the answers, in order.

        Raises:
          CancelledError: the pool is closed.
          RuntimeError: this process is a fork of the one that the helpers belong to.
        """
        if os.getpid() != self._owner:
            raise RuntimeError("helpers are of the process that started them, not of its forks")
        if len(questions) > 1:
            try:
                return self._ask(questions)
            except HelperDied:
                return [answer for question in questions for answer in self.ask([question])]
        for _ in range(self._attempts):
            try:
                return self._ask(questions)
            except HelperDied as error:
                death = error
        return [death]

    def submit(
        self, questions: Sequence[Question]
    ) -> "concurrent.futures.Future[list[Answer | HelperDied]]":
        """Start to `ask` a batch; batches begin in the order in which they are submitted."""
        return self._threads.submit(self.ask, questions)

    def map(
        self, jobs: Iterable[tuple[Label, Sequence[Question]]], held: int
    ) -> Iterator[tuple[Label, list[Answer | HelperDied]]]:
        """Ask the batches of all jobs; yield each label with its batch's answers, in order.

        Args:
          jobs: labels and batches; read only as far as `held` allows. A batch may be empty.
          held: the minimum number of questions, for each helper, that may be running or waiting.
        """
        if os.getpid() != self._owner:
            raise RuntimeError("helpers are of the process that started them, not of its forks")
        most = held * len(self._seats)
        waiting: deque[tuple[Label, int, concurrent.futures.Future[Any]]] = deque()
        count = 0
        for label, questions in jobs:
            # A job without questions counts as one.
            size = max(1, len(questions))
            waiting.append((label, size, self.submit(questions) if questions else _done([])))
            count += size
            while count >= most:
                label, size, future = waiting.popleft()
                count -= size
                yield label, future.result()
        while waiting:
            label, _, future = waiting.popleft()
            yield label, future.result()

    def close(self) -> None:
        """End all helpers, busy or not; a caller that waits for an answer gets CancelledError."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._closed = True
            for helper in self.helpers:
                # A helper has nothing to save, and this wakes up the threads that wait for it.
                helper.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for seat in self._seats:
            seat.clear()

    def _ask(self, questions: Sequence[Question]) -> list[Answer | HelperDied]:
        """Ask a batch once. Raises HelperDied."""
        seat = self._idle.get()
        try:
            if self._renewal is not None and seat.asked >= self._renewal:
                seat.clear()
            helper = seat.helper or self._fill(seat)
            try:
                answers: list[Answer | HelperDied] = helper.ask(list(questions))
            except BaseException as error:
                # Also on Ctrl-C, since the helper's answer isn't that to the next question.
                seat.clear()
                if isinstance(error, HelperDied):
                    self._check_open()
                raise
            seat.asked += len(questions)
            return answers
        finally:
            self._idle.put(seat)

    def _fill(self, seat: "_Seat") -> Helper:
        """Start a seat's helper. Raises the errors of `begin`."""
        with self._lock:
            self._check_open()
            helper = seat.helper = self._start()
        try:
            self._begin(helper)
        except BaseException:
            seat.clear()
            self._check_open()
            raise
        return helper

    def _check_open(self) -> None:
        if self._closed:
            raise concurrent.futures.CancelledError


class _Seat:
    """The place of one helper at a time, and the number of questions that it has answered."""

    def __init__(self) -> None:
        self.helper: Helper | None = None
        self.asked = 0

    def clear(self) -> None:
        """End the helper, if there is one."""
        helper, self.helper, self.asked = self.helper, None, 0
        if helper is not None:
            helper.close()


def _done(value: list[Any]) -> "concurrent.futures.Future[list[Any]]":
    future: concurrent.futures.Future[list[Any]] = concurrent.futures.Future()
    future.set_result(value)
    return future
