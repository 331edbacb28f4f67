"""Checks that stand in for the real one in helpers, and do to them whatever a row's `python` says.

They load no jax, so a helper that needs replacing is there again at once.
"""

import os
import signal
import sys
import time


def obey(row, mark):
    """`python` is a word of `_ORDERS`, or how the row is to be proven."""
    order = row["python"]
    try:
        return True, _ORDERS[order]() if order in _ORDERS else order
    except ValueError as error:
        return False, str(error)


def _loop():
    while True:
        pass


def _loop_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _loop()


def _allocate():
    return str(len(bytearray(100 * 2**30)))


def _allocate_slowly():
    # Each piece is little: refused by the limit alone, never by a machine that has no more.
    return str(len([bytearray(2**20) for _ in range(3 * 2**10)]))


def _abort():
    sys.stderr.write("LLVM ERROR: a plan failed\nStack dump:\n0. frame\n")
    sys.stderr.flush()
    os.abort()


def _recurse():
    # Past Python's own guard: the stack itself overflows.
    sys.setrecursionlimit(10**9)
    value = []
    for _ in range(10**6):
        value = [value]
    return repr(value)


def _disagree():
    raise ValueError("it differs\nat 3: 1.0 is not 2.0")


def _fail():
    raise TypeError("no such thing")


def _write():
    return str(os.write(os.memfd_create("a"), b"x"))


def _talk():
    for _ in range(5000):
        print("x" * 100)
    return "talked"


def _slow():
    time.sleep(0.5)
    return "slow"


_ORDERS = {
    "loop": _loop,
    "deaf loop": _loop_deaf,
    "allocate": _allocate,
    "allocate slowly": _allocate_slowly,
    "abort": _abort,
    "exit": lambda: os._exit(3),
    "raise exit": lambda: sys.exit(4),
    "recurse": _recurse,
    "disagree": _disagree,
    "fail": _fail,
    "write": _write,
    "talk": _talk,
    "slow": _slow,
    "process": lambda: str(os.getpid()),
    "unsayable": lambda: object(),
}
