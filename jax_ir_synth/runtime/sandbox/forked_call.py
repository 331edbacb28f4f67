"""One call in a fork of its own, confined and watched, whatever becomes of it.

What a fork says comes as JSON, so that one that was taken over can't have its words executed. The
process that forks must have one thread and must not have run anything through XLA.
"""

import json
import os
import pickle
import re
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from jax_ir_synth.runtime.orphans import end_with_parent
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, confine
from jax_ir_synth.runtime.sandbox.stderr_tail import last_words

# Bytes that a fork may send in all, and that are kept of what it prints.
_MAX_MESSAGE = 4 * 2**20
_MAX_OUTPUT = 64 * 1024
_MAX_LINE = 200
# In a fork: its mouth stands behind stdin, stdout and stderr, and is the last descriptor.
_MOUTH = 3
_MEMORY = re.compile(r"bad_alloc|out of memory|allocation failed|MemoryError", re.IGNORECASE)
_DIED = "its process died"
_KILLED = f"{_DIED}: SIGKILL"
# It differs each time.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_SIGNALS = {number.value: number.name for number in signal.Signals}
Confine = Callable[[Limits, int], None]


class Reply(NamedTuple):
    """What became of a question.

    Attributes:
      answer: what the function returned, as JSON keeps it; None if it did not.
      failure: why it did not, one line, the same each time; None if it did.
      mark: what the function marked last, None if nothing.
    """

    answer: Any
    failure: str | None
    mark: str | None


def one_line(text: str) -> str:
    """Printable, on one line, not long, and without what differs from time to time."""
    line = _ADDRESS.sub("0x…", " ".join(text.split()))
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= _MAX_LINE else line[: _MAX_LINE - 1] + "…"


def call(
    function: Callable, messages: tuple[bytes, ...], limits: Limits, confine: Confine = confine
) -> Reply:
    """Calls a function in a fork; once more if somebody else killed that.

    Args:
      function: is called with values and a function that marks how far it got, by a word. What it
        returns must be JSON.
      messages: the values: pickled tuples, one after the other.
      limits: kept by whoever watches the fork, too.
      confine: is called in the fork first.
    """
    reply = _tried(function, messages, limits, confine)
    return _tried(function, messages, limits, confine) if reply.failure == _KILLED else reply


def _tried(function: Callable, messages, limits: Limits, confine: Confine) -> Reply:
    heard, mouth = os.pipe()
    printed, voice = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _live(lambda: _worked(function, messages, limits, confine), parent, mouth, voice)
    os.close(mouth)
    os.close(voice)
    fork = _Fork(heard, printed)
    try:
        in_time = fork.watch(time.monotonic() + limits.seconds)
    finally:
        # It may be dead by now; then this changes nothing about what it died of.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        fork.close()
    return fork.reply(status if in_time else None, limits)


class _Fork:
    """What is heard from a fork, by the one that watches it."""

    def __init__(self, heard: int, printed: int):
        self._heard, self._printed = heard, printed
        self._said, self._output = b"", b""

    def watch(self, deadline: float) -> bool:
        """Until it has no more to say: True; or False, it is the deadline."""
        poll = select.poll()
        poll.register(self._heard, select.POLLIN)
        poll.register(self._printed, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            # It must not wait for ever to print more.
            ready = [number for number, _ in poll.poll(left * 1000)]
            if self._printed in ready:
                if not (output := os.read(self._printed, _MAX_OUTPUT)):
                    poll.unregister(self._printed)
                self._output = (self._output + output)[-_MAX_OUTPUT:]
            if self._heard in ready:
                said = os.read(self._heard, _MAX_OUTPUT)
                self._said += said
                if not said or len(self._said) > _MAX_MESSAGE:
                    return True
        return False

    def close(self) -> None:
        """Takes what it printed last: it is dead."""
        while output := os.read(self._printed, _MAX_OUTPUT):
            self._output = (self._output + output)[-_MAX_OUTPUT:]
        os.close(self._heard)
        os.close(self._printed)

    def reply(self, status: int | None, limits: Limits) -> Reply:
        """What became of it; `status` is None where it was late."""
        mark = None
        # Without what it was about to say when it died.
        *lines, _ = self._said.split(b"\n")
        for line in lines:
            try:
                word, value = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                word, value = None, None
            if word == "answer":
                return Reply(value, None, mark)
            if word not in ("failure", "mark") or type(value) is not str:
                return Reply(None, "its answer is malformed", mark)
            if word == "failure":
                return Reply(None, one_line(value), mark)
            mark = value
        if len(self._said) > _MAX_MESSAGE:
            return Reply(None, "its answer is too long", mark)
        late = f"it was not done after {limits.seconds:g} s"
        if status is None:
            return Reply(None, late, mark)
        if not os.WIFSIGNALED(status):
            return Reply(None, self._death(f"exit code {os.WEXITSTATUS(status)}"), mark)
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return Reply(None, late, mark)
        return Reply(None, self._death(_SIGNALS.get(number, f"signal {number}")), mark)

    def _death(self, how: str) -> str:
        words = last_words(self._output)
        if _MEMORY.search(words):
            return one_line(f"it takes more memory than it may: {words}")
        return one_line(": ".join(filter(None, (_DIED, how, words))))


def _live(work: Callable[[], str], parent: int, mouth: int, voice: int) -> NoReturn:
    """A fork's whole life."""
    status = 1
    try:
        end_with_parent(parent)
        silence = os.open(os.devnull, os.O_RDONLY)
        # First: its number may be one of those that are given away now.
        mouth, voice, silence = (os.dup(number) for number in (mouth, voice, silence))
        for number, end in enumerate((silence, voice, voice, mouth)):
            os.dup2(end, number)
        _say(work())
        status = 0
    finally:
        # Never back into the parent's code, and nothing of its is flushed or run twice.
        os._exit(status)


def _worked(function: Callable, messages, limits: Limits, confine: Confine) -> str:
    """The line to say in the end."""
    try:
        confine(limits, _MOUTH + 1)
        values = [value for message in messages for value in pickle.loads(message)]
        answer = function(*values, lambda mark: _say(json.dumps(["mark", mark])))
        return json.dumps(["answer", answer])
    except MemoryError:
        failure = "it takes more memory than it may: MemoryError"
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"[:_MAX_OUTPUT]
    return json.dumps(["failure", failure])


def _say(line: str) -> None:
    rest = line.encode("ascii") + b"\n"
    while rest:
        rest = rest[os.write(_MOUTH, rest) :]
