"""The dialects of an IR column, and how a user's choice of them is parsed (no jax here)."""

from jax_ir_synth.request import choices

# From the one closest to the source to the one closest to the machine.
DIALECTS = ("jaxpr", "stablehlo", "hlo", "optimized_hlo", "llvm", "asm")
# These need a compiler for a target.
COMPILED = ("optimized_hlo", "llvm", "asm")
DEFAULT = "stablehlo"


def parse_dialects(value: object) -> str | tuple[str, ...]:
    """Parse a user's `dialect`.

    Args:
      value: A name, a list or tuple of names, or a string of names separated by commas.

    Returns:
      One of DIALECTS, or a tuple of several in the order given.

    Raises:
      ValueError: A name isn't in DIALECTS, or occurs twice. The message is one line that gives the
        value and the allowed names.
    """
    names = choices.parse_names("dialect", value, DIALECTS, "dialect")
    return tuple(names) if len(names) > 1 else names[0]
