"""The functions that a sandboxed process calls to judge completions, and to get ready for them.

`pool.Judges` names them; `runtime.sandbox.fork_server.Work` says when each is called.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jax_ir_synth.evaluate import judging
from jax_ir_synth.evaluate.judgement import Judgement, Unjudgeable, leave_unjudged
from jax_ir_synth.evaluate.judging import prepare
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.verify.check import load_interpreter

__all__ = ["judge", "prepare", "ready"]


def ready() -> None:
    """Import and initialize all that judging needs."""
    similarity("", "")
    load_interpreter()


def judge(
    completion: str,
    row: Mapping[str, Any],
    task: str,
    take: str,
    reached: Callable[[str], None],
) -> Judgement:
    """Judge a completion as `judging.judge` does; without an error if the row is at fault."""
    try:
        return judging.judge(completion, row, task, take, reached)
    except Unjudgeable as fault:
        return leave_unjudged(str(fault))
