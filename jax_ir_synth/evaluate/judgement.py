"""Defines a completion's judgement: the rung that it reached, and its text's similarity."""

from typing import NamedTuple

# A completion's rung is the first one that it fails at, or the last. At `unsupported` is a valid
# module with an operation or a type that nothing here can run, so that it may well be right.
RUNGS = (
    *("no_code", "parse", "verify", "signature", "unsupported", "execute", "numeric"),
    "pass",
)
PASS = RUNGS[-1]
# The length in characters up to which a completion is judged; a reference has some thousands.
LONGEST = 2**20


class Judgement(NamedTuple):
    """A completion, judged.

    Attributes:
      rung: one of `RUNGS`.
      reason: one line that says why it got no further; empty for `pass`.
      taken: the part of the completion that was judged: `block 2 of 3, module 1 of 1`.
      exact: whether its modules equal the right ones byte for byte, except for blanks at line ends.
      renamed: whether they do once modules and private functions have the same names.
      similarity: the similarity of the texts, 0 to 1: 1 minus the edit distance (Levenshtein, in
        characters) divided by the longer text's length.
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
