"""Judges completions in a sandbox, so that a hostile one affects only its own row.

A completion is IR text, never Python. It is parsed, compared and run by an interpreter of IR, and
no part of it is ever executed as Python or by a shell. But it can make that native code run
forever, take memory, print, or crash. So each completion is judged in a process of its own, which
starts from the same state, under the limits of `runtime.sandbox.resource_limits`. The limits
protect against faults, waste and known tricks, but not against an attacker who manages to take over
MLIR's parser. Such a process could only answer in plain JSON, which is checked.

A process that fails says nothing about the completion until the row's own right answer gets through
the same sandbox. Where it doesn't, the row or this machine is at fault, and the completion is
unjudged. So it is if its process failed before it was looked at.
"""

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.evaluate.extraction import LAST, OWN
from jax_ir_synth.evaluate.judgement import (
    LONGEST,
    REFERENCE,
    RUNGS,
    UNJUDGED,
    Judgement,
    leave_unjudged,
)
from jax_ir_synth.runtime.sandbox.fork_server import Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.runtime.sandbox.sandbox import Question as _Question
from jax_ir_synth.runtime.sandbox.sandbox import Sandbox, SandboxError

__all__ = ["Judges", "Limits", "Question", "SandboxError"]

# The rung of a completion whose process fails while the reference is run, which by itself can be.
_AT_REFERENCE = "execute"
Label = TypeVar("Label")


class Question(NamedTuple):
    """A completion, the dataset's row that it answers, and the task's name.

    `take` says which of several modules in the completion counts, see `extraction`.
    """

    completion: str
    row: Mapping[str, Any]
    task: str
    take: str = LAST


class Judges:
    """A context manager that holds the processes.

    Args:
      number: how many work at once; no judgement depends on it.
      limits: the limits for each completion.
      judge: `module:function`. The function is called with a question's four values and with a
        callback, to which it passes each rung before trying it. It returns a Judgement.

    Raises:
      SandboxError: on entry, if no process can start, as with too little memory.
    """

    def __init__(
        self, number: int, limits: Limits, judge: str = "jax_ir_synth.evaluate.sandboxed:judge"
    ):
        self._sandbox = Sandbox(Work(judge, limits), number)

    def __enter__(self) -> "Judges":
        self._sandbox.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sandbox.__exit__(*error)

    def judgements(
        self, jobs: Iterable[tuple[Label, Question]]
    ) -> Iterator[tuple[Label, Judgement]]:
        """For each label and question, in order, give the label and the judgement.

        Only a few jobs are held at once.
        """
        faults: dict[bytes, str] = {}
        for (label, question, unasked), reply in self._sandbox.replies(map(_prepare, jobs)):
            if reply is not None:
                yield label, self._read_judgement(reply, question, faults)
            elif unasked is not None:
                yield label, unasked

    def _read_judgement(
        self, reply: Reply, question: Question, faults: dict[bytes, str]
    ) -> Judgement:
        """Read a reply, and decide whose fault a failure is.

        Args:
          reply: the reply.
          question: what was asked.
          faults: what `_find_fault` said of rows, by a hash; it is added to.
        """
        judgement = _check_answer(reply.answer) if reply.failure is None else None
        if judgement is not None:
            return judgement
        failure = reply.failure or "its answer is malformed"
        if reply.mark not in (*RUNGS[:-1], REFERENCE):
            return leave_unjudged(f"before it was looked at: {failure}")
        key = hashlib.sha256(pickle.dumps((dict(question.row), question.task))).digest()
        if key not in faults:
            faults[key] = self._find_fault(question)
        if faults[key]:
            reason = f"{failure}; the row's right answer fails, too: {faults[key]}"
            return leave_unjudged(one_line(reason))
        return _fail(_AT_REFERENCE if reply.mark == REFERENCE else reply.mark, failure)

    def _find_fault(self, question: Question) -> str:
        """Find out why a row's right answer doesn't pass; empty if it does."""
        asked = question._replace(completion="", take=OWN)
        ((_, reply),) = self._sandbox.replies([_prepare((None, asked))])
        assert reply is not None
        judgement = _check_answer(reply.answer) if reply.failure is None else None
        if judgement is None:
            return reply.failure or "its answer is malformed"
        return "" if judgement.passed else judgement.reason or judgement.rung


def _prepare(
    job: tuple[Label, Question],
) -> tuple[tuple[Label, Question, Judgement | None], _Question | None]:
    label, question = job
    completion, row, task, take = question
    if len(completion) > LONGEST:
        reason = f"it is {len(completion):,} characters long, above {LONGEST:,}"
        return (label, question, _fail("no_code", reason)), None
    return (label, question, None), _Question((completion,), (dict(row), task, take))


def _fail(rung: str, reason: str) -> Judgement:
    return Judgement(rung, reason, "", False, False, 0.0)


def _check_answer(answer: Any) -> Judgement | None:
    """Convert an answer to a judgement; None if it is malformed."""
    kinds = str, str, str, bool, bool
    if type(answer) is not list or len(answer) != len(kinds) + 1:
        return None
    *others, similarity = answer
    if any(type(value) is not kind for value, kind in zip(others, kinds, strict=True)):
        return None
    rung, reason, taken, exact, renamed = others
    if (
        rung not in (*RUNGS, UNJUDGED)
        or type(similarity) not in (int, float)
        or not 0 <= similarity <= 1
    ):
        return None
    return Judgement(rung, one_line(reason), one_line(taken), exact, renamed, float(similarity))
