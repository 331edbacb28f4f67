"""A process that imports a function once, and calls it in forks of its own.

Whatever a fork does (hang, die or lie), only its questions can be affected, and the next fork
starts from the same state. A fork costs much more than most questions, so it answers several that
came together, one after the other, up to the first that fails. What they share may be prepared
once, in a fork before it looks at a question.

Forking is safe here, since this process is a fresh interpreter with a single thread that never runs
anything through XLA. The caller is never forked.
"""

import contextlib
import functools
import gc
import importlib
import pickle
import resource
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.runtime.helper import answer_questions
from jax_ir_synth.runtime.sandbox.forked_call import Confine, Mark, Reply, call, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, confine, lower, start_clock

# How often a question may ask that something is prepared.
_MOST_PREPARED = 6


class Work(NamedTuple):
    """The work of a fork server.

    Attributes:
      target: `module:function`. The function is called with a question's own values, with those
        that it shares with others, and with a function that marks its progress by a word. Its
        result must be JSON, or None to be called once more, prepared. The module's functions, each
        of which it may lack, are:

        - `ready()` is called before the first fork, to import everything that a fork, which can't
          open files, would import later.
        - `recall(*shared, again)` is called in this process with the values that questions share.
          It takes what was prepared before from memory or, `again` in any case, from files, and
          says whether there is anything.
        - `prepare(*shared, mark, again)` is called in a fork that opens files as it likes, if a
          question's function has returned None. `mark` is the question's last mark; what earlier
          marks need is prepared, too. `again` says that it wasn't enough before, so that more is
          needed. The fork goes on to answer questions, so that results may be in memory alone.
      limits: the limits with which a fork is tried at the start. Each question has its own.
    """

    target: str
    limits: Limits


class Pickled(NamedTuple):
    """A question: its own values, those that it shares with the others in its batch, its limits."""

    own: bytes
    shared: bytes
    limits: Limits

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """All of its values."""
        return self.own, self.shared


def serve() -> None:
    """Run the process. The first question is its `Work`, each later one a batch of `Pickled`.

    The answer to the first is None, or one line that says why it can't be done. The answer to each
    later one is a list of `Reply`s.
    """
    server: _ForkServer | None = None

    def answer(question: Any) -> list[Reply] | str | None:
        nonlocal server
        if server is not None:
            return server.replies(question)
        try:
            server = _ForkServer(question)
        except Exception as error:
            return one_line(f"{type(error).__name__}: {error}")
        return call(_do_some_work, [()], question.limits)[0].failure

    answer_questions(answer, lambda: None)


def _do_some_work(mark: Mark) -> int:
    """Show that a fork can do some work within its limits."""
    return len(bytearray(2**20))


class _ForkServer:
    """The imported function, which is called in forks."""

    def __init__(self, work: Work):
        name, function = work.target.split(":")
        module = importlib.import_module(name)
        self._function: Callable[..., Any] = getattr(module, function)
        self._recall: Callable[..., bool] = getattr(module, "recall", lambda *shared: False)
        self._prepare: Callable[..., None] = getattr(module, "prepare", lambda *shared: None)
        if hasattr(module, "ready"):
            module.ready()
        gc.collect()
        # None of this ever becomes garbage. Otherwise a fork's collector would copy all of it.
        gc.freeze()

    def replies(self, batch: Sequence[Pickled]) -> list[Reply]:
        """Answer a batch of questions, which all share their `shared` values and their limits."""
        shared = batch[0].shared
        self._recall_if_possible(shared, again=False)
        replies = self._call(batch)
        prepared: set[str | None] = set()
        for _ in range(_MOST_PREPARED):
            if not (needy := _find_needy(replies)):
                return replies
            needed = replies[needy[0]].mark
            again = needed in prepared
            prepared.add(needed)
            prepare = functools.partial(self._prepare_and_confine, shared, needed, again)
            first = self._call([batch[needy[0]]], prepare)[0]
            if first.failure is not None and first.mark is None:
                # What the questions share is at fault.
                for k in needy:
                    replies[k] = Reply(None, first.failure, needed)
                return replies
            replies[needy[0]] = first
            known = self._recall_if_possible(shared, again=True)
            if rest := needy[1:]:
                others = self._call([batch[k] for k in rest], confine if known else prepare)
                for k, reply in zip(rest, others, strict=True):
                    replies[k] = reply
        for k in _find_needy(replies):
            reason = f"what it needs at {replies[k].mark} can't be prepared"
            replies[k] = Reply(None, reason, replies[k].mark)
        return replies

    def _call(self, batch: Sequence[Pickled], confine: Confine = confine) -> list[Reply]:
        questions = [question.parts for question in batch]
        return call(self._function, questions, batch[0].limits, confine)

    def _recall_if_possible(self, shared: bytes, again: bool) -> bool:
        # What is wrong with the shared values is told by a fork.
        with contextlib.suppress(Exception):
            return self._recall(*pickle.loads(shared), again)
        return False

    def _prepare_and_confine(
        self, shared: bytes, mark: str | None, again: bool, limits: Limits, descriptors: int
    ) -> None:
        lower(resource.RLIMIT_DATA, limits.bytes)
        start_clock(limits)
        self._prepare(*pickle.loads(shared), mark, again)
        confine(limits, descriptors)


def _find_needy(replies: Sequence[Reply]) -> list[int]:
    """Find the questions that ask that something is prepared."""
    return [k for k, reply in enumerate(replies) if reply.failure is None and reply.answer is None]
