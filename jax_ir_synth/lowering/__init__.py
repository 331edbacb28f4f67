"""Lowers a JAX function, or a kernel's source, to IR text, for each platform and both passes.

`lower` and `lower_source` trace the function and its gradient once (`passes`), and lower each trace
for every platform (`platforms`) under jax's default settings (`settings`) in a shared MLIR context
(`contexts`), by shortcuts past what jax does again each time (`fast`). `compiling` compiles
StableHLO for a CPU or a GPU that this machine needn't have. `parsing` and `plain` read IR text
without trusting it. `features` and `op_counts` describe the content of a program.

In: a function and example arguments, or a source and its avals. Out: an IR column for each
platform, as text, and the program's hash. This package never knows categories, datasets, or whether
the text is right.
"""

from jax_ir_synth.lowering.lower import LoweredKernel, lower, lower_source
from jax_ir_synth.schema.identity import hash_program

__all__ = ["LoweredKernel", "lower", "lower_source", "hash_program"]
