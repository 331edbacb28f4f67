"""`jax-ir-synth scale`: Parquet shards made by many processes or machines, resumable.

A folder's rows are the very rows that the builder gives for the same request. Three stages, each
of tasks that datatrove's executors run: candidates are drawn (`draws`), one process decides which
of them stand (`planning`), each shard's rows are made (`shards`). What is missing is told from the
files alone: each is under its name whole or not at all.
"""

from jax_ir_synth.errors import JaxIrSynthError

PROGRAM = "jax-ir-synth scale"


class ScaleError(JaxIrSynthError, RuntimeError):
    """What ends a run; the message is for the user."""
