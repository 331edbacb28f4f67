"""`cut`: cuts a live function out as one text that stands alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax_ir_synth.functions.cutting.cutter import Cutter
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.pieces import Piece, Ref, choose_names, join_pieces

__all__ = ["Cut", "NotSelfContained", "cut", "join"]


class Cut(NamedTuple):
    """A function's own text.

    Attributes:
      python: A module that needs only jax, NumPy and a part of the standard library. The function
        is its last definition.
      name: The function's name there.
      packages: The top-level packages whose text is in it, in alphabetical order.
      lines: The number of lines that aren't blank.
    """

    python: str
    name: str
    packages: tuple[str, ...]
    lines: int


def cut(fn: Callable[..., Any]) -> Cut:
    """Cut a function out, with the helpers, constants and classes that it needs.

    The text is the author's own, with its comments, except for what it can't have: annotations that
    name other things, checks of chex and warnings, and decorators that change no IR. Whether it
    means the same shows only if both are lowered.

    Args:
      fn: A function, also one of jax's transformations of one.

    Raises:
      NotSelfContained: It needs something that no text can have.
    """
    cutter = Cutter()
    name = getattr(fn, "__name__", None)
    parts = cutter.find(fn, name if isinstance(name, str) else "function")
    if len(parts) != 1 or not isinstance(parts[0], Ref) or parts[0].piece.kind == "import":
        raise NotSelfContained("it is no function that a package defines")
    return join(cutter, parts[0].piece)


def join(cutter: Cutter, entry: Piece) -> Cut:
    """Join the pieces of a cutter to one text.

    Args:
      cutter: What was collected.
      entry: The piece that stands last.
    """
    pieces = [*(piece for piece in cutter.pieces if piece is not entry), entry]
    choose_names(pieces, entry, cutter.builtins)
    python = join_pieces(pieces, cutter.loads)
    lines = sum(bool(line.strip()) for line in python.splitlines())
    return Cut(python, entry.name, tuple(sorted(cutter.packages)), lines)
