"""Defects: candidates that can't be drawn, and planned rows that can't be made or proven.

Both are faults of this project, and affect no other row. Such a candidate is dropped, and the next
one takes its place. Such a row is left out, and the other rows keep their ids. Neither is silent:
each defect is reported to a function that the caller gives (`Tell`), or else to the log.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.helper import HelperDied

LOGGER = logging.getLogger("jax_ir_synth")

# Errors of the machine rather than of a program. They end a run, since the row may be right
# elsewhere.
_OF_THE_MACHINE = (MemoryError, OSError, ImportError)


class Defect(NamedTuple):
    """A candidate that was dropped, or a planned row that was left out.

    Attributes:
      id: the row's id; None for a candidate that can't be drawn.
      category, seed, candidate: its coordinates.
      error: the exception's type and message.
      source: the row's Python; empty if it isn't written yet.
      values: the compared values if they differ, see `verify.NotProven`; otherwise None.
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
        """The candidate or the row, with its coordinates."""
        place = f"category={self.category!r}, seed={self.seed}, candidate={self.candidate}"
        return f"candidate ({place})" if self.id is None else f"row {self.id} ({place})"

    @property
    def line(self) -> str:
        """The defect in one line."""
        first = " ".join(self.error.split("\n", 1)[0].split())
        return f"{self.what} is {'dropped' if self.id is None else 'left out'}: {first}"

    @property
    def message(self) -> str:
        """The full description, for the message of an error."""
        return f"{self.what}: {self.error}" + (f"\n{self.source}" if self.source else "")

    def to_json(self) -> dict[str, Any]:
        """Return the full description, for a JSON file."""
        return self._asdict()


class RowError(JaxIrSynthError, RuntimeError):
    """A row can't be made. The message has its coordinates; `defect` describes it, if known."""

    def __init__(self, message: str, defect: Defect | None = None):
        super().__init__(message)
        self.defect = defect


# Called with each defect as soon as it occurs.
Tell = Callable[[Defect], None]


def log(defect: Defect) -> None:
    """Log a defect in full to `jax_ir_synth`, which is stderr if the log has no handlers."""
    values = "".join(f"\n{name}: {value}" for name, value in (defect.values or {}).items())
    rest = defect.error.split("\n", 1)[1:]
    LOGGER.warning("%s", "\n".join([defect.line, *rest, defect.source]).rstrip() + values)


def handle(defect: Defect, strict: bool, tell: Tell) -> None:
    """Report a defect to `tell`; for a `strict` request, raise RowError instead."""
    if strict:
        raise RowError(defect.message, defect)
    tell(defect)


def is_of_the_machine(error: BaseException | None) -> bool:
    """Whether an error, or one of its causes, comes from the machine and not from a program.

    The death of a helper process that somebody killed is such an error, a helper's crash isn't.
    """
    while error is not None:
        if isinstance(error, HelperDied):
            return not error.crashed
        if isinstance(error, _OF_THE_MACHINE):
            return True
        error = error.__cause__ or error.__context__
    return False


def count_words(rows: int, candidates: int) -> str:
    """Format counts as `2 rows left out, 1 candidate dropped`, without those that are zero."""
    counts = ((rows, "row", "left out"), (candidates, "candidate", "dropped"))
    return ", ".join(
        f"{count} {noun}{'s' if count > 1 else ''} {verb}" for count, noun, verb in counts if count
    )


def describe(error: BaseException) -> str:
    """Format an exception for `Defect.error`."""
    return f"{type(error).__name__}: {error}"
