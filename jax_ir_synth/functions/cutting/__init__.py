"""Cuts a live function out as one text that needs only jax, NumPy and a part of the library.

`locating` finds the syntax of a live object in its file, and `scopes` the names in it that come
from outside. `cutter` follows these names to their values: `public` knows what may be imported,
`decorators` what wraps a function, `classes` how a class is cut, `literals` how a value is written,
and `assignments` where a module assigns it. `edits` changes a text by position, so that the
author's own layout and comments stay. `pieces` names the pieces and joins them.

A cut is a claim that the text means the same. Only the IR of both shows that it is true; see
`functions.row`.
"""

from jax_ir_synth.functions.cutting.cut import Cut, NotSelfContained, cut

__all__ = ["Cut", "NotSelfContained", "cut"]
