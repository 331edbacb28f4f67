"""Makes the classes that a module's text defines: named tuples, data classes, enumerations.

A class is made from its fields and functions by `make_class`, so Python runs no class body of the
text and looks for none of its special names but those of `_SPECIAL`.
"""

import collections
import keyword
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jax_ir_synth.reference.numpy_jax.trees import TREE_FIELDS

# The special methods that a class may define.
_SPECIAL = frozenset(
    "__call__ __getitem__ __len__ __iter__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ "
    "__truediv__ __matmul__ __neg__ __pow__ __post_init__".split()
)
ENUMERATIONS = ("enumeration", "enumeration of integers")
_NAMED_TUPLE = ("_asdict", "_fields", "_replace", "_make")


class OwnClass:
    """A class that a text has made.

    Attributes:
      names_of_class: the attributes that a text may read of it and of its instances.
    """

    __slots__ = ()
    names_of_class: frozenset[str] = frozenset()


class Record(OwnClass):
    """An instance of a data class: its fields, which don't change.

    Attributes:
      fields_of_class: the names of the fields, in order.
      defaults_of_class: the values of those that have a default.
    """

    fields_of_class: tuple[str, ...] = ()
    defaults_of_class: Mapping[str, Any] = {}

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self.fields_of_class, values, strict=False)) | named
        if len(values) > len(self.fields_of_class) or not given.keys() <= set(self.fields_of_class):
            raise TypeError(f"{type(self).__name__} has the fields {self.fields_of_class}")
        for name in self.fields_of_class:
            if name in given:
                value = given[name]
            elif name in self.defaults_of_class:
                value = self.defaults_of_class[name]
                value = value() if isinstance(value, Factory) else value
            else:
                raise TypeError(f"{type(self).__name__} is made without {name}")
            object.__setattr__(self, name, value)
        if "__post_init__" in vars(type(self)):
            vars(type(self))["__post_init__"](self)

    def replace_fields(self, **changes: Any) -> "Record":
        """Make a copy with other values for some fields."""
        return type(self)(**{name: getattr(self, name) for name in self.fields_of_class} | changes)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} of {type(self).__name__} can't be assigned to")


def replace_fields(record: Any, /, **changes: Any) -> Any:
    """`dataclasses.replace`: a copy with other values for some fields."""
    if not isinstance(record, Record):
        raise TypeError("dataclasses.replace takes an instance of a data class")
    return record.replace_fields(**changes)


class Factory:
    """The default of a field that is made anew for each instance."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __call__(self) -> Any:
        """Make a default."""
        return self._make()


class EnumMember(OwnClass):
    """A member of an enumeration."""

    names_of_class = frozenset(("name", "value"))

    def __init__(self, kind: str, name: str, value: Any) -> None:
        self.kind, self.name, self.value = kind, name, value


class IntEnumMember(int, EnumMember):
    """A member of an enumeration whose members are integers."""

    def __new__(cls, kind: str, name: str, value: int) -> "IntEnumMember":
        """Make the integer."""
        return super().__new__(cls, value)


def derive_class(name: str, base: Any, functions: Sequence[tuple[str, Any]] = ()) -> Any:
    """Make a class of another one of the text, with its fields.

    Raises ValueError for a base that the text hasn't made, or a name that isn't allowed.
    """
    if not isinstance(base, type) or not issubclass(base, OwnClass):
        raise ValueError(f"its python defines {name!r:.40} with a base that isn't allowed")
    _check_names(name, (), functions)
    names = base.names_of_class | {word for word, _ in functions}
    return type(name, (base,), {**dict(functions), "names_of_class": names})


def named_tuple(
    typename: str, field_names: Any, *, defaults: Sequence[Any] | None = None, rename: bool = False
) -> type:
    """`collections.namedtuple`."""
    if isinstance(field_names, str):
        field_names = field_names.replace(",", " ").split()
    made: type = make_class(typename, "named tuple", tuple(field_names), (), defaults)
    return made


def make_class(
    name: str,
    kind: str,
    fields: Sequence[str],
    functions: Sequence[tuple[str, Any]] = (),
    defaults: Sequence[Any] | None = None,
    tree_fields: Sequence[str] | None = None,
) -> Any:
    """Make a class.

    Args:
      name: its name.
      kind: `"named tuple"`, `"data class"`, or one of `ENUMERATIONS`.
      fields: the names of its fields, or of an enumeration's members.
      functions: its methods, properties and constants, by name.
      defaults: the values of the last fields.
      tree_fields: the fields that hold arrays, if instances of a data class are trees.

    Raises ValueError for a name that isn't allowed.
    """
    _check_names(name, fields, functions)
    defaults = () if defaults is None else tuple(defaults)
    names = frozenset((*fields, *(word for word, _ in functions)))
    if kind in ENUMERATIONS:
        member = IntEnumMember if kind == "enumeration of integers" else EnumMember
        members = {
            word: member(name, word, value) for word, value in zip(fields, defaults, strict=True)
        }
        return type(name, (OwnClass,), {**members, "names_of_class": names})
    space = {**dict(functions), "__slots__": (), "names_of_class": names}
    if kind == "named tuple":
        plain: Any = collections.namedtuple(name, fields, defaults=defaults or None)  # type: ignore[misc]  # noqa: PYI024
        return type(
            name, (OwnClass, plain), {**space, "names_of_class": names | frozenset(_NAMED_TUPLE)}
        )
    del space["__slots__"]
    return type(
        name,
        (Record,),
        {
            **space,
            "fields_of_class": tuple(fields),
            **({} if tree_fields is None else {TREE_FIELDS: tuple(tree_fields)}),
            "defaults_of_class": dict(
                zip(fields[len(fields) - len(defaults) :], defaults, strict=True)
            ),
        },
    )


def _check_names(name: str, fields: Sequence[str], functions: Sequence[tuple[str, Any]]) -> None:
    """Raise ValueError for a name that isn't allowed."""
    for word in (name, *fields, *(word for word, _ in functions)):
        special = word in _SPECIAL and word not in fields
        if not special and (
            type(word) is not str
            or not word.isidentifier()
            or keyword.iskeyword(word)
            or word.startswith("__" if word is name or word not in fields else "_")
        ):
            raise ValueError(f"its python defines a class with the name {word!r:.40}")
