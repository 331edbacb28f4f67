"""The real judge, but for a completion that is the word below: then its process dies, as by a fault in MLIR."""

import os

from jax_ir_synth.evaluate import confined
from jax_ir_synth.evaluate.confined import prepare, ready

__all__ = ["CRASH", "judge", "prepare", "ready"]
CRASH = "crash"


def judge(completion, row, task, reached):
    """As `confined.judge`."""
    if completion == CRASH:
        os.abort()
    return confined.judge(completion, row, task, reached)
