"""Writes programs of families as people write code: from a family's function to a row's text.

`family` is how a family is declared, and `draw` draws a program of one. `specialise` leaves of its
function what the chosen options need. `respell` writes expressions in other words, `rename` names
what is local, and `present` adds the rest: `annotate` the annotations, `document` docstrings and
comments, `write` the layout. Each works on syntax trees. None but `respell` and `specialise`
touches what is computed, and those leave what a program means.
"""
