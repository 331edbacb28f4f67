"""Says in one line what jax refuses about a user's function, with a hint what to do instead."""

import re
from typing import NamedTuple

import jax

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering.arguments import WITHOUT_GRADIENT


class _Refusal(NamedTuple):
    """What jax's message has, and what to do."""

    pattern: re.Pattern[str]
    hint: str


_REFUSALS = tuple(
    _Refusal(re.compile(pattern), hint)
    for pattern, hint in (
        (
            r"This concrete value was not available in Python"
            r"|Abstract tracer value encountered|must be concrete",
            "close over what must be a Python value, and compute with jax.numpy and jax.lax",
        ),
        (
            r"^Reverse-mode differentiation does not work"
            r"|^(?:Differentiation|Transpose) rule .* not implemented",
            WITHOUT_GRADIENT,
        ),
        (
            r"can't apply forward-mode",
            'it has a rule for reverse mode alone; lower it with passes=("forward", "vjp")',
        ),
        (
            r"not found for platform cpu|not supported by dot_general on CPU|on CPU backend"
            r"|but it is used on '\('cpu',\)'",
            'if it is for CUDA alone, pass platforms=("cuda",)',
        ),
        (
            r"not found for platform cuda|but it is used on '\('cuda',\)'",
            'if it is for CPUs alone, pass platforms=("cpu",)',
        ),
        (
            r"Unknown backend cuda|different from the lowering platform cuda",
            'a callback is lowered for the machine at hand alone; pass platforms=("cpu",)',
        ),
        (r"is not a valid JAX type", "return arrays, numbers or pytrees of them"),
    )
)
_DEPENDS = re.compile(r"depends on the values? of the arguments? ([^\n]*?)\.?$", re.MULTILINE)
# jax's name of an argument of a function that was given another name.
_POSITION = re.compile(r"\bargs\[(\d+)\]")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# A message of jax's may show a whole array.
_CHARACTERS = 300


def explain(error: Exception, name: str) -> UsageError | None:
    """Make the error to raise in place of one that jax raised while it lowered a function.

    Args:
      error: what was raised.
      name: the function's name.

    Returns:
      An error with one line; None if it isn't known to be jax's, and so may be the function's own.
    """
    message = str(error)
    hint = next((hint for pattern, hint in _REFUSALS if pattern.search(message)), "")
    if not hint and not isinstance(error, (jax.errors.JAXTypeError, jax.errors.JAXIndexError)):
        return None
    said = _ADDRESS.sub("", message.strip().split("\n", 1)[0]).rstrip(".")[:_CHARACTERS]
    depends = _DEPENDS.search(message)
    if depends:
        on = _POSITION.sub(r"argument \1", depends[1])[:_CHARACTERS]
        said = f"{said} (it depends on {on})"
    advice = f"; {hint}" if hint else ""
    return UsageError(f"`{name}` can't be lowered: {type(error).__name__}: {said}{advice}")
