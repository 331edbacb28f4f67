"""Splits a call into its arrays and what stays, and writes it as a function of the arrays alone."""

import copy
import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jax_ir_synth.errors import UsageError
from jax_ir_synth.functions.cutting.cut import Cut, join
from jax_ir_synth.functions.cutting.cutter import Cutter
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.literals import Placeholder
from jax_ir_synth.functions.cutting.pieces import Part, Parts, Piece, Ref, make_identifier
from jax_ir_synth.functions.cutting.standins import find_names, is_object, list_fields
from jax_ir_synth.reference.inputs import DTYPES
from jax_ir_synth.request.describing import describe

PREFIX = "kernel_"
_WIDTH = 88
# What becomes of 64-bit types.
_WIDE = {
    "float64": "float32",
    "int64": "int32",
    "uint64": "uint32",
    "complex128": "complex64",
}


class Leaf(NamedTuple):
    """An array among the arguments of a call.

    Attributes:
      name: Its name in the row.
      argument: The name of the argument that it is in.
      shape: Its shape.
      dtype: The name of its dtype.
      example: Its values, where an example was given.
      is_key: Whether the function takes a typed key, of which this is the data.
    """

    name: str
    argument: str
    shape: tuple[int, ...]
    dtype: str
    example: np.ndarray | None
    is_key: bool = False


class Owner(NamedTuple):
    """The object of a method.

    Attributes:
      value: The object itself.
      method: The method's name.
      names: The names of attributes that a call may use.
      fields: The fields that have one of these names, with placeholders for arrays.
    """

    value: Any
    method: str
    names: frozenset[str]
    fields: dict[str, Any]

    def fill(self, put: Callable[[Any], Any]) -> Any:
        """Return a copy of the object, with what `put` gives for each placeholder."""
        found = copy.copy(self.value)
        for name, value in self.fields.items():
            # A class may refuse to set what its objects were made with.
            object.__setattr__(found, name, jax.tree.map(put, value))
        return found

    def with_placeholders(self) -> Any:
        """Return a copy of the object that holds the placeholders."""
        return self.fill(lambda value: value)


class Call(NamedTuple):
    """A call of a function, of which only the arrays vary.

    Attributes:
      function: The function.
      arguments: For each positional argument its name and its value, with a `Placeholder` in place
        of each array.
      keywords: The same for keyword arguments.
      leaves: The arrays, in their order.
      owner: The object whose method the function is, with placeholders in its fields.
    """

    function: Callable[..., Any]
    arguments: list[tuple[str, Any]]
    keywords: dict[str, Any]
    leaves: list[Leaf]
    owner: "Owner | None" = None

    def run(self, *arrays: Any) -> Any:
        """Call the function with arrays in the order of `leaves`."""
        values = dict(zip((leaf.name for leaf in self.leaves), arrays, strict=True))
        keys = {leaf.name for leaf in self.leaves if leaf.is_key}

        def fill(value: Any) -> Any:
            if not isinstance(value, Placeholder):
                return value
            array = values[value.name]
            return jax.random.wrap_key_data(array) if value.name in keys else array

        arguments = [jax.tree.map(fill, value) for _, value in self.arguments]
        keywords = {name: jax.tree.map(fill, value) for name, value in self.keywords.items()}
        function = self.function
        if self.owner is not None:
            function = getattr(self.owner.fill(fill), self.owner.method)
        return function(*arguments, **keywords)

    @property
    def is_plain(self) -> bool:
        """Whether the function takes the arrays themselves, in this order."""
        plain = all(isinstance(value, Placeholder) for _, value in self.arguments)
        keys = any(leaf.is_key for leaf in self.leaves)
        return plain and not self.keywords and not keys and self.owner is None


