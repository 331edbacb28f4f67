"""How to evaluate: what a command's flags and a function's arguments may ask for."""

from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.schema.splits import SPLITS

# What becomes of rows without a prediction: they aren't scored, or have failed.
LEAVE_OUT, FAIL = MISSING = ("leave-out", "fail")
# What one completion may take: a reference takes a twentieth of a second, and a helper with jax
# in it half a gigabyte.
SECONDS, GIGABYTES = 10.0, 4.0


class Options(NamedTuple):
    """How to evaluate; see the command's flags.

    Attributes:
      task: one of `tasks.TASKS`.
      split: the only one to be scored, None: all.
      k: of pass@k.
      missing: what becomes of rows without a prediction, one of `MISSING`.
      num_proc: helper processes; no result depends on it.
      seconds, gigabytes: what one completion may take, of wall and CPU time and of memory.
      seed: of the bootstrap.
    """

    task: str = "forward"
    split: str | None = None
    k: tuple[int, ...] = (1,)
    missing: str = LEAVE_OUT
    num_proc: int = 1
    seconds: float = SECONDS
    gigabytes: float = GIGABYTES
    seed: int = 0

    def check(self) -> "Options":
        """Itself. Raises ValueError, a line that names the value given and what is allowed."""
        for name, value, allowed in (
            ("task", self.task, tuple(TASKS)),
            ("split", self.split, (None, *SPLITS)),
            ("missing", self.missing, MISSING),
        ):
            if value not in allowed:
                words = ", ".join(word for word in allowed if word is not None)
                raise UsageError(f"`{name}` (={value!r}) must be one of: {words}")
        wrong = [k for k in self.k if isinstance(k, bool) or not isinstance(k, int) or k < 1]
        if wrong or not self.k:
            raise UsageError(f"`k` (={(*wrong, None)[0]!r}) must be integers from 1")
        return self
