"""The builtins that a module's text may use, each bounded."""

import builtins
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from jax_ir_synth.reference.modules import guards
from jax_ir_synth.reference.modules.annotations import Annotation
from jax_ir_synth.reference.modules.classes import OwnClass
from jax_ir_synth.reference.numpy_jax import bounds
from jax_ir_synth.reference.numpy_jax.arrays import DType

_PLAIN = (
    "abs all any bool callable complex dict divmod enumerate filter float frozenset int len list "
    "map max min next range reversed set slice sorted str tuple zip Ellipsis "
    "NotImplemented Exception ArithmeticError AssertionError AttributeError IndexError KeyError "
    "NotImplementedError OverflowError RuntimeError TypeError ValueError ZeroDivisionError"
).split()
_SAFE_TYPES = (int, float, bool, complex, str, tuple, list, dict, set, frozenset, slice, range)


def is_instance(value: Any, kinds: Any) -> bool:
    """`isinstance`, where the arrays of a program are JAX's and its numbers are Python's.

    NumPy's float64, which an element of an array is here, is a subclass of Python's float.
    """
    if isinstance(kinds, tuple):
        return any(is_instance(value, kind) for kind in kinds)
    is_array = isinstance(value, np.ndarray | np.generic)
    if isinstance(kinds, Annotation):
        return kinds.has_instance(value)
    # A text has functions in place of these types.
    kinds = {guards.show_text: str, bounds.bounded_range: range}.get(kinds, kinds)
    if kinds is np.ndarray:
        return is_array
    if isinstance(kinds, DType):
        return False
    if not isinstance(kinds, type):
        raise TypeError("isinstance: its second argument must be types")
    return not is_array and isinstance(value, kinds)


def is_subclass(kind: Any, kinds: Any) -> bool:
    """`issubclass` of Python's own types and the text's."""
    if isinstance(kinds, tuple):
        return any(is_subclass(kind, each) for each in kinds)
    return isinstance(kind, type) and isinstance(kinds, type) and issubclass(kind, kinds)


def type_of(value: Any) -> Any:
    """`type` of one value, if the type is one that a text may have."""
    if isinstance(value, np.ndarray | np.generic):
        return np.ndarray
    kind = type(value)
    if kind in _SAFE_TYPES or issubclass(kind, OwnClass) or value is None:
        return kind
    raise TypeError(f"its python takes the type of a {kind.__name__}")


def sum_bounded(values: Iterable[Any], /, start: Any = 0) -> Any:
    """`sum`, also of lists and tuples."""
    total = start
    for value in values:
        total = bounds.add(total, value)
    return total


def power(x: Any, y: Any, modulus: Any = None) -> Any:
    """`pow`."""
    return bounds.power(x, y) if modulus is None else pow(x, y, modulus)


def _iterate(values: Any) -> Iterator[Any]:
    return iter(values)


def _ignore(*_: Any, **__: Any) -> None:
    """`print`: a program's messages aren't shown."""


def reduce(function: Callable[..., Any], values: Iterable[Any], *initial: Any) -> Any:
    """`functools.reduce`, which counts a step for each value."""
    return functools.reduce(function, (value for value in values if bounds.step()), *initial)


BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in _PLAIN} | {
    "classmethod": classmethod,
    "getattr": guards.get_by_name,
    "hasattr": guards.has_attribute,
    "isinstance": is_instance,
    "issubclass": is_subclass,
    "iter": _iterate,
    "pow": power,
    "print": _ignore,
    "property": property,
    "range": bounds.bounded_range,
    "round": bounds.bounded_round,
    "repr": guards.show_text,
    "staticmethod": staticmethod,
    "str": guards.show_text,
    "sum": sum_bounded,
    "type": type_of,
}
