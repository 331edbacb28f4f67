"""Ends a process when the process that started it ends, even if it is still importing.

On Linux the kernel does this (PR_SET_PDEATHSIG), whatever the process is doing; an import or a
compiler may block the interpreter for seconds. But the kernel watches the *thread* that started the
process. So `start_for_good` starts a process from a thread that lasts as long as its own process.
On other systems, a timer checks the parent.
"""

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_LOOKS = 0.25

_starts: queue.SimpleQueue[Any] | None = None
_lock = threading.Lock()


def end_with_parent(parent: int) -> None:
    """End this process as soon as its parent is gone. Call this first, in the main thread.

    Args:
      parent: the id of the process that started this one, by `start_for_good` or by a fork in its
        only thread.
    """
    if not _set_death_signal(signal.SIGKILL):
        _look_often(parent)
    # The parent may already have ended.
    _end_if_orphaned(parent)


def clean_up_after_parent(clean_up: Callable[[], None]) -> None:
    """From now on, call `clean_up` when the parent is gone, and then end this process.

    A thread does this, which has to wait while native code blocks the interpreter.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        clean_up()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    _set_death_signal(0)


def start_for_good(start: Callable[[], T], undo: Callable[[T], None]) -> T:
    """Call `start` in a thread that ends only with this process, and return its result.

    Args:
      start: starts a process that calls `end_with_parent`. The process ignores Ctrl-C, since this
        process handles it and ends the other one.
      undo: undoes `start`, if Ctrl-C comes meanwhile.
    """
    future: Future[T] = Future()
    _starter().put((future, start))
    try:
        return future.result()
    except BaseException:

        def undo_late(done: Future[T]) -> None:
            if done.exception() is None:
                undo(done.result())

        future.add_done_callback(undo_late)
        raise


def _starter() -> queue.SimpleQueue[Any]:
    """Return the queue of the thread that starts processes."""
    global _starts
    with _lock:
        if _starts is None:
            _starts = queue.SimpleQueue()
            # A daemon, since other threads end before this process's atexit handlers run.
            threading.Thread(target=_start_each, args=(_starts,), daemon=True).start()
        return _starts


def _start_each(starts: queue.SimpleQueue[Any]) -> None:
    # Started processes inherit the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    while True:
        future, start = starts.get()
        try:
            future.set_result(start())
        except BaseException as error:
            future.set_exception(error)


def _forget_starter() -> None:
    """Forget the thread after a fork, since the child has only the thread that forked."""
    global _starts, _lock
    _starts, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_starter)


def _set_death_signal(number: int) -> bool:
    """Ask the kernel for a signal when the parent ends (0 for none); return whether it agreed."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) == 0)


def _look_often(parent: int) -> None:
    # A timer rather than a thread, since a process that forks must have only one thread.
    signal.signal(signal.SIGALRM, lambda *_: _end_if_orphaned(parent))
    signal.setitimer(signal.ITIMER_REAL, _SECONDS_BETWEEN_LOOKS, _SECONDS_BETWEEN_LOOKS)


def _end_if_orphaned(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(1)
