"""The functions that a program's rewritten text calls to bound its own Python."""

import ast
from typing import Any

from jax_ir_synth.reference.numpy_jax import bounds

# By names that a program can't use.
HOOKS: dict[str, Any] = {
    "__step": bounds.step,
    "__add": bounds.add,
    "__modulo": bounds.modulo,
    "__multiply": bounds.multiply,
    "__power": bounds.power,
    "__shift": bounds.shift,
}
# Those that take the place of operators.
OF_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "__add",
    ast.Mod: "__modulo",
    ast.Mult: "__multiply",
    ast.Pow: "__power",
    ast.LShift: "__shift",
}
