"""What a program's Python text means: run by NumPy in float64, with no JAX inside."""
