"""Asks several fork servers at once, and gives their replies in the questions' order."""

import functools
import pickle
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.errors import UsageError
from jax_ir_synth.runtime.helper import Helper, HelperDied
from jax_ir_synth.runtime.pool import Pool
from jax_ir_synth.runtime.sandbox.fork_server import Pickled, Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply

# The number of successive questions with shared values that are asked together.
_TOGETHER = 8
# The questions held for each fork server, so that the others have work while one is slow.
_HELD = 32
Label = TypeVar("Label")


class SandboxError(UsageError, RuntimeError):
    """A fork server can't start; the message is one line."""


class Question(NamedTuple):
    """Values for the function: this question's own, and those that the next may share."""

    own: tuple[Any, ...]
    shared: tuple[Any, ...] = ()


class _Entry(NamedTuple):
    """A label, and the reply if its question isn't asked; None if there is no question."""

    label: Any
    asked: bool
    reply: Reply | None = None


class Sandbox:
    """A context manager that holds the fork servers.

    Args:
      work: the work to do for each question.
      number: how many questions are worked on at once; no reply depends on it.

    Raises:
      SandboxError: on entry, if no fork server can start, as with too little memory.
    """

    def __init__(self, work: Work, number: int):
        self._work = work
        start = functools.partial(Helper, "jax_ir_synth.runtime.sandbox.fork_server")
        self._pool: Pool[Pickled, Reply] = Pool(start, number, begin=self._begin)

    def __enter__(self) -> "Sandbox":
        self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def replies(
        self, jobs: Iterable[tuple[Label, Question | None]]
    ) -> Iterator[tuple[Label, Reply | None]]:
        """For each label and question, in order, give the label and the reply.

        The reply is None for a label without a question. Only a few jobs are held at once, however
        many there are.

        Raises RuntimeError in a forked process, which doesn't own the fork servers.
        """
        for entries, answers in self._pool.map(_batches(jobs), _HELD):
            rest = iter(answers)
            for entry in entries:
                yield entry.label, _reply(next(rest)) if entry.asked else entry.reply

    def _begin(self, server: Helper) -> None:
        try:
            failure = server.ask(self._work)
        except HelperDied as error:
            failure = f"it died ({error})"
        if failure is not None:
            within = f"{self._work.limits.gigabytes:g} GB"
            raise SandboxError(f"a helper can't start within {within}: {failure}")


def _reply(answer: Reply | HelperDied) -> Reply:
    if isinstance(answer, HelperDied):
        return Reply(None, f"its process died, and that which started it: {answer}", None)
    return answer


def _batches(
    jobs: Iterable[tuple[Any, Question | None]],
) -> Iterator[tuple[list[_Entry], list[Pickled]]]:
    """Group the jobs in batches whose questions share values; unasked jobs are separate."""
    entries: list[_Entry] = []
    batch: list[Pickled] = []
    for entry, pickled in (_entry(label, question) for label, question in jobs):
        if pickled is not None and batch and pickled.shared == batch[0].shared:
            # The same object, so that pickle sends it only once.
            pickled = pickled._replace(shared=batch[0].shared)
            goes_on = len(batch) < _TOGETHER
        else:
            goes_on = False
        if entries and not goes_on:
            yield entries, batch
            entries, batch = [], []
        entries.append(entry)
        if pickled is not None:
            batch.append(pickled)
    if entries:
        yield entries, batch


def _entry(label: Any, question: Question | None) -> tuple[_Entry, Pickled | None]:
    if question is None:
        return _Entry(label, asked=False), None
    try:
        pickled = Pickled(pickle.dumps(question.own), pickle.dumps(question.shared))
    except RecursionError:
        reply = Reply(None, "its values are nested too deeply", None)
        return _Entry(label, asked=False, reply=reply), None
    return _Entry(label, asked=True), pickled
