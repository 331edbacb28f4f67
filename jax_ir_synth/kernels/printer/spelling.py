"""Writes operations as Python expressions: draws one of their spellings and fills it in."""

import math
import re
from collections.abc import Callable, Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import Operands, Value
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.ops.base import same_shape_and_dtype

ATOM = 100
_FIELD = re.compile(r"\{([^{}:]*)(?::(\w+))?\}")
# Numbers that people write by name.
_NAMED = {
    math.pi: "jnp.pi",
    math.e: "jnp.e",
    1.1920928955078125e-07: "jnp.finfo(jnp.float32).eps",
    3.4028234663852886e38: "jnp.finfo(jnp.float32).max",
    -3.4028234663852886e38: "jnp.finfo(jnp.float32).min",
}
_JNP_DTYPES = {"bool": "jnp.bool_"}


class Text(str):
    """Python text of an expression, and how strongly it binds (100: an atom)."""

    __slots__ = ("precedence",)
    precedence: int

    def __new__(cls, text: str, precedence: int = ATOM) -> "Text":
        """Takes the text, and how strongly it binds."""
        self = super().__new__(cls, text)
        self.precedence = precedence
        return self

    def within(self, precedence: int) -> str:
        """The text, in brackets where it binds weaker than asked."""
        return str(self) if self.precedence >= precedence else f"({self})"


def number(value: float | int | bool) -> Text:
    """A number as people write it."""
    if isinstance(value, (bool, int)):
        return Text(repr(value), ATOM if value >= 0 else 80)
    if abs(value) in _NAMED:
        return Text(_NAMED[value]) if value in _NAMED else Text(f"-{_NAMED[-value]}", 80)
    if math.isinf(value):
        return Text("jnp.inf") if value > 0 else Text("-jnp.inf", 80)
    text = repr(value)
    if abs(value) >= 1e6:
        text = f"{value:.6g}".replace("e+0", "e").replace("e+", "e")
    if "e-0" in text:
        text = text.replace("e-0", "e-")
    return Text(text, ATOM if value >= 0 else 80)


def dtype_name(dtype: str) -> str:
    """`jnp.float32` and so on."""
    return _JNP_DTYPES.get(dtype, f"jnp.{dtype}")


def _swapped(perm: Sequence[int]) -> list[int]:
    return [i for i, p in enumerate(perm) if i != p]


def _moved(perm: Sequence[int]) -> tuple[int, int] | None:
    """(source, destination) of an axis, if moving it gives `perm`."""
    n = len(perm)
    for source in range(n):
        for destination in range(n):
            order = [i for i in range(n) if i != source]
            order.insert(destination, source)
            if tuple(order) == tuple(perm) and source != destination:
                return source, destination
    return None


_CONDITIONS: dict[str, Callable[[Value], bool]] = {
    "same": lambda node: same_shape_and_dtype(node.operands),
    "reversed": lambda node: node.params["perm"] == tuple(reversed(range(node.operands[0].ndim))),
    "swap": lambda node: len(_swapped(node.params["perm"])) == 2,
    "move": lambda node: _moved(node.params["perm"]) is not None,
    "hstack": lambda node: node.params["axis"] == min(1, node.operands[0].ndim - 1),
    "vstack": lambda node: node.params["axis"] == 0 and node.operands[0].ndim >= 2,
    "two": lambda node: len(node.operands) == 2,
    "one_axis": lambda node: node.operands[0].ndim == 1,
    "dot": lambda node: (node.operands[0].ndim, node.operands[1].ndim) != (3, 3),
    "vec1": lambda node: all(v.ndim == 1 for v in node.operands) and same_dtype(node.operands),
    "rows": lambda node: (
        node.params["equation"] in ("ij,ij->i", "ni,ni->n", "bi,bi->b")
        and same_dtype(node.operands)
    ),
    "mat2": lambda node: all(v.ndim == 2 for v in node.operands) and same_dtype(node.operands),
    "dot2": lambda node: (
        node.operands[0].ndim <= 2 and node.operands[1].ndim <= 2 and same_dtype(node.operands)
    ),
}


