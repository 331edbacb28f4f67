"""Validates a drawn program: it must be defined, smooth and not degenerate.

`sensitivity` evaluates the program's graph on samples: each argument must matter. `program` runs
the printed source under the reference: its results must be finite, steady under rounding, and vary.
"""
