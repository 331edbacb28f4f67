"""Judges completions in a sandbox, so that a hostile one affects only its own row.

A completion is IR text, never Python. It is parsed, compared and run by an interpreter of IR, and
no part of it is ever executed as Python or by a shell. But it can make that native code run
forever, take memory, print, or crash. So each completion is judged in a process of its own, which
starts from the same state, under the limits of `runtime.sandbox.resource_limits`. The limits
protect against faults, waste and known tricks, but not against an attacker who manages to take over
MLIR's parser. Such a process could only answer in plain JSON, which is checked.
"""

import concurrent.futures
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.evaluate.extraction import LAST
from jax_ir_synth.evaluate.judgement import LONGEST, RUNGS, Judgement
from jax_ir_synth.runtime.sandbox.fork_server import Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.runtime.sandbox.sandbox import Question as _Question
from jax_ir_synth.runtime.sandbox.sandbox import Sandbox, SandboxError

__all__ = ["Judges", "Limits", "Question", "SandboxError"]

# The rung of a completion whose process fails outside any rung, most likely in the row's own
# reference.
_UNMARKED = "execute"
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
        asked = [_prepare((None, question)) for question in questions]
        replies = iter(
            self._sandbox.submit([each for _, each in asked if each is not None], limits, number)
        )
        return [
            _judged(unasked) if unasked is not None else _read_when_there(next(replies))
            for (_, unasked), _ in asked
        ]

    def judgements(
        self, jobs: Iterable[tuple[Label, Question]]
    ) -> Iterator[tuple[Label, Judgement]]:
        """For each label and question, in order, give the label and the judgement.

        Only a few jobs are held at once.
        """
        for (label, unasked), reply in self._sandbox.replies(map(_prepare, jobs)):
            if reply is not None:
                yield label, _read_judgement(reply)
            elif unasked is not None:
                yield label, unasked


def _prepare(
    job: tuple[Label, Question],
) -> tuple[tuple[Label, Judgement | None], _Question | None]:
    label, (completion, row, task, take) = job
    if len(completion) > LONGEST:
        reason = f"it is {len(completion):,} characters long, above {LONGEST:,}"
        return (label, _fail("no_code", reason)), None
    return (label, None), _Question((completion,), (dict(row), task, take))


def _judged(judgement: Judgement) -> "concurrent.futures.Future[Judgement]":
    future: concurrent.futures.Future[Judgement] = concurrent.futures.Future()
    future.set_result(judgement)
    return future


def _read_when_there(
    reply: "concurrent.futures.Future[Reply]",
) -> "concurrent.futures.Future[Judgement]":
    """Return the judgement to come of a reply to come. Cancelling it cancels the reply."""
    judgement: concurrent.futures.Future[Judgement] = concurrent.futures.Future()

    def read(reply: "concurrent.futures.Future[Reply]") -> None:
        if reply.cancelled():
            judgement.cancel()
        elif judgement.set_running_or_notify_cancel():
            error = reply.exception()
            if error is None:
                judgement.set_result(_read_judgement(reply.result()))
            else:
                judgement.set_exception(error)

    reply.add_done_callback(read)
    judgement.add_done_callback(lambda done: reply.cancel() if done.cancelled() else None)
    return judgement


def _read_judgement(reply: Reply) -> Judgement:
    judgement = None
    if reply.failure is None:
        judgement = _check_answer(reply.answer)
    if judgement is not None:
        return judgement
    failure = reply.failure or "its answer is malformed"
    if reply.mark in RUNGS[:-1]:
        return _fail(reply.mark, failure)
    return _fail(_UNMARKED, f"before it was looked at: {failure}")


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
    if rung not in RUNGS or type(similarity) not in (int, float) or not 0 <= similarity <= 1:
        return None
    return Judgement(rung, one_line(reason), one_line(taken), exact, renamed, float(similarity))
