"""What a program's Python text computes, by NumPy in float64, with no JAX inside.

`source` loads a kernel's text with `numpy_jax` in the place of jax; `program` runs it and takes
derivatives by finite differences; `inputs` draws arguments from the ranges in `in_avals`, `points`
chooses those at which the program is finite, smooth and steady; `degenerate` finds programs whose
results say nothing; `tolerance` says how far a result may be off.

In: a row's Python, its name and its `in_avals`. Out: outputs and derivatives as float64 arrays, or
a ValueError in one line. This room never knows jax, IR text, or how a program was drawn, so what it
computes is independent of the compiler whose output is checked against it.
"""
