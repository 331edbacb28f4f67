"""Finds functions that other functions make, and makes them again from what they close over."""

import importlib
import types
from collections.abc import Iterator, Mapping
from typing import Any

from jax_ir_synth.harvest.unwrapping import find_plain

# `module:outer`, and the way from its code to that of the inner function, by the number of each
# code among the constants of the one around it.
Place = list[Any]
_INNER = ".<locals>."


def list_inner(function: types.FunctionType) -> Iterator[tuple[str, types.CodeType]]:
    """List the functions inside a function, at any depth, by their qualified names.

    Lambdas and comprehensions aren't among them.
    """
    for _, code in _walk(function.__code__):
        if not code.co_name.startswith("<"):
            yield code.co_qualname, code


def locate(function: types.FunctionType) -> Place | None:
    """Find the place of an inner function; None if it can't be found again."""
    outer, inner, _ = function.__qualname__.partition(_INNER)
    around = find_plain(function.__module__, outer) if inner else None
    if around is None:
        return None
    for way, code in _walk(around.__code__):
        if code is function.__code__:
            return [f"{function.__module__}:{outer}", way]
    return None


def make(
    place: Place, cells: Mapping[str, Any], defaults: tuple[Any, ...], keywords: dict[str, Any]
) -> types.FunctionType | None:
    """Make the function of a place again; None if there is none.

    Args:
      place: as `locate` gives it.
      cells: what it closes over, by name.
      defaults: the defaults of its positional parameters.
      keywords: those of its keyword parameters.
    """
    module, _, outer = place[0].partition(":")
    importlib.import_module(module)
    around = find_plain(module, outer)
    code = None if around is None else _follow(around.__code__, place[1])
    if around is None or code is None or set(code.co_freevars) != set(cells):
        return None
    closure = tuple(types.CellType(cells[name]) for name in code.co_freevars)
    made = types.FunctionType(code, around.__globals__, code.co_name, defaults, closure)
    made.__qualname__, made.__module__ = code.co_qualname, module
    made.__kwdefaults__ = keywords or None
    return made


def read_cells(function: types.FunctionType) -> dict[str, Any]:
    """Read what a function closes over, by name; what isn't bound yet is left out."""
    cells = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            cells[name] = cell.cell_contents
        except ValueError:
            continue
    return cells


def _walk(code: types.CodeType) -> Iterator[tuple[list[int], types.CodeType]]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    for number, each in enumerate(inner):
        yield [number], each
        yield from (([number, *way], found) for way, found in _walk(each))


def _follow(code: types.CodeType, way: list[int]) -> types.CodeType | None:
    for number in way:
        inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
        if number >= len(inner):
            return None
        code = inner[number]
    return code
