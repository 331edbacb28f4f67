"""What became of a completion: the rung of the ladder that it reached, and how near its text is."""

from typing import NamedTuple

# A completion has the name of the first rung that it fails at, or of the last.
RUNGS = ("no_code", "parse", "verify", "signature", "execute", "numeric", "pass")
PASS = RUNGS[-1]
# Characters of a completion that is looked at; a reference has some thousands.
LONGEST = 2**20


class Judgement(NamedTuple):
    """A completion, judged.

    Attributes:
      rung: one of `RUNGS`.
      reason: why it got no further, one line; empty for `pass`.
      taken: what was taken of the completion, in words: `block 2 of 3, module 1 of 1`.
      exact: whether its modules are the right ones to the byte, but for blanks at line ends.
      renamed: whether they are once modules and private functions have the same names.
      similarity: of the texts, 0 to 1: 1 less the edit distance (Levenshtein, in characters) as a
        part of the longer one's length.
    """

    rung: str
    reason: str
    taken: str
    exact: bool
    renamed: bool
    similarity: float

    @property
    def passed(self) -> bool:
        """Whether the completion computes the right thing."""
        return self.rung == PASS
