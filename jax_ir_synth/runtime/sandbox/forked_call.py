"""Calls a function in forks, within limits, and watches them.

A fork sends lines of JSON, so that a fork that was taken over can't send code: `["mark", word]`,
`["answer", value]` for each question, and as its last line `["failure", why]` if a question fails.
The process that forks must have a single thread and must not have run anything through XLA.
"""

import json
import os
import pickle
import re
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from jax_ir_synth.runtime.orphans import end_with_parent
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, confine, start_clock
from jax_ir_synth.runtime.sandbox.stderr_tail import stderr_tail

# The bytes that a fork may send for a question, and those of its output that are kept.
_MAX_MESSAGE = 4 * 2**20
_MAX_OUTPUT = 64 * 1024
_MAX_LINE = 200
# The descriptor for a fork's messages, which follows stdin, stdout and stderr and is the last one.
_MOUTH = 3
_MEMORY = re.compile(r"bad_alloc|out of memory|allocation failed|MemoryError", re.IGNORECASE)
_DIED = "its process died"
_KILLED = f"{_DIED}: SIGKILL"
# An address differs each time.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_SIGNALS = {number.value: number.name for number in signal.Signals}
Confine = Callable[[Limits, int], None]
# Marks a function's progress by a word.
Mark = Callable[[str], None]


class Reply(NamedTuple):
    """The reply to a question.

    Attributes:
      answer: the function's result, after a round trip through JSON; None if it failed.
      failure: one line that says why it failed, the same each time; None if it didn't.
      mark: the function's last mark; None if there was none.
    """

    answer: Any
    failure: str | None
    mark: str | None


def one_line(text: str) -> str:
    """Make a text printable, short and a single line, without addresses, which would vary."""
    line = _ADDRESS.sub("0x…", " ".join(text.split()))
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= _MAX_LINE else line[: _MAX_LINE - 1] + "…"


def call(
    function: Callable[..., Any],
    questions: Sequence[tuple[bytes, ...]],
    limits: Limits,
    confine: Confine = confine,
) -> list[Reply]:
    """Call a function on each question, one after the other, in one or more forks.

    A fork ends with the first question that fails, and the next fork continues with the next
    question. If a question fails in a fork that has answered others, except for the time that it
    takes, it is asked once more in the next fork: they may be the reason, as by memory that they
    left. If somebody else killed a fork, its question is asked once more, too.

    Args:
      function: called with a question's values and a `Mark`. Its result must be JSON.
      questions: each consists of pickled tuples, whose values are passed one after the other.
      limits: the limits for each question; the watching process enforces the wall time.
      confine: called first in the fork, with the limits for all its questions together.
    """
    replies: list[Reply] = []
    killed_at = None
    while len(replies) < len(questions):
        tried, late = _try(function, questions[len(replies) :], limits, confine)
        replies += tried
        if replies[-1].failure is None or late:
            continue
        if len(tried) > 1:
            replies.pop()
        elif replies[-1].failure == _KILLED and killed_at != len(replies):
            killed_at = len(replies)
            replies.pop()
    return replies


def _try(
    function: Callable[..., Any],
    questions: Sequence[tuple[bytes, ...]],
    limits: Limits,
    confine: Confine,
) -> tuple[list[Reply], bool]:
    """Start one fork. Return its replies, at least one, and whether the last took too long."""
    heard, mouth = os.pipe()
    printed, voice = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _live(lambda: _answer(function, questions, limits, confine), parent, mouth, voice)
    os.close(mouth)
    os.close(voice)
    fork = _Fork(heard, printed, limits, len(questions))
    try:
        fork.watch()
    finally:
        # It may already be dead; then this doesn't change the reason.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        fork.close()
    return fork.settle(status), fork.late


