"""Validation of a drawn program, before it is kept: it must be defined, smooth and not degenerate.

`sensitivity` runs the program's graph on its samples: each argument must matter; `program` runs
the printed source under the reference: finite, steady under rounding, results that vary.

In: a drawn program. Out: whether it is kept. This room never knows jax.
"""
