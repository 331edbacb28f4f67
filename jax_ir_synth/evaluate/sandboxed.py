"""What a sandboxed process does with a completion, and what is done before there are any.

`pool.Judges` has it done; see `runtime.sandbox.fork_server.Work` for who calls what when.
"""

from jax_ir_synth.evaluate.judging import judge, prepare
from jax_ir_synth.evaluate.similarity import similarity
from jax_ir_synth.verify.check import load_interpreter

__all__ = ["judge", "prepare", "ready"]


def ready() -> None:
    """Import and make what judging would."""
    similarity("", "")
    load_interpreter()
