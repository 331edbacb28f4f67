"""Calls functions in threads of their own, isolated from the caller's context.

Everything that belongs to a thread or to a context variable is new there: jax's meshes, metadata
and traces in progress, NumPy's error handling and print options, decimal's context, the stack's
depth. The number format of C's locale, which XLA uses, is reset too. Other modules handle the state
of the process (`blas_threads`, `lowering.settings`, `helper`).
"""

import collections
import contextlib
import contextvars
import ctypes
import functools
import locale
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from jax_ir_synth.runtime.blas_threads import use_one_blas_thread

P = ParamSpec("P")
R = TypeVar("R")

# Unused memory of a stack costs nothing. The caller's `threading.stack_size` may be too small for
# LLVM.
_STACK_BYTES = 16 * 2**20
# Python's own default, which is enough; a caller may have set less.
_FRAMES = 1000
_SECONDS_A_WAIT = 0.1
# How long to wait for an interrupted call, which may be in native code that nothing interrupts.
_PATIENCE_SECONDS = 2


class _Outcome(NamedTuple):
    value: Any
    error: BaseException | None


class _Here(threading.local):
    """Whether the current thread is one of this module's that runs only this project's code."""

    isolated = False


class _Interrupted(BaseException):
    """Ends the call in a thread whose caller no longer waits."""


_here = _Here()
_starting = threading.Lock()


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of this project, so that its calls run in a reused thread.

    Meanwhile, BLAS computes in one thread. A call from such a thread runs in the same thread.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if _here.isolated:
            return function(*args, **kwargs)
        thread = _take()
        work = functools.partial(function, *args, **kwargs)
        with use_one_blas_thread():
            # No name for the outcome: its error's traceback would hold this frame, and this it.
            return cast(R, _settle(thread.call(work, _idle.append)))

    return call


def isolated_once(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that runs foreign code, so that each call has a new thread.

    Whatever that code leaves behind ends with the thread. A nested call has a new thread as well.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        thread = _Thread(isolated=False)
        work = functools.partial(function, *args, **kwargs)
        # No name for the outcome: its error's traceback would hold this frame, and this frame it.
        return cast(R, _settle(thread.call(work, _Thread.end)))

    return call


class _Thread:
    """A thread that runs one call after the other."""

    def __init__(self, isolated: bool):
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        # A daemon, so that a thread that waits for its next call doesn't keep the process alive.
        self._thread = threading.Thread(
            target=self._serve, args=(isolated,), name="jax_ir_synth", daemon=True
        )
        with _starting:
            before = threading.stack_size(_STACK_BYTES)
            try:
                self._thread.start()
            finally:
                threading.stack_size(before)

    def call(self, function: Callable[[], Any], after: Callable[["_Thread"], None]) -> _Outcome:
        """Run a function, and return its outcome; `after` is then called with this thread.

        An error that a signal's handler raises meanwhile (as Ctrl-C's does) ends the call, and is
        raised here.
        """
        try:
            self._calls.put(function)
            outcome = self._wait()
        except BaseException:
            self.interrupt()
            raise
        after(self)
        return outcome

    def _wait(self) -> _Outcome:
        # In short waits, since a signal that comes just before a wait doesn't end it.
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                return self._outcomes.get(timeout=_SECONDS_A_WAIT)
        raise RuntimeError("the thread that makes rows ended")

    def end(self) -> None:
        """Let the thread end after its current call."""
        self._calls.put(None)

    def interrupt(self) -> None:
        """End the current call, and the thread."""
        self.end()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(_Interrupted)
        )
        self._thread.join(_PATIENCE_SECONDS)

    def _serve(self, isolated: bool) -> None:
        _here.isolated = isolated
        # Only for this thread. The caller may have set a locale whose numbers have a comma.
        _libc().uselocale(_plain_numbers())
        with contextlib.suppress(_Interrupted):
            while (call := self._calls.get()) is not None:
                self._outcomes.put(_outcome(call))
                # The arguments must not be kept alive until the next call.
                del call


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.duplocale.restype = libc.newlocale.restype = libc.uselocale.restype = ctypes.c_void_p
    libc.duplocale.argtypes = libc.uselocale.argtypes = [ctypes.c_void_p]
    libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
    return libc


@functools.cache
def _plain_numbers() -> int:
    """Make a locale like the process's, except that C and C++ write numbers as Python does."""
    # LC_GLOBAL_LOCALE and LC_NUMERIC_MASK of locale.h.
    base = _libc().duplocale(ctypes.c_void_p(-1))
    return int(_libc().newlocale(1 << locale.LC_NUMERIC, b"C", base))


# This process's threads that wait for a call.
_idle: collections.deque[_Thread] = collections.deque()


def _forget() -> None:
    """Forget threads and locks after a fork, since the child has none of its parent's threads."""
    global _starting
    _idle.clear()
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_forget)


def _take() -> _Thread:
    try:
        return _idle.pop()
    except IndexError:
        return _Thread(isolated=True)


def _outcome(call: Callable[[], Any]) -> _Outcome:
    try:
        # A new context, since a thread may inherit its parent's.
        with _deep_enough():
            return _Outcome(contextvars.Context().run(call), None)
    except _Interrupted:
        raise
    except BaseException as error:
        return _Outcome(None, error)


def _settle(outcome: _Outcome) -> Any:
    if outcome.error is None:
        return outcome.value
    try:
        raise outcome.error
    finally:
        # The error's traceback holds this frame, which must not hold the error.
        del outcome


@contextlib.contextmanager
def _deep_enough() -> Iterator[None]:
    """Allow as many frames as Python does by default, if the caller allows fewer."""
    before = sys.getrecursionlimit()
    if before >= _FRAMES:
        yield
        return
    sys.setrecursionlimit(_FRAMES)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
