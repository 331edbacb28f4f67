"""The real judge, but for a completion that is the word below: then its process dies, as by a fault in MLIR."""

import os

from jax_ir_synth.evaluate import sandboxed
from jax_ir_synth.evaluate.sandboxed import prepare, ready

__all__ = ["CRASH", "judge", "prepare", "ready"]
CRASH = "crash"


def judge(completion, row, task, take, reached):
    """As `sandboxed.judge`."""
    if completion == CRASH:
        os.abort()
    return sandboxed.judge(completion, row, task, take, reached)
