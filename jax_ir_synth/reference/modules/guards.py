"""Guards that a module's text calls in place of constructs whose effect depends on a value.

The attributes of a value are allowed by its type, whatever the text calls them.
"""

import functools
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jax_ir_synth.reference.modules.classes import OwnClass
from jax_ir_synth.reference.numpy_jax import Library, bounds, dtypes, transforms, tree_library
from jax_ir_synth.reference.numpy_jax.arrays import DTYPES, Array, DType, array
from jax_ir_synth.reference.numpy_jax.bounds import BoundExceeded
from jax_ir_synth.reference.numpy_jax.indexing import At, Place
from jax_ir_synth.reference.numpy_jax.random import Key

# The longest text that another text is made of.
_MAX_PART = 1000


def _extend(items: list[Any]) -> Callable[[Any], None]:
    def extend(others: Any) -> None:
        others = list(others)
        bounds.check_length(len(items) + len(others))
        items.extend(others)

    return extend


def _join(text: str) -> Callable[[Any], str]:
    def join(parts: Iterable[str]) -> str:
        parts = list(parts)
        bounds.check_length(sum(len(part) + len(text) for part in parts))
        return text.join(parts)

    return join


def _replace(text: str) -> Callable[[str, str], str]:
    def replace(old: str, new: str) -> str:
        bounds.check_length(len(text) + (len(text) + 1) * len(new))
        return text.replace(old, new)

    return replace


# The attributes that are made, rather than read, by type.
_MADE: dict[tuple[type, str], Callable[[Any], Any]] = {
    (list, "extend"): _extend,
    (str, "join"): _join,
    (str, "replace"): _replace,
    (Array, "dtype"): dtypes.dtype_of,
    (Array, "mT"): lambda x: array(np.swapaxes(x, -1, -2)),
    (Array, "itemsize"): lambda x: dtypes.dtype_of(x).itemsize,
    (Array, "nbytes"): lambda x: dtypes.dtype_of(x).itemsize * x.size,
    (Array, "weak_type"): lambda _: False,
    (Array, "block_until_ready"): lambda x: lambda: x,
    (Array, "conj"): lambda x: lambda: array(np.conj(np.asarray(x))),
    (Array, "conjugate"): lambda x: lambda: array(np.conj(np.asarray(x))),
    (Array, "copy"): lambda x: lambda: array(np.array(x)),
    (Array, "flatten"): lambda x: lambda: array(np.array(x).ravel()),
    (Array, "item"): lambda x: lambda: np.asarray(x).item(),
    (Array, "tolist"): lambda x: lambda: np.asarray(x).tolist(),
    (Array, "real"): lambda x: array(np.real(np.asarray(x))),
    (Array, "imag"): lambda x: array(np.imag(np.asarray(x))),
    (Key, "dtype"): lambda _: DTYPES["uint32"],
}
_NAMES: dict[type, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        str: "endswith index islower isupper isdigit join lower lstrip replace rstrip split "
        "startswith strip title upper find count",
        list: "append clear copy count extend index insert pop remove reverse sort",
        tuple: "count index",
        dict: "clear copy get items keys pop setdefault update values",
        set: "add difference discard intersection issubset issuperset union update",
        frozenset: "difference intersection issubset issuperset union",
        int: "bit_length real imag numerator denominator",
        float: "real imag is_integer",
        complex: "real imag conjugate",
        slice: "start stop step",
        range: "start stop step",
        functools.partial: "func args keywords",
        Array: "T all any argmax argmin argsort astype at clip conj conjugate copy "
        "cumprod cumsum diagonal dot dtype flatten imag item itemsize mT max mean min nbytes ndim "
        "prod ravel real repeat reshape round shape size sort squeeze std sum swapaxes take tolist "
        "trace transpose var weak_type block_until_ready",
        At: "",
        Place: "add apply divide get max min mul multiply power set subtract",
        DType: "dtype itemsize kind name type",
        Key: "dtype ndim shape size",
        dtypes.FInfo: "bits dtype eps max min smallest_normal tiny",
        dtypes.IInfo: "bits dtype max min",
        transforms.ShapeDtypeStruct: "dtype ndim shape size",
        transforms.CustomJvp: "defjvp defjvps",
        transforms.CustomVjp: "defvjp",
        tree_library.TreeDef: "num_leaves unflatten children num_nodes",
    }.items()
}


