"""A family: a program that people know, as real code with options, and what its arguments are.

A family is a function in a module of `kernels/families`. It is never called: its text is read, one
value is chosen for each option, and `style` writes the program that is left. So it uses an option
in tests of `if`, as a constant, or in calls of other functions of its module, and nowhere else.

    @family("contraction", "branch", q="n d", k="m d", v="m d", causal=(False, True))
    def attention(q, k, v, *, causal=False):
        '''Attention of queries to keys.'''
        ...
"""

import ast
import functools
import importlib
import inspect
import json
import math
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError

# Sizes of an axis by its letter; others are drawn as `n` is.
SIZES: dict[str, tuple[int, ...]] = {
    "b": (2, 3, 4, 4, 8),
    "c": (3, 4, 5, 6, 8, 10),
    "d": (4, 6, 8, 8, 12, 16, 16, 24, 32),
    "e": (4, 6, 8, 8, 12, 16, 24),
    "f": (4, 8, 12, 16, 16, 24, 32),
    "h": (2, 3, 4, 4),
    "k": (2, 3, 4, 5),
    "l": (2, 3),
    "m": (4, 5, 6, 8, 8, 10, 12, 16),
    "n": (4, 5, 6, 8, 8, 10, 12, 16, 20, 24, 32),
    "t": (4, 5, 6, 8, 8, 10, 12, 16, 20),
}
_SPEC = re.compile(
    r"(?P<optional>\? ?)?(?P<dims>(?:[\w.*+]+ ?)*?)"
    r"(?:in (?P<low>-?[\d.e-]+)\.\.(?P<high>-?[\d.e-]+)|(?P<bool>bool)|int (?P<below>[\w*+-]+))?"
)

# Of each word, the names and their weights.
NameTable = Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]
_DIM = re.compile(r"\.\.\.|(?:\d+|[a-z])(?:[-+*](?:\d+|[a-z]))*")


class FamilyError(JaxIrSynthError, ValueError):
    """A family's declaration is wrong, which is a defect of its module."""


class Code(str):
    """An option's value that is an expression in Python."""


def decided(values: Iterable[Any] | Mapping[Any, int]) -> dict[Any, int]:
    """Make the values of an option that no program keeps as a parameter, with their weights.

    It is for what is only another way to write the same, as `how=decided(("where", "select"))`.
    """
    weights = values if isinstance(values, Mapping) else dict.fromkeys(values, 1)
    return {Code(repr(value)): weight for value, weight in weights.items()}


class Array(NamedTuple):
    """An argument that is an array.

    Attributes:
      dims: its axes, each a letter, a number or an expression of these; `...` stands for some
        leading axes, the same for all arrays of a program.
      kind: "float", "bool" or "int".
      low: the least value.
      high: the greatest value; for integers an expression of dims that is one more than it.
      optional: whether a program may go without it; it is None then.
    """

    dims: tuple[str, ...]
    kind: str
    low: float
    high: float | str
    optional: bool


def read_array(text: str) -> Array:
    """Read an array's declaration: `n d`, `n d in 0..1`, `? n bool`, `n int c`, or `in 0..1`."""
    found = _SPEC.fullmatch(text.strip())
    if found is None or not all(_DIM.fullmatch(each) for each in found["dims"].split()):
        raise FamilyError(f"{text!r} must be as `n d in -1..1`, `? n bool` or `n int c`")
    dims, optional = tuple(found["dims"].split()), found["optional"] is not None
    if found["bool"]:
        return Array(dims, "bool", 0.0, 1.0, optional)
    if found["below"]:
        return Array(dims, "int", 0.0, found["below"], optional)
    low, high = (float(found[name] or default) for name, default in (("low", -2), ("high", 2)))
    return Array(dims, "float", low, high, optional)


@dataclass(frozen=True, eq=False)
class Family:
    """A declared program.

    Attributes:
      name: the function's name.
      categories: the categories that its programs may belong to, each by its own IR.
      arrays: its arguments that are arrays, in order.
      options: the values of each option, with their weights.
      sizes: sizes of axes by letter, where others than those of SIZES are wanted.
      weight: how often it is drawn, among a category's families.
      only: "float32" if it isn't written for 16-bit floats.
      function: the function itself.
    """

    name: str
    categories: tuple[str, ...]
    arrays: Mapping[str, Array]
    options: Mapping[str, Mapping[Any, int]]
    sizes: Mapping[str, Sequence[int]]
    weight: int
    only: str | None
    function: Callable[..., Any]

    @functools.cached_property
    def plain(self) -> Mapping[str, Any]:
        """What its options are in its signature."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.function).parameters.items()
            if name in self.options
        }

    @property
    def topic(self) -> str:
        """The last part of its module's name."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def label(self) -> str:
        """Its name with its topic; no two families have the same."""
        return f"{self.topic}-{self.name}"

    @functools.cached_property
    def module(self) -> "FamilyModule":
        """The syntax trees of its module."""
        return read_module(inspect.getmodule(self.function))


