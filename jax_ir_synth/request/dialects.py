"""The dialects that an IR column can be written in, and a user's choice of them (no jax here)."""

from jax_ir_synth.request import choices

# From the source's side to the machine's.
DIALECTS = ("jaxpr", "stablehlo", "hlo", "optimized_hlo", "llvm", "asm")
# Those that only a compiler for a target can write.
COMPILED = ("optimized_hlo", "llvm", "asm")
DEFAULT = "stablehlo"


def parse_dialects(value) -> str | tuple[str, ...]:
    """A user's `dialect`: one of DIALECTS, or a tuple of several in the order given.

    Args:
      value: a name, a list or a tuple of names, or names in one string with commas between.

    Raises:
      ValueError: one line that names the value given and what is allowed.
    """
    names = choices.parse_names("dialect", value, DIALECTS)
    if len(set(names)) < len(names):
        raise ValueError(f"`dialect` (={value!r}) must name each dialect once")
    return tuple(names) if len(names) > 1 else names[0]
