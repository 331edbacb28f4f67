"""One name or several: parse what a user writes, and store it as a string or a tuple."""

from collections.abc import Collection, Sequence

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.describing import describe


def parse_names(
    argument: str, value: object, allowed: Collection[str], each: str | None = None
) -> tuple[str, ...]:
    """Parse a user's value into at least one allowed name.

    Args:
      argument: The name of the argument that holds the value, for the error message.
      value: A name, a list or tuple of names, or a string of names separated by commas.
      allowed: All allowed names.
      each: What a name stands for, if none may occur twice.

    Returns:
      The names, in the order given.

    Raises:
      ValueError: The value is empty, holds a name that isn't allowed, or a name twice. The message
        is one line that gives the value and what would be right.
    """
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or not _all_allowed(names, allowed):
        raise UsageError(
            f"`{argument}` ({describe(value)}) must be one of, or a list of: {', '.join(allowed)}"
        )
    if each is not None and len(set(names)) < len(names):
        raise UsageError(f"`{argument}` ({describe(value)}) must name each {each} once")
    return tuple(str(name) for name in names)


def _all_allowed(names: Sequence[object], allowed: Collection[str]) -> bool:
    return all(isinstance(name, str) and name in allowed for name in names)


def pack_names(names: Sequence[str]) -> str | tuple[str, ...] | None:
    """Store names as a request does: None for no name, a string for one, else a tuple.

    Args:
      names: Names in the order given.
    """
    return tuple(names) if len(names) > 1 else next(iter(names), None)


def unpack_names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """List the names in a value that `pack_names` returned.

    Args:
      value: None, a name, or a sequence of names.
    """
    return (value,) if isinstance(value, str) else tuple(value or ())
