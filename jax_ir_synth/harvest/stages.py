"""The stages that a function passes on its way to a row, in order."""

# It is in the package, and uses jax.
FOUND = "found"
# A call of it is known that jax can trace.
CALLED = "called"
# It was cut out as one text that needs only jax, NumPy and a part of the standard library.
CUT = "self-contained"
# Its text was lowered, which makes it a row.
LOWERED = "lowered"
# The IR of the row was proven against what the Python means.
PROVEN = "proven"
STAGES = (FOUND, CALLED, CUT, LOWERED, PROVEN)
