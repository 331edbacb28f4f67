"""Runs modules by NumPy, an operation at a time, where NumPy has all of their operations.

StableHLO's reference interpreter computes element by element, and decides what an operation means.
This is a second, much faster executor of the operations that programs mostly consist of, in 32 and
64 bits. `printed` reads a module's text, `snippets` finds what each operation of it computes
(`elementwise`, `operations`, `indices` and `regions` have that, and `fallback_kernels`), and
`program` makes the module a list of steps. The tests compare each operation with the interpreter.
Anything else is `Unknown`.
"""

from jax_ir_synth.verify.arrays.printed import Unreadable
from jax_ir_synth.verify.arrays.program import ArrayProgram
from jax_ir_synth.verify.arrays.tensors import GaveUp, Unknown

__all__ = ["ArrayProgram", "GaveUp", "Unknown", "Unreadable"]
