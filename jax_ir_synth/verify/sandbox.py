"""Checks rows of a saved dataset in a sandbox, so that a faulty row affects no other.

An endless loop is killed after `Limits.seconds`. Memory beyond `Limits.gigabytes` is refused. A
crash (an abort in LLVM, a stack overflow) ends a fork, and the next fork continues with the next
row. A row can open no file, and its output doesn't reach the terminal. See
`runtime.sandbox.resource_limits` for what this guards against, and what it doesn't.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from jax_ir_synth.runtime.sandbox import sandbox
from jax_ir_synth.runtime.sandbox.fork_server import Work
from jax_ir_synth.runtime.sandbox.forked_call import Reply
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.runtime.sandbox.sandbox import Question, SandboxError

__all__ = ["Limits", "Outcome", "Sandbox", "SandboxError"]

Label = TypeVar("Label")


class Outcome(NamedTuple):
    """Whether a row passed, and its verification status, or the reason why it didn't pass."""

    passed: bool
    said: str


class Sandbox:
    """A context manager that holds the processes.

    Args:
      check: `module:function`. The function is called with a row and a function that marks its
        progress (see `Work`). It returns an `Outcome`. If it raises, that is the reason of a
        failure.
      number: how many rows are checked at once.
      limits: the limits for each row.

    Raises:
      SandboxError: on entry, if a process can't start, as with too little memory.
    """

    def __init__(self, check: str, number: int, limits: Limits):
        self._sandbox = sandbox.Sandbox(Work(check, limits), number)

    def __enter__(self) -> "Sandbox":
        self._sandbox.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sandbox.__exit__(*error)

    def outcomes(
        self, jobs: Iterable[tuple[Label, Mapping[str, Any] | None]]
    ) -> Iterator[tuple[Label, Outcome | None]]:
        """For each label and row, in order, give the label and the row's outcome.

        The outcome is None for a label without a row. Only a few jobs are held at once, however
        many there are.
        """
        questions = ((label, None if row is None else Question((row,))) for label, row in jobs)
        for label, reply in self._sandbox.replies(questions):
            yield label, None if reply is None else _outcome(reply)


def _outcome(reply: Reply) -> Outcome:
    if reply.failure is not None:
        return Outcome(False, reply.failure)
    match reply.answer:
        case [bool() as passed, str() as said]:
            return Outcome(passed, said)
    return Outcome(False, "its answer is malformed")
