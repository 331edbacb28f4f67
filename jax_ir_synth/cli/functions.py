"""Finds the function that a command names, and binds the arguments that it gives."""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jax_ir_synth.cli.arguments import Aval, NamedArgument
from jax_ir_synth.errors import JaxIrSynthError, UsageError


def check_names(named: Sequence[NamedArgument]) -> None:
    """Raise UsageError if a name is given twice."""
    names = [each.name for each in named]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"`--arg` has {name} twice")


def bind_arguments(
    fn: Callable[..., Any], shapes: Sequence[Aval], named: Sequence[NamedArgument]
) -> tuple[list[Any], dict[str, Any]]:
    """Make the arguments of a call. What is given by name stands in its position, if it has one.

    Raises:
      UsageError: The function has no argument of a name.
    """
    import jax

    struct: Callable[..., Any] = jax.ShapeDtypeStruct
    args = [struct(aval.shape, aval.dtype) for aval in shapes]
    values = {
        each.name: each.value if each.aval is None else struct(each.aval.shape, each.aval.dtype)
        for each in named
    }
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (ValueError, TypeError):
        return args, values
    names = [each.name for each in parameters]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for name in values:
        if name not in names and not takes_any:
            raise UsageError(f"`--arg` has {name}; the arguments are {', '.join(names)}")
    for each in parameters[len(args) :]:
        is_positional = each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        if each.name not in values or not is_positional:
            break
        args.append(values.pop(each.name))
    return args, values


def find_function(name: str, verbose: bool = False) -> Callable[..., Any]:
    """Import a function by its name, `module:function` or `file.py:function`.

    Modules are looked for in the current folder too, and those that a file imports beside it.

    Raises:
      UsageError: one line; there is none, or the module can't be imported.
    """
    module, colon, attribute = name.rpartition(":")
    if not colon or not module or not attribute:
        raise UsageError(f"`FUNCTION` (={name}) must be module:function or file.py:function")
    file = find_file(name)
    sys.path.insert(0, str(file.parent.absolute()) if file else os.getcwd())
    try:
        found = _import_file(file) if file else importlib.import_module(module)
    # The user's module may raise anything.
    except Exception as error:
        what = f"`FUNCTION` (={name}): {module} can't be imported"
        raise describe_error(UsageError, what, error, verbose) from error
    finally:
        sys.path.pop(0)
    function: object = found
    for part in attribute.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise UsageError(f"`FUNCTION` (={name}) must name a function of {module}")
    return function


def find_file(name: str) -> Path | None:
    """Find the file that has the function, if the name gives one."""
    module = name.rpartition(":")[0]
    return Path(module) if module.endswith(".py") else None


def _import_file(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    # Under its name, by which dataclasses and pickle look for it.
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module


def describe_error(
    kind: type[JaxIrSynthError], what: str, error: Exception, verbose: bool
) -> JaxIrSynthError:
    """Make the error for what a user's code raised, as one line.

    Args:
      kind: Its class.
      what: What failed.
      error: What the code raised.
      verbose: Whether its traceback is printed.
    """
    if verbose:
        traceback.print_exception(error)
    reason = " ".join(str(error).split())
    return kind(f"{what}: {type(error).__name__}: {reason}")
