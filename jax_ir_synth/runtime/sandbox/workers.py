"""Questions to zygotes, several at work at once, and their replies in the questions' order.

It works in any caller: a script without a main guard, a notebook, one of a loader's workers, a
process that has used jax, several threads. See `helper` for why.
"""

import collections
import concurrent.futures
import os
import pickle
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.helper import Helper, HelperDied
from jax_ir_synth.runtime.sandbox.fork_server import Group, Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply

# Questions that are asked together, if they share their values and follow each other.
_TOGETHER = 8
# Questions in hand for each worker, so that the others have work while one is at a slow question.
_HELD = 32
Label = TypeVar("Label")


class WorkersError(JaxIrSynthError, RuntimeError):
    """Not even a worker without a question works; the message is one line."""


class Question(NamedTuple):
    """Values for the function: of this question by itself, and those that the next may have too."""

    own: tuple
    shared: tuple


class Workers:
    """A context manager that holds the processes.

    Args:
      work: what they do with a question.
      number: how many work at once.

    Raises:
      WorkersError: on entry, if none can start, as within too little memory.
    """

    def __init__(self, work: Work, number: int):
        self._workers = [_Worker(work) for _ in range(number)]

    def __enter__(self):
        self._owner = os.getpid()
        self._threads = concurrent.futures.ThreadPoolExecutor(len(self._workers))
        # A stack: the workers in use are as few as the questions need.
        self._idle = collections.deque(self._workers)
        try:
            for starting in [self._threads.submit(worker.start) for worker in self._workers]:
                starting.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.stop()
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.close()

    def replies(
        self, jobs: Iterable[tuple[Label, Question | None]]
    ) -> Iterator[tuple[Label, Reply | None]]:
        """For each label and question, in order, the label and what became of the question.

        Without a question that is None. Few are held at once, however many there are.

        Raises RuntimeError in a process forked off, whose the workers are not.
        """
        if os.getpid() != self._owner:
            raise RuntimeError("workers are of the process that started them, not of its forks")
        held = collections.deque()
        for labels, group in _groups(jobs):
            held.append((labels, group and self._threads.submit(self._ask, group)))
            if sum(len(each) for each, _ in held) >= _HELD * len(self._workers):
                yield from _settled(*held.popleft())
        while held:
            yield from _settled(*held.popleft())

    def _ask(self, group: Group) -> list[Reply]:
        worker = self._idle.pop()
        try:
            return worker.ask(group)
        finally:
            self._idle.append(worker)


def _groups(jobs) -> Iterator[tuple[list, Group | None]]:
    """Labels, and the questions that they are of; a job without one by itself."""
    labels, group = [], None
    for label, question in jobs:
        shared = question and pickle.dumps(question.shared)
        if labels and (group is None or shared != group.shared or len(group.own) == _TOGETHER):
            yield labels, group
            labels, group = [], None
        labels.append(label)
        if question:
            group = group or Group(shared, [])
            group.own.append(pickle.dumps(question.own))
    if labels:
        yield labels, group


def _settled(labels, future) -> Iterator[tuple[Any, Reply | None]]:
    return zip(labels, future.result() if future else [None], strict=True)


class _Worker:
    """One zygote at a time, replaced when it dies."""

    def __init__(self, work: Work):
        self._work = work
        self._lock = threading.Lock()
        self._stopped = False
        self._zygote: Helper | None = None

    def start(self) -> None:
        """Returns once questions can be asked. Raises WorkersError."""
        with self._lock:
            if self._stopped:
                raise concurrent.futures.CancelledError
            self._zygote = Helper("jax_ir_synth.runtime.sandbox.fork_server")
        try:
            failure = self._zygote.ask(self._work)
        except HelperDied as error:
            failure = f"it died ({error})"
        if failure is not None:
            self._check()
            within = f"{self._work.limits.gigabytes:g} GB"
            raise WorkersError(f"a helper can't start within {within}: {failure}")

    def ask(self, group: Group) -> list[Reply]:
        """What becomes of each question, however it ends."""
        # Twice: a zygote may also be killed by somebody else, as for want of the machine's memory.
        for _ in range(2):
            try:
                return self._zygote.ask(group)
            except HelperDied as error:
                self._check()
                death = error
                self._zygote.close()
                self.start()
        if len(group.own) > 1:
            return [self.ask(Group(group.shared, [own]))[0] for own in group.own]
        return [Reply(None, f"its process died, and that which started it: {death}", None)]

    def stop(self) -> None:
        """Ends the process, at work or not; whoever waits for its answer gets CancelledError."""
        with self._lock:
            self._stopped = True
            if self._zygote is not None:
                self._zygote.kill()

    def close(self) -> None:
        """Gives back what the process held, once nobody waits for it."""
        if self._zygote is not None:
            self._zygote.close()

    def _check(self) -> None:
        if self._stopped:
            raise concurrent.futures.CancelledError
