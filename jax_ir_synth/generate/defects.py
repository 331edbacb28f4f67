"""What costs itself alone: a candidate that can't be drawn, a planned row that can't be made.

Both are defects of this project. The first is dropped, and the next candidate takes its place; the
second is left out, and the other rows keep their ids. Neither is silent: whoever makes rows says
who is told (`Tell`); where nobody is, the log is.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.helper import HelperDied

LOGGER = logging.getLogger("jax_ir_synth")

# What happens to a process and not to a program: a run ends with it, since the same row is right
# elsewhere.
_OF_THE_MACHINE = (MemoryError, OSError, ImportError)


class Defect(NamedTuple):
    """A candidate that was dropped, or a planned row that was left out.

    Attributes:
      id: the row's, None for a candidate that could not be drawn.
      category, seed, candidate: its coordinates.
      error: the exception's type and message.
      source: the row's Python, empty where it isn't written.
      values: what was compared where values differ, see `verify.NotProven`; else None.
    """

    id: int | None
    category: str
    seed: int
    candidate: int
    error: str
    source: str = ""
    values: dict[str, Any] | None = None

    @property
    def what(self) -> str:
        """What it is, by its coordinates."""
        place = f"category={self.category!r}, seed={self.seed}, candidate={self.candidate}"
        return f"candidate ({place})" if self.id is None else f"row {self.id} ({place})"

    @property
    def line(self) -> str:
        """What happened, in one line."""
        first = " ".join(self.error.split("\n", 1)[0].split())
        return f"{self.what} is {'dropped' if self.id is None else 'left out'}: {first}"

    @property
    def message(self) -> str:
        """All that is known, as an error's message has it."""
        return f"{self.what}: {self.error}" + (f"\n{self.source}" if self.source else "")

    def described(self) -> dict[str, Any]:
        """All that is known, for a JSON file."""
        return self._asdict()


class RowError(JaxIrSynthError, RuntimeError):
    """A row that could not be made. The message holds its coordinates; `defect` is it, if known."""

    def __init__(self, message: str, defect: Defect | None = None):
        super().__init__(message)
        self.defect = defect


# Is told of each defect at once.
Tell = Callable[[Defect], None]


def log(defect: Defect) -> None:
    """Log a defect in full to `jax_ir_synth`, which is stderr if the log has no handlers."""
    values = "".join(f"\n{name}: {value}" for name, value in (defect.values or {}).items())
    rest = defect.error.split("\n", 1)[1:]
    LOGGER.warning("%s", "\n".join([defect.line, *rest, defect.source]).rstrip() + values)


def handle(defect: Defect, strict: bool, tell: Tell) -> None:
    """Tell of a defect; in a `strict` request raise RowError instead."""
    if strict:
        raise RowError(defect.message, defect)
    tell(defect)


def is_of_the_machine(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from or while, says nothing about a program.

    A helper process that somebody else ended is such, one that crashed is not.
    """
    while error is not None:
        if isinstance(error, HelperDied):
            return not error.crashed
        if isinstance(error, _OF_THE_MACHINE):
            return True
        error = error.__cause__ or error.__context__
    return False


def count_words(rows: int, candidates: int) -> str:
    """`2 rows left out, 1 candidate dropped`; what is zero isn't named."""
    counts = ((rows, "row", "left out"), (candidates, "candidate", "dropped"))
    return ", ".join(
        f"{count} {noun}{'s' if count > 1 else ''} {verb}" for count, noun, verb in counts if count
    )


def describe(error: BaseException) -> str:
    """An exception as `Defect.error` has it."""
    return f"{type(error).__name__}: {error}"