def same_dtype(operands: Operands) -> bool:
    """Whether the operands have one dtype."""
    return len({v.dtype for v in operands}) == 1


def _axis_number(axis: int, ndim: int, stream: Stream) -> str:
    return str(axis - ndim) if axis == ndim - 1 and stream.chance(60) else str(axis)


def _axis(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    return _reduced_axes(node, stream, positional=False)


def _second_axis(node: Value, stream: Stream) -> str:
    """The axis of a function that takes it second, where people sometimes leave out its keyword."""
    return _reduced_axes(node, stream, positional=True)


def _reduced_axes(node: Value, stream: Stream, positional: bool) -> str:
    axis, ndim = node.params["axis"], node.operands[0].ndim
    if not isinstance(axis, tuple):
        return f", axis={_axis_number(axis, ndim, stream)}"
    if len(axis) == ndim and (ndim != 1 or stream.chance(70)):
        return ""
    if len(axis) == 1:
        keyword = "" if positional and stream.chance(12) else "axis="
        return f", {keyword}{_axis_number(axis[0], ndim, stream)}"
    return f", axis=({', '.join(_axis_number(a, ndim, stream) for a in axis)})"


def _join_axis(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    axis = node.params["axis"]
    if axis == 0 and stream.chance(60):
        return ""
    return f", axis={_axis_number(axis, _axes(node), stream)}"


def _axes(node: Value) -> int:
    """How many axes the parameter `axis` counts."""
    return node.operands[0].ndim + OPS[node.op].adds_axis


def _slice(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    params, ndim = node.params, node.operands[0].ndim
    axis: int = params["axis"]
    n = node.operands[0].shape[axis]
    start = "" if params["start"] == 0 else str(params["start"])
    stop = params["stop"]
    ends = "" if stop == n else f"-{n - stop}" if n - stop <= 3 and stream.chance(60) else str(stop)
    step = "" if params["step"] == 1 else f":{params['step']}"
    if axis and axis == ndim - 1 and stream.chance(40):
        return f"..., {start}:{ends}{step}"
    return ":, " * axis + f"{start}:{ends}{step}"


def _pick(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    x = node.operands[0]
    axis: int = node.params["axis"]
    index: int = node.params["index"]
    text = "-1" if index == x.shape[axis] - 1 and stream.chance(60) else str(index)
    if axis and axis == x.ndim - 1 and stream.chance(50):
        return f"..., {text}"
    return ":, " * axis + text


def _newaxis(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    axis: int = node.params["axis"]
    ndim = node.operands[0].ndim
    none = "None" if stream.chance(75) else "jnp.newaxis"
    if axis == 0:
        return none if ndim < 2 or stream.chance(60) else f"{none}, :"
    if axis == ndim and stream.chance(50):
        return f"..., {none}"
    return ":, " * axis + none


def _starts(node: Value, start: str) -> str:
    ndim, axis = node.operands[0].ndim, node.params["axis"]
    items = [start if i == axis else "0" for i in range(ndim)]
    return f"({', '.join(items)}{',' if ndim == 1 else ''})"


def _at(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    if len(node.operands) == 3:
        return texts[2]
    if "slice" in node.params:
        start, stop = node.params["slice"]
        n = node.operands[0].shape[0]
        return f"{start or ''}:{'' if stop == n else stop}"
    index = node.params["index"]
    return "-1" if index == node.operands[0].shape[0] - 1 and stream.chance(50) else str(index)


def _dtype_keyword(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    return _unless_default(node, stream, "float32")


def _integer_dtype_keyword(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    return _unless_default(node, stream, "int32")


def _unless_default(node: Value, stream: Stream, default: str) -> str:
    if node.dtype == default and stream.chance(70):
        return ""
    return f", dtype={dtype_name(node.dtype)}"


def _last_axis(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    axis, ndim = node.params["axis"], node.operands[0].ndim
    if axis == ndim - 1:
        return "" if stream.chance(40) else ", axis=-1"
    return f", axis={axis}"


def _sizes(node: Value, stream: Stream, texts: Sequence[Text]) -> str:
    sizes = list(node.operands[0].shape)
    sizes[node.params["axis"]] = node.params["length"]
    return repr(tuple(sizes))


# The writers of parameters in a template, by name. A parameter that has none is written by `repr`.
_PARAMETERS: dict[str, Callable[[Value, Stream, Sequence[Text]], str]] = {
    "axis": _axis,
    "keepdims": lambda node, stream, texts: (
        ", keepdims=True" if node.params.get("keepdims") else ""
    ),
    "slice": _slice,
    "pick": _pick,
    "newaxis": _newaxis,
    "at": _at,
    "dtype_kw": _dtype_keyword,
    "int_dtype_kw": _integer_dtype_keyword,
    "join_axis": _join_axis,
    "last_axis": _last_axis,
    "dtype": lambda node, stream, texts: dtype_name(node.dtype),
    "gather": lambda node, stream, texts: ":, " * node.params["axis"] + texts[1],
    "starts": lambda node, stream, texts: _starts(node, texts[1]),
    "starts2": lambda node, stream, texts: _starts(node, texts[2]),
    "sizes": _sizes,
    "window_shape": lambda node, stream, texts: repr(
        (node.params["window"],) * node.operands[0].ndim
    ),
    "window_strides": lambda node, stream, texts: repr(
        (node.params["stride"],) * node.operands[0].ndim
    ),
    "n": lambda node, stream, texts: str(node.params["n"] if "n" in node.params else node.shape[0]),
    "swap": lambda node, stream, texts: ", ".join(map(str, _swapped(node.params["perm"]))),
    "move": lambda node, stream, texts: ", ".join(map(str, _moved(node.params["perm"]) or ())),
    "conditions": lambda node, stream, texts: ", ".join(texts[: (len(texts) - 1) // 2]),
    "choices": lambda node, stream, texts: ", ".join(texts[(len(texts) - 1) // 2 : -1]),
    "default": lambda node, stream, texts: texts[-1],
    "fill": lambda node, stream, texts: node.params["fill"],
    "equation": lambda node, stream, texts: node.params["equation"],
    "mode": lambda node, stream, texts: node.params["mode"],
}


def fitting(node: Value) -> list[tuple[int, str]]:
    """`(weight, template)` of each spelling whose condition the node meets."""
    return [
        (weight, template)
        for weight, template, *condition in OPS[node.op].spellings
        if not condition or _CONDITIONS[condition[0]](node)
    ]


def spell(node: Value, texts: Sequence[Text], stream: Stream) -> Text:
    """Draws one of the node's spellings; `texts` are those of its operands."""
    choices = fitting(node)
    template = (
        choices[0][1]
        if len(choices) == 1
        else stream.weighted(choices, tuple(weight for weight, _ in choices))[1]
    )
    return fill(template, node, texts, stream)


def fill(template: str, node: Value, texts: Sequence[Text], stream: Stream) -> Text:
    """Puts operands and parameters into a template."""
    precedence = ATOM
    if template[2:3] == "|":
        precedence, template = int(template[:2]), template[3:]

    def field(match: re.Match[str]) -> str:
        name, spec = match.groups()
        if name == "*":
            return ", ".join(texts)
        if name.isdigit():
            return texts[int(name)].within(int(spec)) if spec else texts[int(name)]
        if spec == "p":  # lax wants an axis that counts from the front
            return str(node.params[name])
        if spec == "d":
            return _axis_number(node.params[name], _axes(node), stream)
        if spec == "second":
            return _second_axis(node, stream)
        if name in _PARAMETERS:
            return _PARAMETERS[name](node, stream, texts)
        value = node.params[name]
        return number(value) if isinstance(value, float) else repr(value)

    text = _FIELD.sub(field, template)
    return Text(text.replace("(, ", "("), precedence)
