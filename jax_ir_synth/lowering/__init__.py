"""The public way from a JAX function to IR text: one trace, every platform, both passes."""

from jax_ir_synth.lowering.lower import LoweredKernel, lower, lower_source
from jax_ir_synth.schema.identity import hash_program

__all__ = ["LoweredKernel", "lower", "lower_source", "hash_program"]
