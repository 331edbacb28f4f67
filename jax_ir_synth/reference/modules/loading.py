"""Loads a module's text, so that its last function can be run again and again from scratch."""

import ast
from types import CodeType
from typing import Any

import numpy as np

from jax_ir_synth.reference.literals import round_literals
from jax_ir_synth.reference.modules.builtin_names import BUILTINS
from jax_ir_synth.reference.modules.rewriting import HOOKS, rewrite


class Module:
    """The function `name` of a module's text, which takes NumPy arrays.

    Each call runs the module's own statements first. So nothing that one run changes, such as a
    list among the constants, outlives it.
    """

    def __init__(self, code: CodeType, name: str, imports: dict[str, Any]) -> None:
        self._code = code
        self._name = name
        self._imports = imports

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the module, and then its function."""
        space: dict[str, Any] = {**HOOKS, **self._imports, "__builtins__": BUILTINS}
        exec(self._code, space)
        arguments = tuple(map(_protect, arguments))
        return space[self._name](*arguments, **{n: _protect(x) for n, x in named.items()})


def _protect(array: Any) -> Any:
    """View an argument as an array that can't be assigned to."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def load_module(tree: ast.Module, name: str, half: str | None = None) -> Module:
    """Load the function `name` of a module.

    Args:
      tree: the module. It is changed.
      name: the name that the function has in the module.
      half: the dtype of a program of 16-bit floats, to which its literals are rounded.

    Raises:
      ValueError: the module does something that isn't allowed, or doesn't define the name.
    """
    try:
        if half is not None:
            tree = round_literals(tree, half)
        rewritten = rewrite(tree)
        if name not in rewritten.names:
            raise ValueError(f"its python doesn't define its kernel_name, {name}")
        code = compile(rewritten.tree, f"<{name}>", "exec", optimize=0)
    except (RecursionError, SyntaxError) as error:
        raise ValueError(f"its python can't be compiled: {error}") from None
    return Module(code, name, rewritten.imports)
