"""The difference of two texts is complete and correct, with the changed parts of a line."""

import difflib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jax_ir_synth.show.difference import GAP, IN, KEPT, OUT, Line, diff_texts

LINES = st.lists(st.sampled_from(["a = b", "a = c", "x", "", "call @f(%0)"]), max_size=12)
# On a busy machine a slow draw says nothing.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_texts_that_agree_have_none():
    assert diff_texts("a\nb", "a\nb") == diff_texts("", "") == []


def test_a_changed_line_says_which_part():
    assert diff_texts("1\nx = @lapack(a)\n3", "1\nx = @cusolver(a)\n3") == [
        Line(GAP, 0, "@@ -1,3 +1,3 @@"),
        Line(KEPT, 1, "1"),
        Line(OUT, 2, "x = @lapack(a)", ((5, 11),)),
        Line(IN, 2, "x = @cusolver(a)", ((5, 13),)),
        Line(KEPT, 3, "3"),
    ]


def test_lines_that_have_little_in_common_are_changed_as_a_whole():
    (_, out, come) = diff_texts("alpha beta", "1 + 2 * 3")
    assert (out.changed, come.changed) == ((), ())


@PATIENT
@given(LINES, LINES)
def test_it_is_the_unified_difference(before, after):
    # An empty text has one empty line.
    before, after = (lines or [""] for lines in (before, after))
    lines = diff_texts("\n".join(before), "\n".join(after))
    unified = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    assert [line.text if line.kind == GAP else line.kind + line.text for line in lines] == unified


@PATIENT
@given(LINES, LINES)
def test_numbers_are_the_lines_places_and_parts_lie_within(before, after):
    before, after = (lines or [""] for lines in (before, after))
    for line in diff_texts("\n".join(before), "\n".join(after)):
        if line.kind != GAP:
            assert (after if line.kind == IN else before)[line.number - 1] == line.text
        assert all(0 <= start < end <= len(line.text) for start, end in line.changed)
