"""Writes an object of any class by a stand-in: a data class with the fields and methods in use.

A layer's class has bases and metaclasses of its package, and an `__init__` that draws weights. A
call of the layer needs none of these. So its stand-in has the object's fields, and of the class
those methods whose names the call may use.
"""

import ast
import dataclasses
import enum
import functools
import inspect
import types
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.locating import locate_function
from jax_ir_synth.functions.cutting.pieces import Part, Parts, Piece, Ref
from jax_ir_synth.functions.cutting.public import find_public, find_root
from jax_ir_synth.functions.cutting.scope import Scope
from jax_ir_synth.functions.cutting.scopes import find_bound_names, find_free_names

if TYPE_CHECKING:
    from jax_ir_synth.functions.cutting.cutter import Cutter

_INDENT = "    "
_MAX_NAMES = 300
# What is written without a stand-in.
_PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), type, enum.Enum, types.ModuleType),
    *(np.ndarray, np.generic, np.dtype, jax.Array, types.FunctionType, types.BuiltinFunctionType),
    *(types.MethodType, functools.partial),
)


def is_object(value: Any) -> bool:
    """Whether a value is an object of a class that a package defines, with fields of its own.

    Args:
      value: Any value.
    """
    if isinstance(value, (*_PLAIN, tuple, list, dict, set, frozenset)):
        return False
    of_library = find_root(type(value)) in ("jax", "jaxlib", "numpy", "builtins")
    return hasattr(value, "__dict__") and not of_library and find_public(value) is None


def find_names(owner: Any, method: str) -> frozenset[str]:
    """Find the names of attributes that a call of a method may use, of this and inner objects.

    Args:
      owner: The object.
      method: The method's name.

    Raises:
      NotSelfContained: There are too many.
    """
    classes = {type(each) for each in _list_objects(owner, set())}
    names = {method, "__call__"}
    done: set[tuple[type, str]] = set()
    while left := {(cls, name) for cls in classes for name in names} - done:
        done |= left
        for cls, name in left:
            for function in _list_functions(cls, name):
                tree = locate_function(function).node
                names |= {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
        if len(names) > _MAX_NAMES:
            raise NotSelfContained(f"{type(owner).__name__}.{method} needs too many attributes")
    return frozenset(names)


def list_fields(value: Any, names: Iterable[str]) -> dict[str, Any]:
    """List the fields of an object that have one of the names, in their order."""
    fields = vars(value)
    if dataclasses.is_dataclass(value):
        order = [each.name for each in dataclasses.fields(value)]
        fields = {name: fields[name] for name in order if name in fields}
    wanted = {*names}
    return {name: each for name, each in fields.items() if name in wanted}


def write_object(value: Any, names: frozenset[str], cutter: "Cutter") -> Parts:
    """Write an object as a call of its stand-in.

    Args:
      value: The object.
      names: The names of attributes that may be used.
      cutter: Collects the pieces.

    Raises:
      NotSelfContained: It can't be written.
    """
    fields = list_fields(value, names)
    ref = _cut_stand_in(type(value), tuple(fields), names, cutter)
    parts: list[Part] = [ref, "("]
    for number, (name, each) in enumerate(fields.items()):
        parts += [", " if number else "", f"{name}=", *cutter.express(each)]
    return [*parts, ")"]


def _list_objects(value: Any, seen: set[int]) -> Iterator[Any]:
    """List an object and those in its fields."""
    if id(value) in seen:
        return
    seen.add(id(value))
    inner: Iterable[Any] = ()
    if is_object(value):
        yield value
        inner = list(vars(value).values())
    elif isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (tuple, list)):
        inner = value
    for each in inner:
        yield from _list_objects(each, seen)


def _list_functions(cls: type, name: str) -> list[types.FunctionType]:
    """Find the function of a method or a property, below what wraps it; none for other names."""
    found = inspect.getattr_static(cls, name, None)
    for _ in range(20):
        if isinstance(found, types.FunctionType) and not hasattr(found, "__wrapped__"):
            # What `object` or a metaclass gives is none of the package's.
            return [found] if find_root(found) not in ("builtins", "abc", "dataclasses") else []
        inner = (getattr(found, each, None) for each in _WRAPPING)
        found = next((each for each in inner if each is not None), None)
    return []


# Where a descriptor keeps its function.
_WRAPPING = ("fget", "__func__", "func", "method", "__wrapped__")


def _cut_stand_in(
    cls: type, fields: tuple[str, ...], names: frozenset[str], cutter: "Cutter"
) -> Ref:
    key = cls, fields
    if key in cutter.stand_ins:
        return Ref(cutter.stand_ins[key], cls.__name__)
    piece = cutter.stand_ins[key] = Piece(cls.__name__)
    ref = Ref(piece, cls.__name__)
    library = cutter.add_import("dataclasses", "", "dataclasses")
    parts: list[Part] = ["@", library, ".dataclass\nclass ", ref, ":\n"]
    parts += [f"{_INDENT}{name}: object\n" for name in fields]
    bound: frozenset[str] = frozenset(fields)
    for name in sorted(names - {*fields}, key=lambda name: (name != "__call__", name)):
        for function in _list_functions(cls, name):
            method, inner = _cut_method(function, cutter)
            parts += ["\n", *method, "\n"]
            bound |= inner
    if len(parts) == 5:
        parts.append(f"{_INDENT}pass\n")
    piece.parts, piece.bound = parts, bound
    cutter.packages.add(find_root(cls))
    cutter.add(piece)
    return ref


def _cut_method(
    function: types.FunctionType, cutter: "Cutter"
) -> tuple[list[Part], frozenset[str]]:
    """Cut a method, indented; return its text, and the names that it binds."""
    from jax_ir_synth.functions.cutting.cutter import find_closure

    located = locate_function(function)
    node, text = located.node, cutter.read(located)
    if not isinstance(node, ast.FunctionDef):
        raise NotSelfContained(f"the method {function.__qualname__} is a lambda")
    if any(each.id in ("super", "__class__") for each in find_free_names(node)):
        raise NotSelfContained(f"the method {function.__qualname__} uses super()")
    scope = Scope(function.__globals__, find_closure(function))
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    edits = cutter.rewrite(located, scope, find_root(function)).edit()
    edits += text.dedent(node, first, _INDENT)
    start = text.line_start(first)
    return text.apply(start, text.end(node), edits), find_bound_names(node)
