"""Judges completions in a sandbox: a hostile one costs its own row only.

A completion is IR text, never Python: it is parsed, compared and handed to an interpreter of IR,
and nothing of it is ever executed as Python or by a shell. What it can do is make that native code
run for ever, take memory, print, or crash. Each completion is judged in a process of its own, from
the same state, under the limits of `runtime.sandbox.resource_limits`. They hold against faults,
waste and known tricks; they are no jail for a stranger who finds a way to take over MLIR's parser.
All that such a one could say to us is plain JSON, which is checked.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.evaluate.judgement import LONGEST, RUNGS, Judgement
from jax_ir_synth.runtime.sandbox.fork_server import Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply, one_line
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.runtime.sandbox.sandbox import Question as _Question
from jax_ir_synth.runtime.sandbox.sandbox import Sandbox, SandboxError

__all__ = ["Judges", "Limits", "Question", "SandboxError"]

# Of what fails before a rung is reached: the row's own reference, most likely.
_UNMARKED = "execute"
Label = TypeVar("Label")


class Question(NamedTuple):
    """A completion, the dataset's row that it answers and the name of the task."""

    completion: str
    row: Mapping[str, Any]
    task: str


class Judges:
    """A context manager that holds the processes.

    Args:
      number: how many work at once; nothing else depends on it.
      limits: for each completion.
      judge: `module:function`; the function is called with a question's three values and with a
        function that it is to tell the rung that it is about to try, and returns a Judgement.

    Raises:
      SandboxError: on entry, if none can start, as within too little memory.
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
        """For each label and question, in order, the label and the judgement. Few are held."""
        for (label, unasked), reply in self._sandbox.replies(map(_prepare, jobs)):
            if reply is not None:
                yield label, _judgement(reply)
            elif unasked is not None:
                yield label, unasked


def _prepare(
    job: tuple[Label, Question],
) -> tuple[tuple[Label, Judgement | None], _Question | None]:
    label, (completion, row, task) = job
    if len(completion) > LONGEST:
        reason = f"it is {len(completion):,} characters long, above {LONGEST:,}"
        return (label, _fail("no_code", reason)), None
    return (label, None), _Question((completion,), (dict(row), task))


def _judgement(reply: Reply) -> Judgement:
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
    """The judgement that an answer is; None where it isn't one."""
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
