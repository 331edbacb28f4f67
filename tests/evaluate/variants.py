"""What rewrites and mutants have in common: a named way to make other texts of a row's module."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from splicing import Change, change


class Original(NamedTuple):
    """A right answer: the text of a row's module, and the row that it is of."""

    text: str
    row: dict[str, Any]
    section: str


class Kind(NamedTuple):
    """A named way to change a module.

    Attributes:
      name: what the change does, in words.
      make: the texts that it makes of a module, none where it doesn't apply; the random numbers
        say where.
    """

    name: str
    make: Callable[[Original, np.random.Generator], Iterable[str | None]]

    def texts(self, original: Original, rng: np.random.Generator) -> list[str]:
        """Those that differ from the original, each once."""
        made = self.make(original, rng)
        return list(dict.fromkeys(text for text in made if text and text != original.text))


def of_text(name: str, function: Callable[[str], str | None]) -> Kind:
    """A kind that needs the text alone."""
    return Kind(name, lambda original, rng: [function(original.text)])


def of_module(name: str, edit: Change) -> Kind:
    """A kind that edits the parsed module (see `splicing.change`)."""
    return of_text(name, lambda text: change(text, edit))
