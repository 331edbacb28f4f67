"""Writes the arguments of a call as JSON, and reads them: arrays by shape, dtype and range.

A call can then be carried from process to process and kept in a lock list without any code in it.
An array is `{"array": "float32[4,8]", "low": -1.0, "high": 1.0}`, without a range if there is none.
Numbers, texts, None and lists are themselves. Everything else is an object of one key that names
its kind, such as `{"tuple": [...]}` or `{"name": "jax.numpy:tanh"}`.
"""

import enum
import functools
import importlib
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.harvest import closures

Json = Any
# An object of more parts than this is a model or a data set, of which no small row can be made.
_MAX_PARTS = 2000
_MAX_DEPTH = 12
_MAX_TEXT = 200
# A longer array is given by its shape alone.
_MAX_ELEMENTS = 2**16
_ARRAY = re.compile(r"(?P<dtype>\w+)\[(?P<shape>[\d,]*)\]")
_PLAIN = (bool, int, str, type(None))
# The fractional parts of its multiples are spread evenly.
_GOLDEN = (math.sqrt(5) - 1) / 2


class NotWritable(JaxIrSynthError, ValueError):
    """An argument can't be written as JSON; the message says what it is."""


class Call(NamedTuple):
    """The arguments of a call: positional ones, and keyword arguments by name.

    Attributes:
      args: the positional ones.
      kwargs: the keyword arguments.
      function: what is called, if it is a function that another one has made; else None.
    """

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    function: Any = None


def write_call(call: Call) -> Json:
    """Write a call as JSON. Raises NotWritable."""
    writer = _Writer()
    args = [writer.write(value, 0) for value in call.args]
    kwargs = {name: writer.write(value, 0) for name, value in call.kwargs.items()}
    written = {"args": args, "kwargs": kwargs} if kwargs else {"args": args}
    if call.function is not None:
        written["function"] = writer.write(call.function, 0)
    return written


def write_value(value: Any) -> Json:
    """Write a single value. Raises NotWritable."""
    return _Writer().write(value, 0)


def read_value(written: Json) -> Any:
    """Read a single value, as `read_call` does. Raises NotWritable."""
    return _read(written)


def read_call(written: Json) -> Call:
    """Read a call that `write_call` wrote.

    An array without a range, or with more than 65,536 elements, is a `jax.ShapeDtypeStruct`. Any
    other array has values that are spread evenly over its range, both ends among them.

    Raises:
      NotWritable: a name that it holds can't be found.
    """
    kwargs = written.get("kwargs", {})
    args = [_read(value) for value in written["args"]]
    function = _read(written["function"]) if "function" in written else None
    return Call(args, {name: _read(value) for name, value in kwargs.items()}, function)


def write_array(shape: Sequence[int], dtype: str) -> Json:
    """Write an array that is given by its shape and dtype alone."""
    return {"array": f"{dtype}[{','.join(map(str, shape))}]"}


def describe_call(written: Json) -> str:
    """Describe a written call for people, such as `float32[4,8], axis=-1`."""
    args = [_describe(value) for value in written["args"]]
    kwargs = [f"{name}={_describe(value)}" for name, value in written.get("kwargs", {}).items()]
    return ", ".join([*args, *kwargs])


def name_of(value: Any) -> str | None:
    """Name a function, class or module that can be imported, as `module:name`; else None."""
    if isinstance(value, types.ModuleType):
        return f"{value.__name__}:"
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(name, str):
        name = getattr(value, "__name__", None)
    for holder in (module, *_PUBLIC):
        if isinstance(holder, str) and isinstance(name, str) and _find(holder, name) is value:
            return f"{holder}:{name}"
    return None


def find_name(text: str) -> Any:
    """Import what `name_of` named. Raises NotWritable."""
    module, _, name = text.partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise NotWritable(f"an argument's module can't be imported: {error}") from error
    for part in filter(None, name.split(".")):
        if not hasattr(found, part):
            raise NotWritable(f"an argument can't be found: {text}")
        found = getattr(found, part)
    return found


