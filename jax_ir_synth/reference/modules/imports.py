"""The modules that a text may import: the reference's own in place of JAX and NumPy, and parts."""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from jax_ir_synth.reference.modules import builtin_names, classes
from jax_ir_synth.reference.modules.annotations import TYPING, Annotation
from jax_ir_synth.reference.numpy_jax import JAX, Library, bounds
from jax_ir_synth.reference.numpy_jax.numpy_names import NUMPY

# Above this, a factorial is longer than an integer may be.
_MAX_FACTORIAL = 170


def _small(function: Callable[..., int]) -> Callable[..., int]:
    """Wrap a function of small integers, whose results grow fast."""

    def call(*numbers: int) -> int:
        if any(abs(number) > _MAX_FACTORIAL for number in numbers):
            raise bounds.BoundExceeded(f"its python takes {function.__name__} of {max(numbers)}")
        return function(*numbers)

    return call


def _product(*values: Iterable[Any], repeat: int = 1) -> Any:
    """`itertools.product`, as a list of bounded length."""
    lists = [list(each) for each in values] * min(repeat, bounds.MAX_BITS)
    bounds.check_length(math.prod(map(len, lists)))
    return list(itertools.product(*lists))


def _choices(function: Callable[..., Any], count: Callable[..., int]) -> Callable[..., Any]:
    def call(values: Iterable[Any], r: int | None = None) -> Any:
        pool = list(values)
        bounds.check_length(count(min(len(pool), _MAX_FACTORIAL), len(pool) if r is None else r))
        return list(function(pool, r))

    return call


def _repeat(value: Any, times: int) -> list[Any]:
    bounds.check_length(times)
    return [value] * times


def _ignore(*_: Any, **__: Any) -> None:
    """Functions that only tell something."""


def _decorate(*_: Any, **__: Any) -> Any:
    """Decorators that only note something: `functools.wraps(f)`, `dataclasses.dataclass`."""
    return lambda function: function


def _cache(function: Any = None, **_: Any) -> Any:
    """`functools.lru_cache`, with or without arguments."""
    return function if callable(function) else (lambda wrapped: wrapped)


def _default_dict(make: Callable[[], Any] | None = None, *values: Any) -> Any:
    return _DefaultDict(make, *values)


class _DefaultDict(dict[Any, Any]):
    """`collections.defaultdict`."""

    def __init__(self, make: Callable[[], Any] | None = None, *values: Any) -> None:
        super().__init__(*values)
        self._make = make

    def __missing__(self, key: Any) -> Any:
        if self._make is None:
            raise KeyError(key)
        self[key] = self._make()
        return self[key]


_MATH = {
    name: getattr(math, name)
    for name in "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees dist e erf "
    "erfc exp expm1 fabs floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan "
    "isqrt ldexp lgamma log log10 log1p log2 modf nan pi pow radians remainder sin sinh sqrt tan "
    "tanh tau trunc".split()
}
MATH = Library(
    "math",
    _MATH
    | {name: _small(getattr(math, name)) for name in ("comb", "factorial", "perm")}
    | {"prod": lambda values, start=1: functools.reduce(bounds.multiply, values, start)},
)
FUNCTOOLS = Library(
    "functools",
    {
        "cache": _cache,
        "lru_cache": _cache,
        "partial": functools.partial,
        "reduce": builtin_names.reduce,
        "wraps": _decorate,
    },
)
OPERATOR = Library(
    "operator",
    {
        name: getattr(operator, name)
        for name in "abs and_ contains eq floordiv ge getitem gt index inv invert is_ is_not "
        "itemgetter le lt matmul ne neg not_ or_ pos sub truediv truth xor".split()
    }
    | {
        "add": bounds.add,
        "lshift": bounds.shift,
        "mod": bounds.modulo,
        "mul": bounds.multiply,
        "pow": bounds.power,
    },
)
ITERTOOLS = Library(
    "itertools",
    {
        "accumulate": itertools.accumulate,
        "chain": lambda *values: [item for each in values for item in each if bounds.step()],
        "combinations": _choices(itertools.combinations, math.comb),
        "combinations_with_replacement": _choices(
            itertools.combinations_with_replacement, lambda n, r: math.comb(n + r - 1, r)
        ),
        "islice": itertools.islice,
        "pairwise": itertools.pairwise,
        "permutations": _choices(itertools.permutations, math.perm),
        "product": _product,
        "repeat": _repeat,
        "starmap": itertools.starmap,
        "zip_longest": itertools.zip_longest,
    },
)
COLLECTIONS = Library(
    "collections",
    {
        "OrderedDict": dict,
        "defaultdict": _default_dict,
        "namedtuple": classes.named_tuple,
    },
)
DATACLASSES = Library(
    "dataclasses",
    {"dataclass": _decorate, "field": _ignore, "replace": classes.replace_fields},
)
_TYPING = Library("typing", TYPING)
_ABSTRACT = Library("collections.abc", TYPING)
_MODULES: dict[str, Library] = {
    "collections": COLLECTIONS,
    "collections.abc": _ABSTRACT,
    "dataclasses": DATACLASSES,
    "enum": Library("enum", {"Enum": Annotation(), "IntEnum": Annotation()}),
    "functools": FUNCTOOLS,
    "itertools": ITERTOOLS,
    "jax": JAX,
    "math": MATH,
    "numbers": Library("numbers", {"Number": Annotation((int, float, complex)), "Integral": int}),
    "numpy": NUMPY,
    "operator": OPERATOR,
    "typing": _TYPING,
    "typing_extensions": _TYPING,
    "warnings": Library("warnings", {"warn": _ignore}),
}


def find_module(name: str, alias: str | None) -> tuple[str, Library]:
    """Find what `import name as alias` gives: a name, and the module that it stands for.

    Raises ValueError for a module that no text may import.
    """
    module = _find(name)
    if alias is not None:
        return alias, module
    first = name.split(".")[0]
    return first, _MODULES[first]


def find_name(module: str, name: str) -> Any:
    """Find what `from module import name` gives. Raises ValueError."""
    names = _find(module)._names
    if names is TYPING and not name.startswith("_"):
        return names.get(name, Annotation())
    if name in names:
        return names[name]
    if f"{module}.{name}" in _MODULES:
        return _MODULES[f"{module}.{name}"]
    raise ValueError(f"its python imports {name} of {module}, which the reference lacks")


def _find(name: str) -> Library:
    if name in _MODULES:
        return _MODULES[name]
    first, *rest = name.split(".")
    found: Any = _MODULES.get(first)
    for part in rest:
        found = found._names.get(part) if isinstance(found, Library) else None
    if not isinstance(found, Library):
        raise ValueError(f"its python is not one function, and imports {name}, which it can't")
    return found
