"""Computes what a program's Python text means, with NumPy in float64 and without JAX.

`source` loads a kernel's text with `numpy_jax` in place of jax. `program` runs it and takes
derivatives by finite differences. `inputs` draws arguments from the ranges in `in_avals`, and
`points` chooses those at which the program is finite, smooth and steady. `degenerate` finds
programs with uninformative results. `measures` measures how far a result is off.

In: a row's Python, its name and its `in_avals`. Out: outputs and derivatives as float64 arrays, or
a ValueError with a one-line message. This package never sees jax, IR text, or the drawing of a
program, so its results are independent of the compiler whose output is checked against them.
"""
