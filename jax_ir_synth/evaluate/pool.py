"""Judges completions in a sandbox, so that a hostile one affects only its own row.

A completion is IR text, never Python. It is parsed, compared and run by an interpreter of IR, and
no part of it is ever executed as Python or by a shell. But it can make that native code run
forever, take memory, print, or crash. So the completions of each row are judged in processes of
their own, which start from the same state, under the limits of `runtime.sandbox.resource_limits`.
The limits protect against faults, waste and known tricks, but not against an attacker who manages
to take over MLIR's parser. Such a process could only answer in plain JSON, which is checked.

A process that fails says nothing about the completion until the row's own right answer gets through
the same sandbox. Where it doesn't, the row or this machine is at fault, and the completion is
unjudged. So it is if its process failed before it was looked at.
"""

import concurrent.futures
import functools
import hashlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from jax_ir_synth.runtime.sandbox.sandbox import HELD, Sandbox, SandboxError, in_order
from jax_ir_synth.runtime.sandbox.sandbox import Question as _Question

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
        callback, to which it passes each rung before trying it. It returns a Judgement; see
        `runtime.sandbox.fork_server.Work` for how it may ask for the reference's results.

    Raises:
      SandboxError: on entry, if no process can start, as with too little memory.
    """

    def __init__(
        self, number: int, limits: Limits, judge: str = "jax_ir_synth.evaluate.sandboxed:judge"
    ):
        self._number = number
        self._sandbox = Sandbox(Work(judge, limits), number)

    def __enter__(self) -> "Judges":
        self._sandbox.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sandbox.__exit__(*error)

    def close(self) -> None:
        """End the processes, as leaving the context does."""
        self._sandbox.close()

    def submit(
        self, questions: Iterable[Question], limits: Limits | None = None, number: int | None = None
    ) -> "list[concurrent.futures.Future[Judgement]]":
        """Have questions judged, and return the judgements to come. Any thread may call this.

        Args:
          questions: the questions.
          limits: the limits for each; by default those of all.
          number: how many processes judge at once, these and all other questions.
        """
        return self._submit([*questions], {}, limits, number)

    def judgements(
        self, jobs: Iterable[tuple[Label, Question]]
    ) -> Iterator[tuple[Label, Judgement]]:
        """For each label and question, in order, give the label and the judgement.

        Only a few jobs are held at once.
        """
        rows: _Rows = {}
        return in_order(jobs, lambda questions: self._submit(questions, rows), HELD * self._number)

    def _submit(
        self,
        questions: Sequence[Question],
        rows: "_Rows",
        limits: Limits | None = None,
        number: int | None = None,
    ) -> "list[concurrent.futures.Future[Judgement]]":
        """Submit questions.

        Args:
          questions: the questions.
          rows: replies to come about right answers of rows, by what the question is about.
          limits: as for `submit`.
          number: as for `submit`.
        """

        def ask_own(question: Question) -> "concurrent.futures.Future[Reply]":
            key = hashlib.sha256(pickle.dumps((dict(question.row), question.task))).digest()
            if key not in rows:
                own = _prepare(question._replace(completion="", take=OWN))
                (rows[key],) = self._sandbox.submit([own], limits, number)
            return rows[key]

        asked = [_prepare(each) for each in questions if len(each.completion) <= LONGEST]
        replies = iter(self._sandbox.submit(asked, limits, number))
        return [
            _decide(next(replies), functools.partial(ask_own, question))
            if len(question.completion) <= LONGEST
            else _done(_too_long(question.completion))
            for question in questions
        ]


# Replies to come about the right answers of rows.
_Rows = dict[bytes, "concurrent.futures.Future[Reply]"]


def _prepare(question: Question) -> _Question:
    completion, row, task, take = question
    return _Question((completion,), (dict(row), task, take))


def _too_long(completion: str) -> Judgement:
    return _fail("no_code", f"it is {len(completion):,} characters long, above {LONGEST:,}")


def _done(judgement: Judgement) -> "concurrent.futures.Future[Judgement]":
    future: concurrent.futures.Future[Judgement] = concurrent.futures.Future()
    future.set_result(judgement)
    return future


def _decide(
    reply: "concurrent.futures.Future[Reply]",
    ask_own: Callable[[], "concurrent.futures.Future[Reply]"],
) -> "concurrent.futures.Future[Judgement]":
    """Return the judgement to come of a reply to come. Cancelling it cancels the reply.

    Args:
      reply: the reply.
      ask_own: asks for the row's own right answer, if the process failed.
    """
    judgement: concurrent.futures.Future[Judgement] = concurrent.futures.Future()

    def read(reply: "concurrent.futures.Future[Reply]") -> None:
        if not judgement.set_running_or_notify_cancel():
            return
        try:
            said = reply.result()
            found = _read_judgement(said)
            if found is not None:
                judgement.set_result(found)
                return
            ask_own().add_done_callback(lambda own: conclude(said, own))
        # Whatever it is, whoever waits for the judgement gets it.
        except BaseException as error:
            judgement.set_exception(error)

    def conclude(said: Reply, own: "concurrent.futures.Future[Reply]") -> None:
        try:
            judgement.set_result(_blame(said, own.result()))
        except BaseException as error:
            judgement.set_exception(error)

    reply.add_done_callback(read)
    judgement.add_done_callback(lambda done: reply.cancel() if done.cancelled() else None)
    return judgement


def _read_judgement(reply: Reply) -> Judgement | None:
    """Read a reply; None if the process failed, so that the completion may be at fault."""
    judgement = _check_answer(reply.answer) if reply.failure is None else None
    if judgement is None and reply.mark not in (*RUNGS[:-1], REFERENCE):
        return leave_unjudged(f"before it was looked at: {_describe_failure(reply)}")
    return judgement


def _blame(reply: Reply, own: Reply) -> Judgement:
    """Decide whose fault a process's failure is, given the reply to the row's own right answer."""
    judgement = _check_answer(own.answer) if own.failure is None else None
    if judgement is None or not judgement.passed:
        fault = _describe_failure(own)
        if judgement is not None:
            fault = judgement.reason or judgement.rung
        return leave_unjudged(
            one_line(f"{_describe_failure(reply)}; the row's right answer fails, too: {fault}")
        )
    rung = reply.mark if reply.mark in RUNGS else _AT_REFERENCE
    return _fail(rung, _describe_failure(reply))


def _describe_failure(reply: Reply) -> str:
    return reply.failure or "its answer is malformed"


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
