"""The dialects that an IR column can be written in, and a user's choice of them (no jax here)."""

from collections.abc import Sequence

# From the source's side to the machine's.
DIALECTS = ("jaxpr", "stablehlo", "hlo", "optimized_hlo", "llvm", "asm")
# Those that only a compiler for a target can write.
COMPILED = ("optimized_hlo", "llvm", "asm")
DEFAULT = "stablehlo"


def chosen(value) -> str | tuple[str, ...]:
    """A user's `dialect`: one of DIALECTS, or a tuple of several in the order given.

    Args:
      value: a name, a list or a tuple of names, or names in one string with commas between.

    Raises:
      ValueError: one line that names the value given and what is allowed.
    """
    names = tuple(value.split(",")) if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not names or not all(name in DIALECTS for name in names):
        allowed = ", ".join(DIALECTS)
        raise ValueError(f"`dialect` (={value!r}) must be one of, or a list of: {allowed}")
    if len(set(names)) < len(names):
        raise ValueError(f"`dialect` (={value!r}) must name each dialect once")
    return names[0] if len(names) == 1 else tuple(names)


def several(value: str | Sequence[str]) -> tuple[str, ...]:
    """The dialects of a value that is one name, or several."""
    return (value,) if isinstance(value, str) else tuple(value)
