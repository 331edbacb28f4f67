"""Helper processes that check rows within limits of time and memory, each row's fault its own.

What a row may do wrong, and what becomes of it: an endless loop is killed after `Limits.seconds`;
memory beyond `Limits.gigabytes` is refused to it; a crash (an abort in LLVM, a stack overflow)
takes the helper, and a new one goes on with the next row. It writes no file and its output is kept
off the terminal.

This guards against faults and the waste of resources, it is no jail: a row that took over a helper
would have this user's rights, and answers come as pickles, which such a helper could forge.
"""

import collections
import concurrent.futures
import importlib
import multiprocessing.resource_tracker
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

import pebble

from jax_ir_synth.errors import UsageError
from jax_ir_synth.runtime.helper import inherited
from jax_ir_synth.runtime.orphans import end_with_parent, start_for_good
from jax_ir_synth.runtime.sandbox.resource_limits import Limits, lower
from jax_ir_synth.runtime.sandbox.stderr_tail import last_words

# Rows in hand for each helper, so that the others have work while one is at a slow row.
_ROWS_HELD = 16
# Rows after which a helper is replaced: what jax keeps of each must not become the next one's
# lack of memory.
_ROWS_A_HELPER = 256
_MAX_MESSAGE = 20_000
_MAX_OUTPUT = 64 * 1024

# The check of this process, where it is a helper.
_check = None


class SandboxError(UsageError, RuntimeError):
    """Not even a helper without a row works; the message is one line."""


class Outcome(NamedTuple):
    """Whether a row passed; the word that the check returned, or why it didn't."""

    passed: bool
    said: str


class Sandbox:
    """A context manager that holds the helpers.

    Args:
      check: `module:function`; the function is called in a helper with a row. It returns a word,
        or raises: a ValueError's message stands by itself, any other error's with its name.
      number: how many helpers.
      limits: for each row.

    Raises:
      SandboxError: on entry, if a helper can't start, as within too little memory.
    """

    def __init__(self, check: str, number: int, limits: Limits):
        self._helpers = [_Helper(check, limits) for _ in range(number)]

    def __enter__(self):
        # First, and here: it would let Ctrl-C through again in the thread that starts it.
        multiprocessing.resource_tracker.ensure_running()
        self._threads = concurrent.futures.ThreadPoolExecutor(len(self._helpers))
        # A stack: the helpers in use are as few as the rows need.
        self._idle = collections.deque(self._helpers)
        try:
            for starting in [self._threads.submit(helper.start) for helper in self._helpers]:
                starting.result()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._threads.shutdown(wait=False, cancel_futures=True)
        # At once: each may have to wait for a process that doesn't end when asked to.
        with concurrent.futures.ThreadPoolExecutor(len(self._helpers)) as threads:
            list(threads.map(_Helper.stop, self._helpers))
        self._threads.shutdown(wait=True)

    def outcomes(
        self, jobs: Iterable[tuple[Any, Mapping | None]]
    ) -> Iterator[tuple[Any, Outcome | None]]:
        """For each label and row, in order, the label and what became of the row.

        Without a row that is None. Few are held at once, however many there are.
        """
        held = collections.deque()
        for label, row in jobs:
            held.append((label, self._threads.submit(self._ask, row) if row is not None else None))
            if len(held) >= _ROWS_HELD * len(self._helpers):
                yield _settled(*held.popleft())
        while held:
            yield _settled(*held.popleft())

    def _ask(self, row: Mapping) -> Outcome:
        helper = self._idle.pop()
        try:
            return helper.ask(row)
        finally:
            self._idle.append(helper)


def _settled(label, future) -> tuple[Any, Outcome | None]:
    return label, future and future.result()


