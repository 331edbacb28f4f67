"""A process that imports a function once, and calls it in a fork of its own for each question.

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
from typing import NamedTuple

from jax_ir_synth.runtime.helper import answer_questions
from jax_ir_synth.runtime.sandbox.forked_call import Reply, call, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, lower


class Work(NamedTuple):
    """What a zygote is for.

    Attributes:
      target: `module:function`. The function is called with a question's own values, those that it
        shares with others, and a function that marks how far it got, by a word; what it returns
        must be JSON. The module's `ready()`, if it has one, is called before anything is forked:
        for what would be imported later, which a fork can't. The module's `prepare`, if it has one,
        is called with the values that several questions share: for what it can keep for them.
      limits: for each question.
    """

    target: str
    limits: Limits


class Group(NamedTuple):
    """Questions that share values: those, pickled, and the values of each by itself, likewise."""

    shared: bytes
    own: list[bytes]


def serve() -> None:
    """The process's whole life: first its `Work`, then `Group`s.

    To the first the answer is None, or in one line why it can't be done; to each of the others a
    list of `Reply`s.
    """
    zygote = None

    def answer(question):
        nonlocal zygote
        if zygote is not None:
            return zygote.replies(question)
        try:
            zygote = _Zygote(question)
        except Exception as error:
            return one_line(f"{type(error).__name__}: {error}")
        return call(_some_work, (), question.limits).failure

    answer_questions(answer, lambda: None)


def _some_work(mark: Callable[[str], None]) -> int:
    """Shows that a fork can do something within its limits."""
    return len(bytearray(2**20))


class _Zygote:
    """The function, imported, and what becomes of questions to it."""

    def __init__(self, work: Work):
        name, function = work.target.split(":")
        module = importlib.import_module(name)
        self._function, self._limits = getattr(module, function), work.limits
        self._prepare = getattr(module, "prepare", None)
        if hasattr(module, "ready"):
            module.ready()
        gc.collect()
        # Nothing of all this is ever garbage, and a fork needn't copy it to find that out.
        gc.freeze()

    def replies(self, group: Group) -> list[Reply]:
        """What becomes of each question."""
        if self._prepare is not None and len(group.own) > 1:
            seconds, gigabytes = self._limits
            limits = Limits(seconds * (len(group.own) + 1), gigabytes)
            prepared = call(self._prepared, (pickle.dumps(group),), limits, _confine_memory)
            if prepared.failure is None:
                return [Reply(*reply) for reply in prepared.answer]
            # What they share is at fault; each says so by itself.
        return self._alone(group)

    def _prepared(self, shared: bytes, own: Sequence[bytes], mark) -> list[list]:
        self._prepare(*pickle.loads(shared))
        return [list(reply) for reply in self._alone(Group(shared, own))]

    def _alone(self, group: Group) -> list[Reply]:
        return [call(self._function, (own, group.shared), self._limits) for own in group.own]


def _confine_memory(limits: Limits, descriptors: int) -> None:
    lower(resource.RLIMIT_DATA, limits.bytes)
