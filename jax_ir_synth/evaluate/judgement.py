"""Defines a completion's judgement: the rung that it reached, and its text's similarity.

A completion is `UNJUDGED` where the fault is not its own, but the row's or this machine's. That is
no rung, and counts in no figure.
"""

from typing import NamedTuple

from jax_ir_synth.errors import JaxIrSynthError

# A completion's rung is the first one that it fails at, or the last. At `unsupported` is a valid
# module with an operation or a type that nothing here can run, so that it may well be right.
RUNGS = (
    *("no_code", "parse", "verify", "signature", "unsupported", "execute", "numeric"),
    "pass",
)
PASS = RUNGS[-1]
# In the place of a rung where nothing is known about the completion.
UNJUDGED = "unjudged"
# The mark set before the reference is run, since a failure there may be the reference's.
REFERENCE = "reference"
# The length in characters up to which a completion is judged; a reference has some thousands.
LONGEST = 2**20


class Unjudgeable(JaxIrSynthError, ValueError):
    """No answer to a row can be judged, by a fault of the row; the message says which."""


class Judgement(NamedTuple):
    """A completion, judged.

    Attributes:
      rung: one of `RUNGS`, or `UNJUDGED`.
      reason: one line that says why it got no further, or can't be judged; empty for `pass`.
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

    @property
    def unjudged(self) -> bool:
        """Whether it can't be judged, by no fault of its own, so that it must not count."""
        return self.rung == UNJUDGED


def leave_unjudged(reason: str) -> Judgement:
    """Make the judgement of a completion that can't be judged."""
    return Judgement(UNJUDGED, reason, "", False, False, 0.0)
