"""The functions that a sandboxed process calls to judge completions, and to get ready for them.

`pool.Judges` names them; `runtime.sandbox.fork_server.Work` says when each is called.
"""

from jax_ir_synth.evaluate.judging import judge, prepare
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.verify.check import load_interpreter

__all__ = ["judge", "prepare", "ready"]


def ready() -> None:
    """Import and initialize all that judging needs."""
    similarity("", "")
    load_interpreter()