class _Helper:
    """One process at a time, replaced when it dies, and what it printed last.

    A pool of one each, not one pool: when pebble loses a process that has not yet said which row
    it took, it gives up the pool, and here that is one row's pool.
    """

    def __init__(self, check: str, limits: Limits):
        self._check = check
        self._limits = limits
        self._pool = None
        self._current = None
        self._stopped = False
        self._output = b""

    def start(self) -> None:
        """Returns once a process can take rows. Raises SandboxError."""
        try:
            self._open()
            self._do(_nothing)
        except (BrokenProcessPool, RuntimeError, OSError) as error:
            why = self._last_words() or str(error)
            raise SandboxError(
                f"a helper can't start within {self._limits.gigabytes:g} GB: {why}"
            ) from error

    def ask(self, row: Mapping) -> Outcome:
        """What becomes of a row, however it ends."""
        try:
            message = pickle.dumps(row)
        except RecursionError:
            return Outcome(False, "its values are nested too deeply")
        # Twice: a process may also die of something between two rows.
        for _ in range(2):
            self._output = b""
            try:
                return Outcome(*self._do(_answer, message, self._limits.seconds))
            except TimeoutError:
                return Outcome(False, f"it was not done after {self._limits.seconds:g} s")
            except pebble.ProcessExpired as error:
                return Outcome(False, f"its helper process died: {self._death(error.exitcode)}")
            except (BrokenProcessPool, RuntimeError):
                if self._stopped:
                    raise concurrent.futures.CancelledError from None
                self._close()
                self._open()
        return Outcome(False, f"its helper process died: {self._last_words() or 'twice'}")

    def stop(self) -> None:
        """Ends the process, at work or not; whoever waits for its answer gets CancelledError."""
        self._stopped = True
        if self._current is not None:
            self._current.cancel()
        self._close()

    def _do(self, function, *arguments) -> Any:
        if self._stopped:
            raise concurrent.futures.CancelledError
        timeout = self._limits.seconds if arguments else None
        self._current = self._pool.schedule(function, arguments, timeout=timeout)
        return self._current.result()

    def _open(self) -> None:
        # Never fork: a process forked after its parent used jax hangs.
        context = multiprocessing.get_context("spawn")
        heard, self._mouth = context.Pipe(duplex=False)
        threading.Thread(target=self._hear, args=(heard,), daemon=True).start()
        self._pool = pebble.ProcessPool(
            1,
            max_tasks=_ROWS_A_HELPER,
            initializer=_begin,
            initargs=(os.getpid(), self._check, self._limits, self._mouth),
            context=context,
        )
        # Asking whether it is active starts it.
        start_for_good(lambda: self._pool.active, lambda _: None)

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._mouth.close()
            self._pool = None

    def _hear(self, heard) -> None:
        # Whatever is printed is taken, or the process would wait for ever to print more.
        with heard:
            while said := os.read(heard.fileno(), _MAX_OUTPUT):
                self._output = (self._output + said)[-_MAX_OUTPUT:]

    def _death(self, code: int) -> str:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ": ".join(filter(None, (how, self._last_words())))

    def _last_words(self) -> str:
        return last_words(self._output)


def _begin(parent: int, check: str, limits: Limits, mouth) -> None:
    """A helper's start: its limits are set before what they shall hold is loaded."""
    global _check
    end_with_parent(parent)
    for stream in (1, 2):
        os.dup2(mouth.fileno(), stream)
    # Not AS: jax reserves address space by the core that it never uses.
    lower(resource.RLIMIT_DATA, limits.bytes)
    lower(resource.RLIMIT_CORE, 0)
    for name in os.environ.keys() - inherited().keys():
        del os.environ[name]
    # Without it each helper would take its share of a GPU.
    os.environ["JAX_PLATFORMS"] = "cpu"
    module, name = check.split(":")
    _check = getattr(importlib.import_module(module), name)
    # After the imports, which may leave compiled files behind.
    lower(resource.RLIMIT_FSIZE, 0)


def _nothing() -> None:
    """What a helper does to show that it started."""


def _answer(message: bytes, seconds: float) -> tuple[bool, str]:
    """What a helper does with a row. Only plain text goes back, no error object of the row's."""
    # If the parent is gone, nobody else ends this.
    signal.alarm(int(seconds) + 10)
    try:
        answer = True, str(_check(pickle.loads(message)))
    except ValueError as error:
        answer = False, str(error)
    except MemoryError as error:
        answer = False, f"it takes more memory than it may: {str(error) or 'MemoryError'}"
    except BaseException as error:
        answer = False, f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        sys.stdout.flush()
    passed, said = answer
    return passed, said[:_MAX_MESSAGE]
