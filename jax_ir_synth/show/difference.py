"""From one text to another, line by line, with the parts of a line that changed."""

import difflib
import itertools
import re
from typing import NamedTuple

KEPT, OUT, IN, GAP = " ", "-", "+", "@"
CONTEXT = 3
# Beyond so many lines that went for so many others, which of them pairs up with which is no help.
_MAX_PAIRED = 60
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
# Two lines less alike than that are not one line that changed.
_ALIKE = 0.5


class Line(NamedTuple):
    """A line of the difference.

    Attributes:
      kind: KEPT, OUT (of the first text alone), IN (of the second alone), or GAP: lines that both
        have are left out here, and `text` says which part follows, as unified diffs do.
      number: the line's number, from 1, in the text it is of; for KEPT in the first; 0 for GAP.
      text: the line.
      changed: the parts that the line it stands for doesn't have, as (start, end).
    """

    kind: str
    number: int
    text: str
    changed: tuple[tuple[int, int], ...] = ()


def diff_texts(before: str, after: str, context: int = CONTEXT) -> list[Line]:
    """The lines that differ, with `context` lines around them; empty if none does."""
    old, new = before.split("\n"), after.split("\n")
    # Not automatic: it takes lines that are frequent in long texts for noise.
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines = []
    for group in matcher.get_grouped_opcodes(context):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        lines.append(Line(GAP, 0, f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@"))
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                lines.extend(Line(KEPT, a1 + k + 1, text) for k, text in enumerate(old[a1:a2]))
            else:
                lines.extend(_changed(old[a1:a2], new[b1:b2], a1, b1))
    return lines


def _range(start: int, stop: int) -> str:
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _changed(old: list[str], new: list[str], a: int, b: int) -> list[Line]:
    gone = dict.fromkeys(range(len(old)), ())
    come = dict.fromkeys(range(len(new)), ())
    if len(old) <= _MAX_PAIRED and len(new) <= _MAX_PAIRED:
        for i, j in zip(range(len(old)), range(len(new)), strict=False):
            gone[i], come[j] = _parts(old[i], new[j])
    return [
        *(Line(OUT, a + k + 1, old[k], gone[k]) for k in gone),
        *(Line(IN, b + k + 1, new[k], come[k]) for k in come),
    ]


def _parts(old: str, new: str) -> tuple[tuple, tuple]:
    words = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, *words, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (), ()
    # Where each word starts, and the end.
    starts = [list(itertools.accumulate(map(len, side), initial=0)) for side in words]
    gone, come = [], []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            if i1 < i2:
                gone.append((starts[0][i1], starts[0][i2]))
            if j1 < j2:
                come.append((starts[1][j1], starts[1][j2]))
    return tuple(gone), tuple(come)
