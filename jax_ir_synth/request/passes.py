"""The passes that can be lowered, and how a choice of them is parsed (no jax here)."""

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request import choices

PASSES = ("forward", "backward", "vjp", "jvp", "hessian_vp", "vmap")
# Those of a row.
DEFAULT = ("forward", "backward")
# The size of the axis that `vmap` adds, unless another one is given.
AXIS_SIZE = 8


def parse_passes(value: object) -> tuple[str, ...]:
    """Parse a user's `passes`.

    Args:
      value: A name, a list or tuple of names, or a string of names separated by commas.

    Returns:
      Names of PASSES, in the order given.

    Raises:
      ValueError: A name isn't in PASSES, or occurs twice. The message is one line that gives the
        value and the allowed names.
    """
    return choices.parse_names("passes", value, PASSES, "pass")


def parse_row_passes(value: object) -> tuple[str, ...]:
    """Parse the passes of a dataset's rows, and put them into the order of PASSES.

    Args:
      value: As for `parse_passes`.

    Raises:
      ValueError: A name is wrong, or the forward pass isn't among them: a row's text begins with
        it. The message is one line.
    """
    chosen = parse_passes(value)
    if "forward" not in chosen:
        raise UsageError(f"`passes` (={','.join(chosen)}) must have forward among them")
    return tuple(name for name in PASSES if name in chosen)
