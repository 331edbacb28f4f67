"""Runs modules by NumPy, an operation at a time, where NumPy has all of their operations.

StableHLO's reference interpreter computes element by element, and is the judge of what an operation
means. This is a second, much faster executor of the operations that programs mostly consist of, in
32 and 64 bits. `operations` has what each of them computes, `program` makes a module a list of
steps. The tests compare each operation with the interpreter. Anything else is `Unknown`.
"""

from jax_ir_synth.verify.arrays.operations import Unknown
from jax_ir_synth.verify.arrays.program import ArrayProgram, TooManyTurns

__all__ = ["ArrayProgram", "TooManyTurns", "Unknown"]