# Where functions of jax and NumPy are public, if their own module isn't.
_PUBLIC = ("jax.numpy", "jax.lax", "jax.nn", "jax", "jax.random", "jax.numpy.linalg", "numpy")


def _find(module: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return None
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class _Writer:
    """Writes the values of one call, and counts their parts."""

    def __init__(self) -> None:
        self._parts = 0

    def write(self, value: Any, depth: int) -> Json:
        self._parts += 1
        if self._parts > _MAX_PARTS or depth > _MAX_DEPTH:
            raise NotWritable("an argument has too many parts")
        if isinstance(value, enum.Enum):
            return {"name": f"{type(value).__module__}:{type(value).__qualname__}.{value.name}"}
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            raise NotWritable("an argument is a long text")
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is complex:
            return {"complex": [value.real, value.imag]}
        if is_array(value):
            return _write_array(value)
        return self._write_container(value, depth + 1)

    def _write_container(self, value: Any, depth: int) -> Json:
        if type(value) is list:
            return [self.write(item, depth) for item in value]
        if type(value) is tuple:
            return {"tuple": [self.write(item, depth) for item in value]}
        if type(value) is dict:
            items = [
                [self.write(key, depth), self.write(item, depth)] for key, item in value.items()
            ]
            return {"dict": items}
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return {"slice": [self.write(end, depth) for end in ends]}
        if value is Ellipsis:
            return {"ellipsis": True}
        if isinstance(value, np.dtype):
            return {"dtype": str(value)}
        if isinstance(value, functools.partial):
            parts = (value.func, list(value.args), value.keywords)
            return {"partial": [self.write(part, depth) for part in parts]}
        if (name := name_of(value)) is not None:
            return {"name": name}
        if isinstance(value, types.MethodType):
            owner = self.write(value.__self__, depth)
            return {"method": [owner, value.__func__.__name__]}
        if isinstance(value, types.FunctionType):
            return self._write_closure(value, depth)
        return self._write_object(value, depth)

    def _write_closure(self, value: types.FunctionType, depth: int) -> Json:
        """Write a function that another one has made, with what it closes over."""
        place = closures.locate(value)
        if place is None:
            raise NotWritable(f"an argument is {_describe_kind(value)}")
        cells = closures.read_cells(value)
        free = {name: self.write(item, depth) for name, item in cells.items()}
        defaults = [self.write(item, depth) for item in value.__defaults__ or ()]
        keywords = {
            name: self.write(item, depth) for name, item in (value.__kwdefaults__ or {}).items()
        }
        return {"closure": [place, free, defaults, keywords]}

    def _write_object(self, value: Any, depth: int) -> Json:
        kind = type(value)
        name = name_of(kind)
        if name is None:
            raise NotWritable(f"an argument is {_describe_kind(value)}")
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return {"namedtuple": [name, *(self.write(item, depth) for item in value)]}
        state = getattr(value, "__dict__", None)
        if not isinstance(state, dict) or isinstance(value, tuple | list | dict | type):
            raise NotWritable(f"an argument is {_describe_kind(value)}")
        fields = {str(key): self.write(item, depth) for key, item in state.items()}
        return {"object": [name, fields]}


def is_array(value: Any) -> bool:
    """Whether a value is an array of numbers, or stands for one while jax traces."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufcV" and value.dtype.names is None
    return isinstance(value, jax.Array | jax.ShapeDtypeStruct | jax.core.Tracer)


def _write_array(value: Any) -> Json:
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        return {"key": list(value.shape)}
    dtype = jax.dtypes.canonicalize_dtype(value.dtype)
    written: dict[str, Json] = write_array(value.shape, str(dtype))
    if isinstance(value, jax.core.Tracer | jax.ShapeDtypeStruct) or not value.size:
        return written
    numbers = np.asarray(value)
    if dtype == jnp.bool_ or jnp.issubdtype(dtype, jnp.complexfloating):
        return written
    numbers = numbers.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        written |= {"low": _shorten(finite.min()), "high": _shorten(finite.max())}
    return written


def _shorten(number: Any) -> float:
    # What a lock list holds mustn't depend on the last bits of a computation.
    return float(f"{float(number):.6g}")


def _read(written: Json) -> Any:
    if isinstance(written, list):
        return [_read(item) for item in written]
    if not isinstance(written, dict):
        return written
    if "array" in written:
        return _read_array(written)
    ((kind, value),) = written.items()
    return _READERS[kind](value)


def _read_array(written: Mapping[str, Json]) -> Any:
    match = _ARRAY.fullmatch(written["array"])
    if match is None:
        raise NotWritable(f"an array's type can't be read: {written['array']!r:.60}")
    shape = tuple(int(size) for size in match["shape"].split(",") if size)
    dtype = jnp.dtype(match["dtype"])
    size = math.prod(shape)
    if "low" not in written or size > _MAX_ELEMENTS:
        struct: Callable[..., Any] = jax.ShapeDtypeStruct
        return struct(shape, dtype)
    low, high = written["low"], written["high"]
    parts = np.arange(size) * _GOLDEN % 1.0
    if size > 1:
        parts[:2] = 0.0, 1.0
    values = low + (high - low) * parts
    if jnp.issubdtype(dtype, jnp.integer):
        values = np.round(values)
    return jnp.asarray(values.reshape(shape).astype(dtype))


def _read_key(shape: Sequence[int]) -> Any:
    keys = jax.random.split(jax.random.key(0), math.prod(shape))
    return keys.reshape(tuple(shape)) if shape else jax.random.key(0)


def _read_partial(written: Sequence[Json]) -> Any:
    function, args, kwargs = (_read(part) for part in written)
    return functools.partial(function, *args, **kwargs)


def _read_object(written: Sequence[Json]) -> Any:
    name, fields = written
    kind = find_name(name)
    made = object.__new__(kind)
    # Past `__setattr__`, which refuses where the class is frozen.
    for key, value in fields.items():
        made.__dict__[key] = _read(value)
    return made


def _read_method(written: Sequence[Json]) -> Any:
    owner, name = written
    found = getattr(_read(owner), name, None)
    if found is None:
        raise NotWritable(f"an argument has no method {name}")
    return found


def _read_closure(written: Sequence[Json]) -> Any:
    place, free, defaults, keywords = written
    cells = {name: _read(item) for name, item in free.items()}
    named = {name: _read(item) for name, item in keywords.items()}
    made = closures.make(place, cells, tuple(map(_read, defaults)), named)
    if made is None:
        raise NotWritable(f"an inner function can't be found: {place[0]}")
    return made


_READERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "complex": lambda parts: complex(*parts),
    "tuple": lambda items: tuple(map(_read, items)),
    "dict": lambda items: {_read(key): _read(item) for key, item in items},
    "slice": lambda ends: slice(*map(_read, ends)),
    "ellipsis": lambda _: Ellipsis,
    "dtype": jnp.dtype,
    "partial": _read_partial,
    "name": find_name,
    "namedtuple": lambda parts: find_name(parts[0])(*map(_read, parts[1:])),
    "object": _read_object,
    "method": _read_method,
    "closure": _read_closure,
    "key": _read_key,
}


def _describe(written: Json) -> str:
    if isinstance(written, list):
        return f"[{', '.join(map(_describe, written))}]"
    if not isinstance(written, dict):
        return repr(written)
    if "array" in written:
        return str(written["array"])
    ((kind, value),) = written.items()
    if kind in ("name", "float", "dtype"):
        return str(value).rpartition(":")[2]
    if kind == "tuple":
        return f"({', '.join(map(_describe, value))})"
    if kind == "dict":
        return f"{{{', '.join(f'{_describe(key)}: {_describe(item)}' for key, item in value)}}}"
    if kind in ("object", "namedtuple"):
        return f"{value[0].rpartition(':')[2]}(...)"
    if kind in ("closure", "method"):
        return f"a {kind}"
    return f"{kind} {value}"


def _describe_kind(value: Any) -> str:
    kind = type(value)
    if isinstance(value, types.FunctionType):
        return "a lambda" if value.__name__ == "<lambda>" else "an inner function"
    return f"of the type {kind.__module__}.{kind.__qualname__}"