def read_call(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> Call:
    """Split a call into its arrays and what stays.

    Args:
      fn: The function.
      args: Its arguments: arrays, `jax.ShapeDtypeStruct`s, pytrees of these, and other values,
        which stay as they are.
      kwargs: Its keyword arguments, likewise.

    Raises:
      UsageError: There is no array, or one of a dtype that no row has.
    """
    if not callable(fn):
        raise UsageError(f"`fn` ({describe(fn)}) must be callable")
    kwargs = dict(kwargs or {})
    while isinstance(fn, functools.partial):
        args, kwargs, fn = (*fn.args, *args), {**fn.keywords, **kwargs}, fn.func
    names = _name_arguments(fn, len(args))
    leaves: list[Leaf] = []
    taken: set[str] = set()
    owner = _read_owner(fn, leaves, taken)
    arguments = [
        (name, _split(name, value, leaves, taken)) for name, value in zip(names, args, strict=True)
    ]
    keywords = {name: _split(name, value, leaves, taken) for name, value in kwargs.items()}
    if not leaves:
        raise UsageError("`args` must hold an array, since a row's program computes with arrays")
    return Call(fn, arguments, keywords, leaves, owner)


def cut_call(call: Call, name: str | None = None) -> Cut:
    """Cut a call out as the text of a function of arrays alone.

    The function itself is the last definition if it takes the arrays, in their order. Otherwise a
    wrapper is, which has `kernel_` before its name.

    Args:
      call: The call.
      name: The function's name in the text, if not its own.

    Raises:
      NotSelfContained: It can't be cut out.
    """
    cutter = Cutter()
    found, own = _write_function(call, cutter)
    first = found[0] if len(found) == 1 else None
    entry = first.piece if isinstance(first, Ref) else None
    plain = call.is_plain and entry is not None and entry.kind == "definition"
    if plain and entry is not None and name in (None, entry.wanted) and _takes(call):
        return join(cutter, entry)
    base = name or make_identifier(own).strip("_") or "function"
    wrapper = Piece(base if base.startswith(PREFIX) else PREFIX + base)
    wrapper.bound = frozenset(leaf.name for leaf in call.leaves)
    arguments = [("", cutter.express(value)) for _, value in call.arguments]
    arguments += [(f"{key}=", cutter.express(value)) for key, value in call.keywords.items()]
    names = [leaf.name for leaf in call.leaves]
    keys = {leaf.name for leaf in call.leaves if leaf.is_key}
    parts: list[Part] = ["def ", Ref(wrapper, ""), *_write_header(wrapper.wanted, names)]
    for key in (leaf.name for leaf in call.leaves if leaf.name in keys):
        root = cutter.add_import("jax", "", "jax")
        parts += [f"    {key} = ", Ref(root.piece, ""), f".random.wrap_key_data({key})\n"]
    parts += ["    return ", *_respell(found)]
    parts += _write_arguments(arguments, len(f"    return {_show(found)}"))
    wrapper.parts = parts
    cutter.add(wrapper)
    return join(cutter, wrapper)


def _write_function(call: Call, cutter: Cutter) -> tuple[Parts, str]:
    """Write the function that is called, and return its name, too."""
    owner = call.owner
    if owner is None:
        own, module = _find_home(call.function)
        return cutter.find(call.function, own, module), own
    cutter.names = owner.names
    name = type(owner.value).__name__
    parts = cutter.express(owner.with_placeholders())
    if owner.method == "__call__":
        return parts, name
    return [*parts, f".{owner.method}"], f"{name}_{owner.method}"


def _read_owner(fn: Any, leaves: list[Leaf], taken: set[str]) -> Owner | None:
    """Split the object of a method, or one that is called itself; None for a function."""
    if isinstance(fn, types.MethodType) and is_object(fn.__self__):
        value, method = fn.__self__, fn.__name__
    elif is_object(fn) and not hasattr(fn, "__wrapped__"):
        value, method = fn, "__call__"
    else:
        return None
    names = find_names(value, method)
    fields = list_fields(value, names)
    split = {name: _split(name, each, leaves, taken) for name, each in fields.items()}
    return Owner(value, method, names, split)


def _find_home(function: Callable[..., Any]) -> tuple[str, str]:
    """Find a function's name, and the module that has it under this name; empty if none does.

    What `jax.vmap` or `jax.grad` has made has the name of the function in it, and its module binds
    it to another one.
    """
    own = getattr(function, "__name__", type(function).__name__)
    module = getattr(function, "__module__", None)
    names = vars(sys.modules[module]) if module in sys.modules else {}
    for name in (own, *names):
        if names.get(name) is function:
            return name, str(module)
    return own, ""


def _takes(call: Call) -> bool:
    """Whether the arguments' names are those of the function's parameters, from the first on."""
    try:
        parameters = list(inspect.signature(call.function).parameters.values())
    except (ValueError, TypeError):
        return False
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [each.name for each in parameters if each.kind in kinds]
    wanted = [leaf.name for leaf in call.leaves]
    return names[: len(wanted)] == wanted


def _name_arguments(fn: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    names = []
    for each in parameters:
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            names.append(each.name)
        elif each.kind is each.VAR_POSITIONAL:
            names += [f"{each.name}_{number}" for number in range(count - len(names))]
    names = names[:count]
    return names + [f"x{number}" for number in range(len(names), count)]


def _split(argument: str, value: Any, leaves: list[Leaf], taken: set[str]) -> Any:
    """Put placeholders in the place of an argument's arrays, and append these to the leaves."""
    paths, tree = jax.tree_util.tree_flatten_with_path(value)
    filled = []
    for path, leaf in paths:
        if not _is_array(leaf):
            filled.append(leaf)
            continue
        found = _read_leaf(argument, path, leaf, taken)
        leaves.append(found)
        filled.append(Placeholder(found.name))
    return jax.tree_util.tree_unflatten(tree, filled)


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUSMmV":
        # NumPy counts a short float as an unknown type.
        return str(value.dtype) == "bfloat16"
    return isinstance(value, (jax.Array, np.ndarray, np.generic, jax.ShapeDtypeStruct))


def _read_leaf(argument: str, path: Any, leaf: Any, taken: set[str]) -> Leaf:
    name = make_identifier("_".join([argument, *map(_name_key, path)]))
    base, number = name, 1
    while name in taken or name in ("jax", "jnp", "np", "lax"):
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    is_key = bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))
    if is_key:
        spec = jax.eval_shape(jax.random.key_data, leaf)
        given = isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer)
        example = np.asarray(jax.random.key_data(leaf)) if given else None
        return Leaf(name, argument, tuple(spec.shape), spec.dtype.name, example, True)
    # As jax does by default, whatever the caller has set.
    dtype = _WIDE.get(leaf.dtype.name, leaf.dtype.name)
    if dtype not in DTYPES:
        place = argument + "".join(map(str, path))
        raise UsageError(f"argument {place} has the dtype {dtype}; a row has {', '.join(DTYPES)}")
    if not all(isinstance(size, int) for size in leaf.shape):
        raise UsageError(f"argument {argument} has a symbolic shape; a row has sizes alone")
    given = not isinstance(leaf, (jax.ShapeDtypeStruct, jax.core.Tracer))
    example = np.asarray(leaf) if given else None
    return Leaf(name, argument, tuple(leaf.shape), dtype, example)


