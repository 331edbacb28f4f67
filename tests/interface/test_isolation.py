"""Calls in threads of their own: what they give back, how they end, and in a process forked off."""

import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

from jax_ir_synth.runtime.isolation import isolated, isolated_once

LOCAL = threading.local()
VARIABLE = contextvars.ContextVar("variable", default="new")


@isolated
def seen():
    return getattr(LOCAL, "value", "new"), VARIABLE.get(), threading.current_thread()


@isolated
def kept(value):
    return value


@isolated
def nested():
    return threading.current_thread(), seen()[2]


@isolated_once
def foreign():
    LOCAL.value = "left behind"
    return threading.current_thread(), seen()[2], foreign_again()


@isolated_once
def foreign_again():
    return threading.current_thread(), getattr(LOCAL, "value", "new")


def test_nothing_of_the_callers_thread_and_context_is_there():
    LOCAL.value = "the caller's"
    token = VARIABLE.set("the caller's")
    try:
        assert seen()[:2] == ("new", "new")
    finally:
        VARIABLE.reset(token)
        del LOCAL.value


def test_a_thread_is_kept_for_the_next_call_and_for_calls_from_within():
    assert seen()[2] is seen()[2] is not threading.current_thread()
    outer, inner = nested()
    assert outer is inner


def test_what_runs_code_of_others_has_a_new_thread_also_from_within():
    (outer, inner, (again, value)), (other, _, _) = foreign(), foreign()
    assert len({outer, inner, again, other, threading.current_thread()}) == 5
    assert value == "new"
    outer.join(10)
    assert not outer.is_alive()


@pytest.mark.parametrize("decorate", [isolated, isolated_once])
def test_an_error_comes_through_with_its_traceback_and_keeps_nothing_alive(decorate):
    class Kept:
        pass

    @decorate
    def fails(given):
        raise LookupError("what went wrong")

    given = Kept()
    alive = weakref.ref(given)
    gc.disable()
    try:
        with pytest.raises(LookupError, match="what went wrong") as caught:
            fails(given)
        assert caught.traceback[-1].name == "fails"
        del given, caught
        # The thread may still be at its end.
        deadline = time.monotonic() + 10
        while alive() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert alive() is None
    finally:
        gc.enable()


def test_a_thread_that_ends_is_an_error_and_no_endless_wait(monkeypatch):
    monkeypatch.setattr("jax_ir_synth.runtime.isolation._plain_numbers", lambda: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    @isolated_once
    def never():
        pass

    with pytest.raises(RuntimeError, match="ended"):
        never()


def test_the_name_and_the_docstring_stay():
    assert kept.__name__ == "kept" and kept.__wrapped__ is not None


# Ctrl-C while a call is under way that never ends by itself.
INTERRUPTED = """
import os, signal, threading, sys
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.runtime.isolation import isolated, isolated_once

@{decorator}
def endless():
    with pause_gc():
        os.write(1, b"started ")
        while True:
            pass

@isolated
def fine():
    return "fine"

fine()
try:
    endless()
except KeyboardInterrupt:
    import gc
    print(threading.active_count(), gc.isenabled(), fine())
"""


@pytest.mark.parametrize("decorator", ["isolated", "isolated_once"])
def test_an_interrupt_ends_the_call_and_its_thread(decorator):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(decorator=decorator)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert os.read(process.stdout.fileno(), 8) == b"started "
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    # With `isolated` the thread of `fine` was the one that ended.
    threads = {"isolated": 1, "isolated_once": 2}[decorator]
    assert (out.decode().split(), err) == ([str(threads), "True", "fine"], b"")


FORKING = """
import os
from jax_ir_synth.runtime.isolation import isolated

@isolated
def kept(value):
    return value

assert kept(1) == 1
child = os.fork()
if child == 0:
    os._exit(kept(7))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), kept(2))
"""


def test_a_process_forked_off_has_threads_of_its_own(python):
    done = python("-W", "ignore::DeprecationWarning", "-c", FORKING)
    assert (done.stdout.split(), done.stderr) == (["7", "2"], "")


BY_HAND = """
import gc, weakref
from jax_ir_synth.runtime import gc_paused

class Node:
    pass

def leave_garbage():
    node = Node()
    node.itself = node
    return weakref.ref(node)

gc_paused.collect_by_hand()
left = []
for _ in range(20):
    with gc_paused.pause_gc():
        with gc_paused.pause_gc():
            left.append(leave_garbage())
    objects = [[] for _ in range(5000)]  # would start the collector
    print(sum(ref() is not None for ref in left), end=" ")
print(gc.isenabled())
"""


def test_a_process_of_our_own_collects_by_hand(python):
    """Garbage of eight pieces of work at most is kept."""
    done = python("-c", BY_HAND)
    kept = [*range(1, 8), 0]
    assert done.stdout.split() == [*map(str, (kept * 3)[:20]), "False"], done.stderr