class _Fork:
    """A fork, as the process that watches it sees it."""

    def __init__(self, heard: int, printed: int, limits: Limits, questions: int):
        self._heard, self._printed = heard, printed
        self._limits, self._questions = limits, questions
        self._replies: list[Reply] = []
        self._mark: str | None = None
        # Whether the current question took too long.
        self.late = False
        self._failed = False
        # The bytes received for the current question, and the beginning of an unfinished line.
        self._length, self._begun = 0, b""
        self._output = b""

    def watch(self) -> None:
        """Listen until the fork ends, a question fails, all are answered, or time is over."""
        poll = select.poll()
        poll.register(self._heard, select.POLLIN)
        poll.register(self._printed, select.POLLIN)
        deadline = time.monotonic() + self._limits.wall_seconds
        while (left := deadline - time.monotonic()) > 0:
            # Its output must be read, or it would wait forever to print more.
            ready = [number for number, _ in poll.poll(left * 1000)]
            if self._printed in ready:
                if not (output := os.read(self._printed, _MAX_OUTPUT)):
                    poll.unregister(self._printed)
                self._output = (self._output + output)[-_MAX_OUTPUT:]
            if self._heard in ready:
                said = os.read(self._heard, _MAX_OUTPUT)
                before = len(self._replies)
                self._hear(said)
                if not said or self._failed or len(self._replies) == self._questions:
                    return
                if len(self._replies) > before:
                    deadline = time.monotonic() + self._limits.wall_seconds
        self.late = True

    def close(self) -> None:
        """Read the rest of its output, after its death."""
        while output := os.read(self._printed, _MAX_OUTPUT):
            self._output = (self._output + output)[-_MAX_OUTPUT:]
        os.close(self._heard)
        os.close(self._printed)

    def settle(self, status: int) -> list[Reply]:
        """Return all replies; if it died without a reply, the last one says why."""
        if not self._failed and len(self._replies) < self._questions:
            self._fail(self._describe_death(status))
        return self._replies

    def _hear(self, said: bytes) -> None:
        *lines, self._begun = (self._begun + said).split(b"\n")
        for line in lines:
            if self._failed or len(self._replies) == self._questions:
                return
            self._length += len(line) + 1
            self._read_line(line)
        if self._length + len(self._begun) > _MAX_MESSAGE:
            self._fail("its answer is too long")

    def _read_line(self, line: bytes) -> None:
        try:
            word, value = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            word, value = None, None
        if word == "answer":
            self._replies.append(Reply(value, None, self._mark))
            self._mark, self._length = None, 0
        elif word not in ("failure", "mark") or type(value) is not str:
            self._fail("its answer is malformed")
        elif word == "failure":
            self._fail(one_line(value))
        else:
            self._mark = value

    def _fail(self, why: str) -> None:
        if not self._failed and len(self._replies) < self._questions:
            self._replies.append(Reply(None, why, self._mark))
            self._failed = True

    def _describe_death(self, status: int) -> str:
        if self.late:
            return f"it was not done after {self._limits.wall_seconds:g} s"
        if not os.WIFSIGNALED(status):
            how = f"exit code {os.WEXITSTATUS(status)}"
        elif (number := os.WTERMSIG(status)) in (signal.SIGPROF, signal.SIGXCPU):
            self.late = True
            return f"it was not done after {self._limits.seconds:g} s of CPU time"
        else:
            how = _SIGNALS.get(number, f"signal {number}")
        tail = stderr_tail(self._output)
        if _MEMORY.search(tail):
            return one_line(f"it takes more memory than it may: {tail}")
        return one_line(": ".join(filter(None, (_DIED, how, tail))))


def _live(work: Callable[[], None], parent: int, mouth: int, voice: int) -> NoReturn:
    """Do a fork's work, and end the fork."""
    status = 1
    try:
        end_with_parent(parent)
        silence = os.open(os.devnull, os.O_RDONLY)
        # First of all, since these numbers may be among those that are reassigned next.
        mouth, voice, silence = (os.dup(number) for number in (mouth, voice, silence))
        for number, end in enumerate((silence, voice, voice, mouth)):
            os.dup2(end, number)
        work()
        status = 0
    finally:
        # Never return to the parent's code, nor flush or run anything of the parent's twice.
        os._exit(status)


def _answer(
    function: Callable[..., Any],
    questions: Sequence[tuple[bytes, ...]],
    limits: Limits,
    confine: Confine,
) -> None:
    """Answer the questions up to the first that fails."""
    try:
        confine(limits._replace(seconds=limits.seconds * len(questions)), _MOUTH + 1)
        for question in questions:
            start_clock(limits)
            values = [value for part in question for value in pickle.loads(part)]
            answer = function(*values, lambda mark: _say("mark", mark))
            _say("answer", answer)
            del values, answer
        return
    except MemoryError:
        failure = "it takes more memory than it may: MemoryError"
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"[:_MAX_OUTPUT]
    _say("failure", failure)


def _say(word: str, value: Any) -> None:
    rest = json.dumps([word, value]).encode("ascii") + b"\n"
    while rest:
        rest = rest[os.write(_MOUTH, rest) :]