def _name_key(key: Any) -> str:
    """Name a step of a path in a pytree."""
    for attribute in ("key", "idx", "name"):
        if hasattr(key, attribute):
            return re.sub(r"\W", "_", str(getattr(key, attribute))).strip("_")
    return re.sub(r"\W", "_", str(key)).strip("_")


def _respell(parts: Parts) -> list[Part]:
    """Let no name be hidden by an argument of the wrapper."""
    return [Ref(part.piece, "") if isinstance(part, Ref) else part for part in parts]


def _write_header(name: str, names: Sequence[str]) -> list[Part]:
    line = ", ".join(names)
    if len(f"def {name}({line}):") <= _WIDTH:
        return [f"({line}):\n"]
    return ["(\n", *(f"    {each},\n" for each in names), "):\n"]


def _write_arguments(arguments: Sequence[tuple[str, Parts]], before: int) -> list[Part]:
    """Write the arguments of a call, on one line if they fit after what stands before them."""
    shown = ", ".join(prefix + _show(parts) for prefix, parts in arguments)
    inner: list[Part] = []
    if before + len(f"({shown})") <= _WIDTH:
        for number, (prefix, parts) in enumerate(arguments):
            inner += [", " if number else "", prefix, *_respell(parts)]
        return ["(", *inner, ")\n"]
    for prefix, parts in arguments:
        inner += [f"        {prefix}", *_respell(parts), ",\n"]
    return ["(\n", *inner, "    )\n"]


def _show(parts: Parts) -> str:
    return "".join(part if isinstance(part, str) else part.piece.wanted for part in parts)


__all__ = ["Call", "Leaf", "NotSelfContained", "cut_call", "read_call"]
