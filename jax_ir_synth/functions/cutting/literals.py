"""Writes a value as an expression: numbers, containers, small arrays, records, partial calls."""

import dataclasses
import enum
import functools
import math
import types
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jax_ir_synth.functions.cutting import standins
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.pieces import Part, Parts

if TYPE_CHECKING:
    from jax_ir_synth.functions.cutting.cutter import Cutter

MAX_ELEMENTS = 512


@dataclasses.dataclass(frozen=True)
class Placeholder:
    """Stands for an array that an argument of the text gives."""

    name: str


def write_literal(value: Any, cutter: "Cutter") -> Parts:
    """Write a value that is neither a function nor a class.

    Args:
      value: The value.
      cutter: Writes the values in it.

    Raises:
      NotSelfContained: It can't be written.
    """
    if isinstance(value, Placeholder):
        return [value.name]
    if isinstance(value, enum.Enum):
        return [*cutter.express(type(value)), f".{value.name}"]
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return _write_array(value, cutter)
    if isinstance(value, np.dtype):
        return [cutter.add_import("jax.numpy", "", "jnp"), f'.dtype("{value.name}")']
    if value is None or value is Ellipsis or isinstance(value, (bool, int, str, bytes)):
        if type(value) is str:
            return [_write_string(value)]
        if type(value) in (bool, int, bytes, type(None)):
            return [repr(value)]
        if value is Ellipsis:
            return ["..."]
    if type(value) is float:
        return [_write_float(value)]
    if type(value) is complex:
        return [f"complex({_write_float(value.real)}, {_write_float(value.imag)})"]
    if isinstance(value, (tuple, list, set, frozenset, dict, slice, range)):
        return _write_container(value, cutter)
    if isinstance(value, functools.partial):
        root = cutter.add_import("functools", "", "functools")
        arguments = [cutter.express(value.func), *map(cutter.express, value.args)]
        named = [(name, cutter.express(each)) for name, each in value.keywords.items()]
        return [root, ".partial(", *_join(arguments, named), ")"]
    if isinstance(value, types.MethodType):
        return [*cutter.express(value.__self__), f".{value.__name__}"]
    if cutter.names is not None and standins.is_object(value):
        return standins.write_object(value, cutter.names, cutter)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _write_dataclass(value, cutter)
    if callable(value) and isinstance(getattr(value, "__qualname__", None), str):
        raise NotSelfContained(f"it needs {value.__module__}.{value.__qualname__}")
    raise NotSelfContained(f"it needs an object of the type {_name(value)}")


def _write_string(value: str) -> str:
    """Write a string in double quotes, unless it holds one."""
    text = repr(value)
    return text if '"' in value or text[0] == '"' else f'"{text[1:-1]}"'


def _write_float(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _write_array(value: Any, cutter: "Cutter") -> Parts:
    if isinstance(value, jax.core.Tracer):
        raise NotSelfContained("it closes over a tracer of another function")
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        root = cutter.add_import("jax", "", "jax")
        data = _write_array(jax.random.key_data(value), cutter)
        return [root, ".random.wrap_key_data(", *data, ")"]
    if value.size > MAX_ELEMENTS:
        raise NotSelfContained(f"it needs an array of {value.size:,} elements")
    of_jax = isinstance(value, jax.Array)
    module = cutter.add_import(*(("jax.numpy", "", "jnp") if of_jax else ("numpy", "", "np")))
    array = np.asarray(value)
    if array.dtype.kind not in "biufc" and value.dtype.name not in ("bfloat16",):
        raise NotSelfContained(f"it needs an array of {array.dtype}")
    text = _write_nested(array.tolist())
    if of_jax and value.weak_type:
        return [module, f".asarray({text})"]
    if isinstance(value, np.generic) and value.dtype.name != "bfloat16":
        return [module, f".{value.dtype.name}({text})"]
    return [module, f'.array({text}, dtype="{value.dtype.name}")']


def _write_nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_write_nested, value))}]"
    return _write_float(value) if isinstance(value, float) else repr(value)


def _write_container(value: Any, cutter: "Cutter") -> Parts:
    kind = type(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = [(name, cutter.express(getattr(value, name))) for name in value._fields]
        return [*cutter.express(kind), "(", *_join([], named), ")"]
    if kind is slice:
        return [
            "slice(",
            *_join([*map(cutter.express, (value.start, value.stop, value.step))]),
            ")",
        ]
    if kind is range:
        return [repr(value)]
    if kind is dict:
        parts: list[Part] = []
        for key, each in value.items():
            parts += [", " if parts else "", *cutter.express(key), ": ", *cutter.express(each)]
        return ["{", *parts, "}"]
    if kind in (set, frozenset):
        # A set has no order that is the same in each process.
        items = sorted(map(cutter.express, value), key=_show)
        shown = ["{", *_join(items), "}"] if items else ["()"]
        return shown if kind is set and items else [f"{kind.__name__}(", *shown, ")"]
    if kind in (tuple, list):
        items = [cutter.express(each) for each in value]
        if kind is list:
            return ["[", *_join(items), "]"]
        return ["(", *_join(items), ",)" if len(items) == 1 else ")"]
    raise NotSelfContained(f"it needs an object of the type {_name(value)}")


def _write_dataclass(value: Any, cutter: "Cutter") -> Parts:
    fields = dataclasses.fields(value)
    if not all(field.init for field in fields):
        raise NotSelfContained(f"it needs an object of {_name(value)}, which hides its fields")
    named = [(field.name, cutter.express(getattr(value, field.name))) for field in fields]
    return [*cutter.express(type(value)), "(", *_join([], named), ")"]


def _show(parts: Parts) -> str:
    return "".join(part if isinstance(part, str) else part.piece.wanted for part in parts)


def _join(arguments: list[Parts], named: list[tuple[str, Parts]] | None = None) -> list[Part]:
    parts: list[Part] = []
    for each in arguments:
        parts += [", " if parts else "", *each]
    for name, each in named or ():
        parts += [", " if parts else "", f"{name}=", *each]
    return parts


def _name(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
