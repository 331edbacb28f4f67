"""Judges that stand in for the real one, and do to their process whatever a completion says.

They load no jax, so their process is there at once.
"""

import os
import signal
import socket
import subprocess
import sys
import time

from jax_ir_synth.evaluate.judgement import Judgement

_MOUTH = 3


def obey(completion, row, task, take, reached) -> Judgement:
    """`completion` is a word of `_ORDERS`, else it passes; the row's `id` comes back as taken."""
    reached("no_code")
    reached("numeric" if completion.startswith("late ") else "parse")
    order = _ORDERS.get(completion.removeprefix("late "))
    said = order() if order else ""
    if said is not None and order:
        return Judgement("numeric", str(said), str(row["id"]), False, False, 0.5)
    return Judgement("pass", "", f"{row['id']} {task}", True, True, 1.0)


_prepared = []
_MARKS = ["reference", "parse", "verify", "signature", "execute", "numeric"]


def prepare(row, task, take, mark, again) -> None:
    """What questions of a row share is done here; some rows can't have it done."""
    _prepared.extend(f"{row['id']} {each}" for each in _MARKS[: _MARKS.index(mark) + 1])
    if row.get("fault"):
        _ORDERS[row["fault"]]()


def prepared(completion, row, task, take, reached):
    """Passes once all that `completion` names is prepared, which comes back as taken."""
    for mark in ["reference"] if take == "own" else completion.split():
        reached(mark)
        if f"{row['id']} {mark}" not in _prepared:
            return None
    reached("numeric")
    if "missing" in row:
        return None
    return Judgement("pass", "", _prepared[-1] if _prepared else "", True, True, 1.0)


def repeat(completion, row, task, take, reached) -> Judgement:
    """Passes; what it was asked for comes back as taken."""
    return Judgement("pass", "", f"{completion} {row['id']} {task} {take}", True, True, 1.0)


def answer(completion, row, task, take, reached):
    """Gives back the row's `answer`, whatever it is."""
    return row["answer"]


_held = []


def _loop():
    while True:
        pass


def _deaf_loop():
    for number in (
        signal.SIGTERM, signal.SIGXCPU, signal.SIGALRM, signal.SIGINT, signal.SIGPROF
    ):  # fmt: skip
        signal.signal(number, signal.SIG_IGN)
    os.close(_MOUTH)
    _loop()


def _allocate():
    return len(bytearray(100 * 2**30))


def _allocate_slowly():
    return len([bytearray(2**20) for _ in range(3 * 2**10)])


def _die_of_memory():
    os.write(2, b"terminate called\n  what():  std::bad_alloc at 0x7ffe12345678\n")
    os.abort()


def _abort():
    os.write(2, b"LLVM ERROR: a plan failed at %#x\nStack dump:\n0. frame\n" % id(object()))
    os.abort()


def _abort_in_a_log():
    os.write(2, b"F0102 03:04:05.%06d %7d a.cc:12] Check failed: x\n" % (os.getpid(), os.getpid()))
    os.abort()


def _recurse():
    # Past Python's own guard: the stack itself overflows.
    sys.setrecursionlimit(10**9)
    value = []
    for _ in range(10**6):
        value = [value]
    return repr(value)


def _talk():
    for _ in range(5000):
        print("x" * 100, flush=True)


def _talk_for_ever():
    while True:
        os.write(1, b"x" * 1000)


def _raw(line: bytes):
    def say():
        os.write(_MOUTH, line)
        os._exit(0)

    return say


def _flood():
    while True:
        os.write(_MOUTH, b'["mark", "parse"]\n' * 100)


def _fail():
    raise TypeError("no\nsuch \x1b[31m thing")


_ORDERS = {
    "loop": _loop,
    "deaf loop": _deaf_loop,
    "sleep": lambda: time.sleep(100),
    "slow": lambda: time.sleep(0.5),
    "allocate": _allocate,
    "allocate slowly": _allocate_slowly,
    "die of memory": _die_of_memory,
    "abort": _abort,
    "abort in a log": _abort_in_a_log,
    "recurse": _recurse,
    "exit": lambda: os._exit(3),
    "exit silently": lambda: os._exit(0),
    "raise exit": lambda: sys.exit(4),
    "fail": _fail,
    "kill itself": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "die of a signal": lambda: signal.raise_signal(signal.SIGTERM),
    "die of a nameless signal": lambda: signal.raise_signal(40),
    "talk": _talk,
    "talk for ever": _talk_for_ever,
    "say nonsense": _raw(b"\x80\x04cos\nsystem\n"),
    "say half": _raw(b'["mark", "signature"]\n["answer", ["pa'),
    "say a number": _raw(b'["mark", 7]\n'),
    "say brackets": _raw(b"[" * 100_000 + b"\n"),
    "flood": _flood,
    # What nothing in a process like this is to do.
    "fork": lambda: os.fork(),
    "start": lambda: subprocess.run(["true"]),
    "shell": lambda: os.system("true"),
    "connect": lambda: socket.socket().connect(("127.0.0.1", 80)),
    # The opening is what is tried, so nothing closes them.
    "open": lambda: open(os.devnull),  # noqa: SIM115
    "write": lambda: open("taken", "w"),  # noqa: SIM115
    "make a folder": lambda: os.mkdir("taken"),
    "write to memory": lambda: os.memfd_create("a"),
    "import": lambda: __import__("tabnanny"),
    # What it tells of itself.
    "process": lambda: os.getpid(),
    "take half": lambda: (_held.append(bytearray(600 * 2**20)), 600)[1],
    "descriptors": lambda: [number for number in range(100) if _is_open(number)],
    "remember": lambda: globals().setdefault("_memory", 0),
    "remembers": lambda: "_memory" in globals(),
}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
