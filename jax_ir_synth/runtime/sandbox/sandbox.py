"""Asks several fork servers at once, for callers in any thread."""

import concurrent.futures
import contextlib
import functools
import itertools
import math
import os
import pickle
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.runtime.helper import Helper, HelperDied
from jax_ir_synth.runtime.pool import Pool
from jax_ir_synth.runtime.sandbox.fork_server import Pickled, Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply
from jax_ir_synth.runtime.sandbox.resource_limits import Limits

# The number of questions with shared values that are asked together at most.
_TOGETHER = 8
# The questions held for each fork server, so that the others have work while one is slow.
HELD = 32
# How often a fork server is started in the place of one that died.
_STARTS = 4
Label = TypeVar("Label")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class SandboxError(JaxIrSynthError, RuntimeError):
    """A fork server can't start; the message is one line."""


class LimitsError(SandboxError, UsageError):
    """No fork server has started within the limits that were given."""


class Question(NamedTuple):
    """Values for the function: this question's own, and those that others may share."""

    own: tuple[Any, ...]
    shared: tuple[Any, ...] = ()


class _Waiting(NamedTuple):
    question: Pickled
    reply: "concurrent.futures.Future[Reply]"


class Sandbox:
    """A context manager that holds the fork servers.

    Questions that share values and wait at the same time go to a fork server together, whoever asks
    them. Entering starts all fork servers at once; if it isn't entered, each starts when the others
    are busy.

    Args:
      work: the work to do for each question.
      number: how many questions are worked on at once; no reply depends on it.

    Raises:
      SandboxError: on entry or from a reply, if no fork server can start, as with too little
        memory. It is a LimitsError if none has started before.
    """

    def __init__(self, work: Work, number: int):
        self._work, self._number = work, number
        self._owner = os.getpid()
        start = functools.partial(Helper, "jax_ir_synth.runtime.sandbox.fork_server")
        self._pool: Pool[Pickled, Reply] = Pool(start, number, begin=self._begin)
        self._lock = threading.Lock()
        # By what questions share. Whoever waits longest is first.
        self._waiting: OrderedDict[tuple[Limits, bytes], deque[_Waiting]] = OrderedDict()
        self._workers = 0
        self._has_started = False

    def __enter__(self) -> "Sandbox":
        self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all fork servers, busy or not. A reply that is waited for is cancelled."""
        self._pool.close()

    def submit(
        self, questions: Iterable[Question], limits: Limits | None = None, number: int | None = None
    ) -> "list[concurrent.futures.Future[Reply]]":
        """Ask questions, and return their replies to come.

        Args:
          questions: the questions.
          limits: the limits for each; by default those of `work`.
          number: how many fork servers work at once on these and on all other questions; all of
            them by default.

        Raises RuntimeError in a forked process, which doesn't own the fork servers.
        """
        if os.getpid() != self._owner:
            raise RuntimeError("helpers are of the process that started them, not of its forks")
        replies = []
        waiting = []
        for question in questions:
            reply: concurrent.futures.Future[Reply] = concurrent.futures.Future()
            replies.append(reply)
            try:
                own, shared = pickle.dumps(question.own), pickle.dumps(question.shared)
            except RecursionError:
                reply.set_result(Reply(None, "its values are nested too deeply", None))
                continue
            waiting.append(_Waiting(Pickled(own, shared, limits or self._work.limits), reply))
        with self._lock:
            for each in waiting:
                key = each.question.limits, each.question.shared
                self._waiting.setdefault(key, deque()).append(each)
            most = min(number or self._number, self._number)
            for _ in range(min(most - self._workers, len(waiting))):
                self._workers += 1
                threading.Thread(target=self._serve, daemon=True).start()
        return replies

    def replies(
        self, jobs: Iterable[tuple[Label, Question | None]]
    ) -> Iterator[tuple[Label, Reply | None]]:
        """For each label and question, in order, give the label and the reply.

        The reply is None for a label without a question. Only a few jobs are held at once, however
        many there are.

        Raises RuntimeError in a forked process, which doesn't own the fork servers.
        """

        def submit(
            questions: Sequence[Question | None],
        ) -> "list[concurrent.futures.Future[Any]]":
            replies: Iterator[concurrent.futures.Future[Any]] = iter(
                self.submit([each for each in questions if each is not None])
            )
            return [_done() if each is None else next(replies) for each in questions]

        return in_order(jobs, submit, HELD * self._number)

    def _serve(self) -> None:
        """Have a fork server answer what waits, until nothing does."""
        while batch := self._take():
            try:
                answers = self._ask([each.question for each in batch])
            except BaseException as error:
                for each in batch:
                    each.reply.set_exception(error)
                continue
            for each, answer in zip(batch, answers, strict=True):
                each.reply.set_result(_describe_death(answer))

    def _ask(self, batch: Sequence[Pickled]) -> "Sequence[Reply | HelperDied]":
        for _ in range(_STARTS - 1):
            # One that dies while it starts may have been killed, as when memory runs out.
            with contextlib.suppress(SandboxError):
                return self._pool.ask(batch)
        return self._pool.ask(batch)

    def _take(self) -> Sequence[_Waiting]:
        """Take questions that share values; the worker that gets none has ended."""
        with self._lock:
            while self._waiting:
                key, group = self._waiting.popitem(last=False)
                # All workers share what waits, even if it is of one group.
                waiting = len(group) + sum(map(len, self._waiting.values()))
                number = min(_TOGETHER, math.ceil(waiting / self._workers))
                batch: list[_Waiting] = []
                while group and len(batch) < number:
                    each = group.popleft()
                    if each.reply.set_running_or_notify_cancel():
                        batch.append(each)
                if group:
                    self._waiting[key] = group
                if batch:
                    return batch
            self._workers -= 1
            return []

    def _begin(self, server: Helper) -> None:
        try:
            failure = server.ask(self._work)
        except HelperDied as error:
            failure = f"it died ({error})"
        if failure is not None:
            within = f"{self._work.limits.gigabytes:g} GB"
            # Where others have started, the limits are not the reason.
            kind = SandboxError if self._has_started else LimitsError
            raise kind(f"a helper can't start within {within}: {failure}")
        self._has_started = True


def in_order(
    jobs: Iterable[tuple[Label, Asked]],
    submit: "Callable[[Sequence[Asked]], Sequence[concurrent.futures.Future[Answer]]]",
    held: int,
) -> Iterator[tuple[Label, Answer]]:
    """For each label and question, in order, give the label and the answer.

    Args:
      jobs: the labels and questions.
      submit: asks questions that may go together. Answers that nobody waits for any more are
        cancelled.
      held: how many questions are read ahead, and some more.
    """
    rest = iter(jobs)
    waiting: deque[tuple[Label, concurrent.futures.Future[Answer]]] = deque()
    try:
        while together := list(itertools.islice(rest, _TOGETHER)):
            futures = submit([question for _, question in together])
            waiting.extend(
                (label, future) for (label, _), future in zip(together, futures, strict=True)
            )
            while len(waiting) >= held:
                label, future = waiting.popleft()
                yield label, future.result()
        while waiting:
            label, future = waiting.popleft()
            yield label, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _done() -> "concurrent.futures.Future[Any]":
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future.set_result(None)
    return future


def _describe_death(answer: Reply | HelperDied) -> Reply:
    if isinstance(answer, HelperDied):
        return Reply(None, f"its process died, and that which started it: {answer}", None)
    return answer
