"""Lists the modules of a package, and the functions of a module that compute with jax."""

import dis
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jax_ir_synth.harvest.closures import list_inner
from jax_ir_synth.harvest.denied import is_denied_function, is_denied_module
from jax_ir_synth.harvest.unwrapping import unwrap_function


class Found(NamedTuple):
    """A function of a module, as it was found in the running process.

    Attributes:
      qualname: its name in the module, `Class.method` for a method.
      value: what the module or the class holds under this name, decorators included. For an inner
        function, that of the function around it.
      function: the plain function inside.
      code: the code of the function.
    """

    qualname: str
    value: Any
    function: types.FunctionType
    code: types.CodeType

    @property
    def is_inner(self) -> bool:
        """Whether another function makes it, so that only a call has the function itself."""
        return self.code is not self.function.__code__


def list_modules(place: Path, name: str) -> list[str]:
    """List the full names of a package's modules in order, by its files; nothing is imported.

    Args:
      place: the package's folder, or the file of a single module.
      name: the full name of the package or module.
    """
    if place.is_file():
        return [name]
    modules = [name] if (place / "__init__.py").is_file() else []
    for entry in sorted(place.iterdir()):
        inner = f"{name}.{entry.stem}" if modules else entry.stem
        if not entry.stem.isidentifier() or is_denied_module(entry.stem):
            continue
        if entry.is_dir() and (entry / "__init__.py").is_file():
            modules += list_modules(entry, inner)
        elif entry.suffix == ".py" and entry.stem != "__init__":
            modules.append(inner)
    return modules


def find_functions(module: types.ModuleType) -> Iterator[Found]:
    """Find the functions and methods that a module defines and that use jax, in order of lines.

    A function belongs to the module whose text defines it, wherever else it is imported. Functions
    inside functions are among them, but no lambdas, and none whose names `denied` lists.
    """
    found: dict[types.CodeType, Found] = {}
    for name, value in _members(module):
        function = unwrap_function(value)
        if function is None or function.__module__ != module.__name__:
            continue
        # By another name, or made anew by a function: its own name doesn't lead to it.
        if function.__qualname__ != name or is_denied_function(name.rpartition(".")[2]):
            continue
        if function.__code__ in found or not uses_jax(function, function.__code__):
            continue
        found[function.__code__] = Found(name, value, function, function.__code__)
        for inner, code in list_inner(function):
            denied = is_denied_function(inner.rpartition(".")[2])
            if not denied and code not in found and uses_jax(function, code):
                found[code] = Found(inner, value, function, code)
    yield from sorted(found.values(), key=lambda each: each.code.co_firstlineno)


def uses_jax(function: types.FunctionType, code: types.CodeType) -> bool:
    """Whether a code in a function names something of jax, or another function of its package."""
    names = set(_names(code))
    for name in names:
        value = function.__globals__.get(name)
        home = value.__name__ if isinstance(value, types.ModuleType) else _home(value)
        if home == "jax" or home.startswith("jax."):
            return True
    # A function of arrays may only compute by operators, or by functions of its own package.
    return any(_home(function.__globals__.get(name)).startswith(_root(function)) for name in names)


def source_place(code: types.CodeType) -> tuple[str, int, int]:
    """Return a function's file, and its first and last line. Raises OSError without a source."""
    lines, first = inspect.getsourcelines(code)
    return inspect.getsourcefile(code) or "", first, first + len(lines) - 1


def _members(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        if not isinstance(value, type):
            yield name, value
        elif value.__module__ == module.__name__ and value.__qualname__ == name:
            for inner, member in list(vars(value).items()):
                yield f"{name}.{inner}", member


def _names(code: types.CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _home(value: Any) -> str:
    home = getattr(value, "__module__", None)
    return home if isinstance(home, str) and callable(value) else ""


def _root(function: types.FunctionType) -> str:
    return function.__module__.partition(".")[0]
