"""Writes programs of families as people write code: from a family's function to a row's text.

`family` is how a family is declared, and `draw` draws a program of one. `specialise` leaves of its
function what the chosen options need, and `dead_code` of that what its results need. `respell`
writes expressions in other words, `rename` names what is local, `outline` takes steps out into a
helper, `idioms` writes short forms, and `check` adds checks of arguments. `present` adds the rest:
`annotate` the annotations, `document` docstrings and comments, `write` the layout. Each works on
syntax trees, with the tools of `trees`. What a program computes is decided by `specialise`; of the
others, only `respell` and `idioms` may write it with other operations.
"""
