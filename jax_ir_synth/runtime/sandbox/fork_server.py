"""A process that imports a function once, and calls it in forks of its own.

Whatever a fork does (hang, die or lie), only its question is lost, and the next one starts from the
same state. Values that several questions share may be prepared once. A fork then does this without
looking at the questions, and is itself forked for each of them.

Forking is safe here, since this process is a fresh interpreter with a single thread that never runs
anything through XLA. The caller is never forked.
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
    """The work of a fork server.

    Attributes:
      target: `module:function`. The function is called with a question's own values, with those
        that it shares with others, and with a function that marks its progress by a word. Its
        result must be JSON. The module's `ready()`, if any, is called before the first fork, to
        import everything that a fork, which can't open files, would import later. The module's
        `prepare`, if any, is called with the values that several questions share, and can cache
        results for them.
      limits: the limits for each question.
      in_turn: whether a fork answers several questions, one after the other, until one fails. This
        saves most of the cost of forks, but a question then starts from the state that earlier ones
        left. Otherwise each question has a fork of its own.
    """

    target: str
    limits: Limits
    in_turn: bool = False


class Pickled(NamedTuple):
    """A question: its own values, and those that it shares with the others in its batch."""

    own: bytes
    shared: bytes


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
        self._limits, self._in_turn = work.limits, work.in_turn
        self._prepare: Callable[..., None] | None = getattr(module, "prepare", None)
        if hasattr(module, "ready"):
            module.ready()
        gc.collect()
        # None of this ever becomes garbage. Otherwise a fork's collector would copy all of it.
        gc.freeze()

    def replies(self, batch: Sequence[Pickled]) -> list[Reply]:
        """Answer a batch of questions, which all share their `shared` values."""
        if self._prepare is not None and len(batch) > 1:
            seconds, gigabytes = self._limits
            limits = Limits(seconds * (len(batch) + 1), gigabytes)
            (prepared,) = call(
                self._answer_prepared, [(pickle.dumps((batch,)),)], limits, _confine_memory
            )
            if prepared.failure is None:
                return [Reply(*reply) for reply in prepared.answer]
            # Their shared values are at fault. Each question then fails by itself.
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
