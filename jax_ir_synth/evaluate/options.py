"""Defines the options of an evaluation, for the command's flags and the functions' arguments."""

from typing import NamedTuple

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate.extraction import LAST, TAKES
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.schema.splits import SPLITS

# How rows without a prediction are treated: they aren't scored, or count as failures.
LEAVE_OUT, FAIL = MISSING = ("leave-out", "fail")
# The limits for one completion. A reference takes a twentieth of a second, and a helper that has
# imported jax half a gigabyte.
SECONDS, GIGABYTES = 10.0, 4.0


class Options(NamedTuple):
    """The options of an evaluation; see the command's flags.

    Attributes:
      task: one of `tasks.TASKS`.
      split: the only split to be scored; None for all.
      k: the values of k for pass@k.
      missing: how to treat rows without a prediction, one of `MISSING`.
      num_proc: the number of helper processes; no result depends on it.
      seconds, gigabytes: the limits for one completion, of CPU time and of memory.
      seed: the seed of the bootstrap.
      take: which of several modules in a completion counts, one of `extraction.TAKES`.
    """

    task: str = "forward"
    split: str | None = None
    k: tuple[int, ...] = (1,)
    missing: str = LEAVE_OUT
    num_proc: int = 1
    seconds: float = SECONDS
    gigabytes: float = GIGABYTES
    seed: int = 0
    take: str = LAST

    def check(self) -> "Options":
        """Check all options, and return them.

        Raises ValueError, with a line that names the value given and the allowed ones.
        """
        for name, value, allowed in (
            ("task", self.task, tuple(TASKS)),
            ("split", self.split, (None, *SPLITS)),
            ("missing", self.missing, MISSING),
            ("take", self.take, TAKES),
        ):
            if value not in allowed:
                words = ", ".join(word for word in allowed if word is not None)
                raise UsageError(f"`{name}` (={value!r}) must be one of: {words}")
        Limits(self.seconds, self.gigabytes).check()
        wrong = [k for k in self.k if isinstance(k, bool) or not isinstance(k, int) or k < 1]
        if wrong or not self.k:
            raise UsageError(f"`k` (={(*wrong, None)[0]!r}) must be integers from 1")
        return self
