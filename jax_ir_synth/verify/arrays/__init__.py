"""Runs modules by NumPy, an operation at a time, where NumPy has all of their operations.

StableHLO's reference interpreter computes element by element, and decides what an operation means.
This is a second, much faster executor of the operations that programs mostly consist of, in 32 and
64 bits. `elementwise`, `operations`, `indices` and `regions` have what each of them computes, and
`program` makes a module a list of steps. The tests compare each operation with the interpreter.
Anything else is `Unknown`.
"""

from jax_ir_synth.verify.arrays.program import ArrayProgram, TooManyTurns
from jax_ir_synth.verify.arrays.tensors import Unknown

__all__ = ["ArrayProgram", "TooManyTurns", "Unknown"]
