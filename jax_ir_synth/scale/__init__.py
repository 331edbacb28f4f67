"""Makes Parquet shards by many processes or machines, resumably: `jax-ir-synth scale`.

There are three stages, whose tasks datatrove's executors run (`local`, `slurm`, `on_ray`). First,
candidates are drawn (`draws`). Then one process decides which of them become rows (`planning`).
Finally, the rows of each shard are made (`shards`). `run_manifest` pins everything that a folder's
bytes depend on, and `check` compares a folder with it. A run finds the missing parts from the files
alone, since a file has its name only once it is complete.

In: a request, a folder and an executor. Out: shards whose rows are those that the builder gives for
the same request. This package never knows how a row is made or proven.
"""

from jax_ir_synth.errors import JaxIrSynthError

PROGRAM = "jax-ir-synth scale"


class ScaleError(JaxIrSynthError, RuntimeError):
    """An error that ends a run; the message is for the user."""