class FamilyModule(NamedTuple):
    """The functions and constants of a module with families, comments before lines, and names."""

    functions: dict[str, ast.FunctionDef]
    constants: dict[str, ast.Assign]
    comments: dict[int, str]
    names: NameTable


# Those of the modules that were imported, in the order of their texts.
_declared: list[Family] = []


@functools.cache
def list_all() -> list[Family]:
    """List all families, in the order of their modules."""
    folder = importlib.import_module("jax_ir_synth.kernels.families")
    names = sorted(each.name for each in pkgutil.iter_modules(folder.__path__))
    for name in names:
        importlib.import_module(f"{folder.__name__}.{name}")
    return sorted(_declared, key=lambda each: each.topic)


@functools.cache
def list_families(category: str) -> dict[Family, int]:
    """List the families of a category, with their weights, fitted by `benchmarks/fit_families.py`.

    A family isn't listed if too few of its programs belong to the category. One that no fit has
    seen has the weight that it declares.
    """
    text = files("jax_ir_synth.kernels.style").joinpath("weights.json").read_text(encoding="utf-8")
    fitted = json.loads(text)["weights"]
    seen = {name for weights in fitted.values() for name in weights}
    found = {}
    for each in list_all():
        if each.label in fitted.get(category, {}):
            found[each] = fitted[category][each.label]
        elif each.label not in seen and category in each.categories:
            found[each] = each.weight
    return found


def family(
    *categories: str,
    weight: int = 10,
    sizes: Mapping[str, Sequence[int]] | None = None,
    only: str | None = None,
    **declared: str | tuple[Any, ...] | dict[Any, int],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function that is a family.

    Args:
      categories: the categories that its programs may belong to.
      weight: how often it is drawn, among a category's families; an ordinary one has 10.
      sizes: sizes of axes by letter.
      only: "float32", if 16-bit floats won't do.
      declared: for each parameter what it is: a text for an array, see `read_array`, the values of
        an option, or these with their weights.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        arrays = {k: read_array(v) for k, v in declared.items() if isinstance(v, str)}
        options = {
            k: v if isinstance(v, dict) else dict.fromkeys(v, 1)
            for k, v in declared.items()
            if not isinstance(v, str)
        }
        parameters = inspect.signature(function).parameters
        if unknown := set(parameters) ^ {*arrays, *options}:
            raise FamilyError(f"{function.__name__}: {sorted(unknown)} must be declared once each")
        ordered = {name: arrays[name] for name in parameters if name in arrays}
        _declared.append(
            Family(
                function.__name__, categories, ordered, options, sizes or {}, weight, only, function
            )
        )
        return function

    return declare


@functools.cache
def read_module(module: Any) -> FamilyModule:
    """Read the syntax trees of a module with families; decorators and imports are left out."""
    text = inspect.getsource(module)
    functions: dict[str, ast.FunctionDef] = {}
    constants: dict[str, ast.Assign] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            functions[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node
    comments: dict[int, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.lstrip().startswith("# "):
            before = comments.pop(number, "")
            comments[number + 1] = f"{before}\n{line.strip()}".strip()
    constants.pop("NAMES", None)
    return FamilyModule(functions, constants, comments, read_names(getattr(module, "NAMES", "")))


def read_names(text: str) -> NameTable:
    """Read what people call a word of a family: lines as `scores: scores 5, logits 4`."""
    found = {}
    for line in text.strip().splitlines():
        word, _, entries = line.partition(": ")
        pairs = [entry.rsplit(" ", 1) for entry in entries.split(", ")]
        found[word] = tuple(name for name, _ in pairs), tuple(int(weight) for _, weight in pairs)
    return found


def evaluate_dim(text: str, sizes: Mapping[str, int]) -> int:
    """Evaluate an axis's expression, as `2*d` or `n-1`; a number is itself."""
    first, *others = re.findall(r"[+-]?[\w*]+", text)
    total = 0
    for term in (first, *others):
        factors = term.lstrip("+-").split("*")
        size = math.prod(int(each) if each.isdecimal() else sizes[each] for each in factors)
        total += -size if term.startswith("-") else size
    return total