def get_attribute(value: Any, name: str) -> Any:
    """Read an attribute, if values of this type may give it to a text.

    Raises AttributeError.
    """
    if isinstance(value, Library):
        return getattr(value, name)
    own = value if isinstance(value, type) else type(value)
    if issubclass(own, OwnClass):
        if name in own.names_of_class:
            return getattr(value, name)
    elif isinstance(value, np.generic | np.ndarray):
        if name in _NAMES[Array]:
            value = value if isinstance(value, Array) else array(value)
            make = _MADE.get((Array, name))
            return getattr(value, name) if make is None else make(value)
    elif name == "__name__" and isinstance(value, types.FunctionType):
        return value.__name__
    elif not isinstance(value, type):
        for kind in own.__mro__:
            if name in _NAMES.get(kind, ()):
                make = _MADE.get((kind, name))
                return getattr(value, name) if make is None else make(value)
    raise AttributeError(f"its python reads {name!r} of {_describe_type(own)}, which isn't allowed")


def get_by_name(value: Any, name: Any, *default: Any) -> Any:
    """`getattr`, with the same guard."""
    if type(name) is not str or name.startswith("_"):
        raise AttributeError(f"its python reads the attribute {name!r:.40} by name")
    if not default:
        return get_attribute(value, name)
    try:
        return get_attribute(value, name)
    except AttributeError:
        return default[0]


def has_attribute(value: Any, name: Any) -> bool:
    """`hasattr`, with the same guard."""
    try:
        get_by_name(value, name)
    except AttributeError:
        return False
    return True


def get_item(container: Any, index: Any) -> Any:
    """`container[index]`. JAX moves indices that lie outside of an array to its ends."""
    try:
        return container[index]
    except IndexError:
        if not isinstance(container, np.ndarray):
            raise
        return array(np.asarray(container)[_move_inside(index, container.shape)])


def _move_inside(index: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Move the integers in an index to the ends of the dimensions that they are outside of."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(np.asarray(part).dtype.kind == "b" for part in parts if isinstance(part, np.ndarray)):
        raise IndexError("an index with booleans doesn't fit the array")
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    found: list[Any] = []
    axis = 0
    for part in parts:
        if part is None or isinstance(part, slice):
            found.append(part)
        elif part is Ellipsis:
            found.append(part)
            axis = len(shape) - taken
            taken = 0
            continue
        else:
            size = shape[axis]
            found.append(np.clip(np.asarray(part), -size, size - 1))
        axis += part is not None
        taken -= part is not None
    return tuple(found)


def set_item(container: Any, index: Any, value: Any) -> None:
    """`container[index] = value`, of a list, a dict or an array that the text has made."""
    if isinstance(container, list):
        if isinstance(index, slice):
            value = list(value)
            bounds.check_length(len(container) + len(value))
        container[index] = value
    elif isinstance(container, dict):
        bounds.check_length(len(container))
        container[index] = value
    elif isinstance(container, np.ndarray) and container.flags.writeable:
        np.asarray(container)[index] = value
    else:
        raise TypeError("its python assigns to an item of an array or of a tuple")


def bound_starred(values: Any) -> Any:
    """What a star stands before, with a bounded length."""
    if not hasattr(values, "__len__"):
        values = [value for value in values if bounds.step()]
    bounds.check_length(len(values))
    return values


def show(value: Any) -> Any:
    """A value as a text shows it in a message; its text is short."""
    if value is None or type(value) in (int, float, bool):
        return value
    if type(value) is str:
        if len(value) > _MAX_PART:
            raise BoundExceeded(f"its python shows a text longer than {_MAX_PART:,}")
        return value
    if type(value) in (tuple, list) and len(value) < 32 and all(type(x) is int for x in value):
        return str(value)
    if isinstance(value, np.ndarray | np.generic) and not np.ndim(value):
        return np.asarray(value).item()
    if isinstance(value, DType):
        return value.name
    return _describe_type(type(value))


def _describe_type(kind: type) -> str:
    return "an array" if issubclass(kind, np.ndarray | np.generic) else f"a {kind.__name__}"


def show_text(value: Any) -> str:
    """`str` and `repr` of a value that may be shown."""
    return str(show(value))
