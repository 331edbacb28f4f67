"""A process that imports a function once, and calls it in forks of its own.

Whatever a fork does, runs on, dies or lies, its question alone is lost, and the next one starts
from the same state. Questions that share something may have it prepared once: then a fork prepares
it, which looks into none of the questions, and is itself forked for each.

Forking is safe here, since this process is a fresh interpreter with one thread that never runs
anything through XLA; the caller is never forked.
"""

import gc
import importlib
import pickle
import resource
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax_ir_synth.runtime.helper import answer_questions
from jax_ir_synth.runtime.sandbox.forked_call import Mark, Reply, call, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, lower


class Work(NamedTuple):
    """What a fork server is for.

    Attributes:
      target: `module:function`. The function is called with a question's own values, those that it
        shares with others, and a function that marks how far it got, by a word; what it returns
        must be JSON. The module's `ready()`, if it has one, is called before anything is forked:
        for what would be imported later, which a fork can't. The module's `prepare`, if it has one,
        is called with the values that several questions share: for what it can keep for them.
      limits: for each question.
      in_turn: whether a fork answers several questions, one after the other, until one fails. That
        saves most of what forks cost, but a question then starts from the state that those before
        it left. Otherwise each has a fork of its own.
    """

    target: str
    limits: Limits
    in_turn: bool = False


class Pickled(NamedTuple):
    """A question: its own values, and those that it shares with the others of its batch."""

    own: bytes
    shared: bytes


def serve() -> None:
    """Run the process: first it is asked for its `Work`, then a batch of `Pickled` at a time.

    To the first the answer is None, or in one line why it can't be done; to each of the others a
    list of `Reply`s.
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
    """Shows that a fork can do something within its limits."""
    return len(bytearray(2**20))


class _ForkServer:
    """The function, imported, and what becomes of questions to it."""

    def __init__(self, work: Work):
        name, function = work.target.split(":")
        module = importlib.import_module(name)
        self._function: Callable[..., Any] = getattr(module, function)
        self._limits, self._in_turn = work.limits, work.in_turn
        self._prepare: Callable[..., None] | None = getattr(module, "prepare", None)
        if hasattr(module, "ready"):
            module.ready()
        gc.collect()
        # Nothing of all this is ever garbage, and a fork needn't copy it to find that out.
        gc.freeze()

    def replies(self, batch: Sequence[Pickled]) -> list[Reply]:
        """What becomes of each question; all share their `shared` values."""
        if self._prepare is not None and len(batch) > 1:
            seconds, gigabytes = self._limits
            limits = Limits(seconds * (len(batch) + 1), gigabytes)
            (prepared,) = call(
                self._answer_prepared, [(pickle.dumps((batch,)),)], limits, _confine_memory
            )
            if prepared.failure is None:
                return [Reply(*reply) for reply in prepared.answer]
            # What they share is at fault; each says so by itself.
        return self._answer(batch)

    def _answer_prepared(self, batch: Sequence[Pickled], mark: Mark) -> list[list[Any]]:
        assert self._prepare is not None
        self._prepare(*pickle.loads(batch[0].shared))
        return [list(reply) for reply in self._answer(batch)]

    def _answer(self, batch: Sequence[Pickled]) -> list[Reply]:
        if self._in_turn:
            return call(self._function, batch, self._limits)
        return [call(self._function, [question], self._limits)[0] for question in batch]


def _confine_memory(limits: Limits, descriptors: int) -> None:
    lower(resource.RLIMIT_DATA, limits.bytes)
