"""Stands for what a text uses in annotations only: `typing`, and types that no value here has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


class Annotation:
    """A type in an annotation; it may be subscripted, joined by `|`, and called.

    Args:
      kind: the types of the values of which `isinstance` says that they have it.
    """

    def __init__(self, kind: Any = ()) -> None:
        self._kind = kind

    def has_instance(self, value: Any) -> bool:
        """Whether a value has this type."""
        return isinstance(value, self._kind)

    def __getitem__(self, _: Any) -> "Annotation":
        return self

    def __or__(self, _: Any) -> "Annotation":
        return self

    __ror__ = __or__

    def __call__(self, *_: Any, **__: Any) -> "Annotation":
        """What a call such as `TypeVar("T")` gives."""
        return self


def cast(_: Any, value: Any) -> Any:
    """`typing.cast`."""
    return value


def overload(function: Any) -> Any:
    """`typing.overload` and other decorators that change nothing."""
    return function


_ABSTRACT: dict[str, Any] = {
    "Callable": Callable,
    "Iterable": Iterable,
    "Mapping": Mapping,
    "MutableMapping": Mapping,
    "Sequence": Sequence,
    "List": list,
    "Dict": dict,
    "Tuple": tuple,
    "Set": set,
}
TYPING: dict[str, Any] = {
    name: Annotation()
    for name in "Any AnyStr Annotated ClassVar Concatenate Final Generic Hashable Iterator Literal "
    "Never NewType NoReturn Optional ParamSpec Protocol Self Type TypeAlias TypedDict TypeVar "
    "Union Unpack Generator SupportsFloat SupportsInt Text Collection".split()
}
TYPING |= {name: Annotation(kind) for name, kind in _ABSTRACT.items()}
TYPING |= {
    "NamedTuple": Annotation(),
    "TYPE_CHECKING": False,
    "cast": cast,
    "final": overload,
    "no_type_check": overload,
    "overload": overload,
    "runtime_checkable": overload,
}
