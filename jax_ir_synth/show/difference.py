"""Compare two texts line by line, and find the parts of a line that changed."""

import difflib
import itertools
import re
from typing import NamedTuple

KEPT, OUT, IN, GAP = " ", "-", "+", "@"
CONTEXT = 3
# The lines of a larger block aren't compared in pairs, because that wouldn't help a reader.
_MAX_PAIRED = 60
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
# A pair of lines with a lower similarity isn't one line that changed. The similarity is 2 M / T: M
# words match, of T words in both lines.
_ALIKE = 0.5


_Spans = tuple[tuple[int, int], ...]


class Line(NamedTuple):
    """A line of the difference.

    Attributes:
      kind: KEPT for a line of both texts, OUT for one of the first text only, IN for one of the
        second only. GAP stands for common lines that are left out.
      number: The number of the line in its text, from 1. For KEPT, in the first text. For GAP, 0.
      text: The line. For GAP, the header of the next part, as in a unified diff.
      changed: The parts of the line, as (start, end), that its counterpart doesn't have.
    """

    kind: str
    number: int
    text: str
    changed: _Spans = ()


def diff_texts(before: str, after: str, context: int = CONTEXT) -> list[Line]:
    """Compare two texts.

    Args:
      before: The first text.
      after: The second text.
      context: How many common lines to include around a difference.

    Returns:
      The lines of the difference. Empty if the texts are equal.
    """
    old, new = before.split("\n"), after.split("\n")
    # `autojunk` would ignore lines that are frequent in a long text.
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines = []
    for group in matcher.get_grouped_opcodes(context):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        lines.append(Line(GAP, 0, f"@@ -{_format_range(i1, i2)} +{_format_range(j1, j2)} @@"))
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                lines.extend(Line(KEPT, a1 + k + 1, text) for k, text in enumerate(old[a1:a2]))
            else:
                lines.extend(_compare_block(old[a1:a2], new[b1:b2], a1, b1))
    return lines


def _format_range(start: int, stop: int) -> str:
    """Format a range of lines as a unified diff does: from 1, without a length of 1."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _compare_block(old: list[str], new: list[str], a: int, b: int) -> list[Line]:
    """Compare a block of lines that replaces another one. `a` and `b` are their offsets."""
    gone: dict[int, _Spans] = dict.fromkeys(range(len(old)), ())
    come: dict[int, _Spans] = dict.fromkeys(range(len(new)), ())
    if len(old) <= _MAX_PAIRED and len(new) <= _MAX_PAIRED:
        for i, j in zip(range(len(old)), range(len(new)), strict=False):
            gone[i], come[j] = _compare_lines(old[i], new[j])
    return [
        *(Line(OUT, a + k + 1, old[k], gone[k]) for k in gone),
        *(Line(IN, b + k + 1, new[k], come[k]) for k in come),
    ]


def _compare_lines(old: str, new: str) -> tuple[_Spans, _Spans]:
    """Find the parts of two lines, by words, that the other doesn't have."""
    words = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, *words, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (), ()
    # The offset of each word, and of the end of the line.
    starts = [list(itertools.accumulate(map(len, side), initial=0)) for side in words]
    gone, come = [], []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            if i1 < i2:
                gone.append((starts[0][i1], starts[0][i2]))
            if j1 < j2:
                come.append((starts[1][j1], starts[1][j2]))
    return tuple(gone), tuple(come)
