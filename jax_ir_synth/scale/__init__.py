"""Parquet shards made by many processes or machines, resumable: `jax-ir-synth scale`.

There are three stages, whose tasks datatrove's executors run (`local`, `slurm`, `on_ray`):
candidates are drawn (`draws`), one process decides which of them stand (`planning`), and each
shard's rows are made (`shards`). `run_manifest` pins what a folder's bytes depend on, and `check`
compares a folder with it. What is missing is found from the files alone: each has its name only
once it is complete.

In: a request, a folder and an executor. Out: shards whose rows are those that the builder gives for
the same request. This package never knows how a row is made or proven.
"""

from jax_ir_synth.errors import JaxIrSynthError

PROGRAM = "jax-ir-synth scale"


class ScaleError(JaxIrSynthError, RuntimeError):
    """What ends a run; the message is for the user."""
