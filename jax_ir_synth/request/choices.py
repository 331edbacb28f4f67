"""One name, or several: how users write them and how they are kept, as a name or a tuple."""

from collections.abc import Collection, Sequence


def parse_names(argument: str, value, allowed: Collection[str]) -> tuple[str, ...]:
    """The names in a user's value, at least one.

    Args:
      argument: what the value was given for, for the message.
      value: a name, a list or a tuple of names, or names in one string with commas between.
      allowed: all names that there are.

    Raises:
      ValueError: one line that names the value given and what is allowed.
    """
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or not _all_allowed(names, allowed):
        raise ValueError(
            f"`{argument}` (={value!r}) must be one of, or a list of: {', '.join(allowed)}"
        )
    return tuple(str(name) for name in names)


def _all_allowed(names: Sequence, allowed: Collection[str]) -> bool:
    return all(isinstance(name, str) and name in allowed for name in names)


def pack_names(names: Sequence[str]) -> str | tuple[str, ...] | None:
    """The names as a request keeps them: None for none, one as it is."""
    return tuple(names) if len(names) > 1 else next(iter(names), None)


def unpack_names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names in a value as it is kept."""
    return (value,) if isinstance(value, str) else tuple(value or ())
