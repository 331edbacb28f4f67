"""A judge whose process fails as a row says, at a mark of its choice.

A row has `mark` (None for before the first), `way`, one of `WAYS`, and `own`, whether its right
answer gets through. It loads no jax.
"""

import os
import signal
import time

from jax_ir_synth.evaluate.extraction import OWN
from jax_ir_synth.evaluate.judgement import Judgement, leave_unjudged

_MOUTH = 3


def _fail():
    raise KeyError("a fault of ours")


WAYS = {
    "killed": lambda: signal.raise_signal(signal.SIGKILL),
    "aborts": os.abort,
    "exits": lambda: os._exit(3),
    "raises": _fail,
    "takes time": lambda: time.sleep(100),
    "takes memory": lambda: bytearray(100 * 2**30),
    "says nonsense": lambda: os.write(_MOUTH, b"nonsense\n"),
}
# What a row's right answer does where it doesn't get through.
OWN_FAILS = {
    "fails": lambda: Judgement("numeric", "it is off", "", False, False, 0.0),
    "can't be judged": lambda: leave_unjudged("its reference takes too long"),
    "dies": lambda: os.abort(),
}


def judge(completion, row, task, take, reached) -> Judgement:
    """As `sandboxed.judge` is called."""
    if take == OWN:
        assert completion == ""
        return OWN_FAILS[row["own"]]() if row["own"] else Judgement("pass", "", "", True, True, 1.0)
    if row["mark"] is not None:
        reached(row["mark"])
    WAYS[row["way"]]()
    time.sleep(100)
    return Judgement("pass", "", "", True, True, 1.0)
