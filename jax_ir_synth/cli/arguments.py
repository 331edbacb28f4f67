"""The arguments of a function in a command's words: a shape and a dtype, a name, a range."""

import ast
import math
import re
from typing import Any, NamedTuple

from jax_ir_synth.cli import options
from jax_ir_synth.errors import UsageError

# MLIR's names of element types, with NumPy's.
DTYPES = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i32": "int32",
    "i16": "int16",
    "i8": "int8",
    "ui32": "uint32",
    "ui16": "uint16",
    "ui8": "uint8",
    "i1": "bool",
}
_MLIR = re.compile(r"(?P<shape>(?:\d+x)*)(?P<dtype>[a-z]+\d+)")
_JAX = re.compile(r"(?P<dtype>[a-z]+\d*)\[(?P<shape>\d+(?:,\s*\d+)*)?\]")
_NAMED = re.compile(r"(?P<name>[^\W\d]\w*)\s*(?P<sign>[:=])\s*(?P<rest>.+)", re.DOTALL)
_RANGED = re.compile(r"(?P<aval>.+?)(?:\s+(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+))?\s*")


class Aval(NamedTuple):
    """An argument's shape and dtype."""

    shape: tuple[int, ...]
    dtype: str


class NamedArgument(NamedTuple):
    """An argument by its name.

    Attributes:
      name: The name.
      aval: Its shape and dtype; None for a value that stays.
      range: Its range, if one is given.
      value: The value that stays.
    """

    name: str
    aval: Aval | None
    range: tuple[float, float] | None = None
    value: Any = None


class Shape(options.Type):
    """An argument as MLIR writes it, `8x16xf32`, or as JAX does, `float32[8,16]`."""

    name = "shape"

    def read(self, text: str, name: str) -> Aval:
        """Parse the shape and the dtype."""
        if match := _MLIR.fullmatch(text):
            numbers = match["shape"].split("x")[:-1]
        elif match := _JAX.fullmatch(text):
            numbers = match["shape"].split(",") if match["shape"] else []
        else:
            raise UsageError(f"`{name}` (={text}) must be like 8x16xf32, f32 or float32[8,16]")
        dtype = DTYPES.get(match["dtype"], match["dtype"])
        if dtype not in DTYPES.values():
            known = ", ".join(DTYPES)
            raise UsageError(f"`{name}` (={text}) must have one of the element types {known}")
        return Aval(tuple(map(int, numbers)), dtype)


class Argument(options.Type):
    """A named argument: `x: f32[8,16]`, `x: f32[8,16] -1..1`, or `axis=-1` for a value."""

    name = "argument"

    def read(self, text: str, name: str) -> NamedArgument:
        """Parse the name, and what follows it."""
        match = _NAMED.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"`{name}` (={text}) must be like 'x: f32[8,16]', 'x: f32[8,16] -1..1' or 'axis=-1'"
            )
        if match["sign"] == "=":
            return NamedArgument(match["name"], None, value=_read_value(text, match["rest"], name))
        ranged = _RANGED.fullmatch(match["rest"])
        assert ranged is not None, "the first group takes any text"
        aval = Shape().read(ranged["aval"], name)
        if ranged["low"] is None:
            return NamedArgument(match["name"], aval)
        return NamedArgument(match["name"], aval, _read_range(text, ranged, name))


def _read_value(text: str, value: str, name: str) -> Any:
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            f"`{name}` (={text}) must have a literal of Python's after the ="
        ) from None


def _read_range(text: str, ranged: re.Match[str], name: str) -> tuple[float, float]:
    try:
        low, high = float(ranged["low"]), float(ranged["high"])
    except ValueError:
        low, high = math.inf, -math.inf
    if not -math.inf < low <= high < math.inf:
        raise UsageError(f"`{name}` (={text}) must have a range like -1..1, the lower end first")
    return low, high
