"""Verification status: all that a row's column `verified` can say of how it was proven."""

# What ran a row's texts, from the word that says most to the one that says least: StableHLO's
# reference interpreter; it, with NumPy and SciPy for operations that it lacks; XLA's CPU client.
RUN_BY = ("interpreter", "interpreter+numpy", "xla")
# Follows where the CUDA text could only be parsed, verified and compared by its signature.
CUDA_PARSED = ", cuda parsed"
PARSED = "parsed"
UNVERIFIED = "none"
# Begins where a row's texts are not all StableHLO: the StableHLO that they were made of was run.
OF_STABLEHLO = "stablehlo: "
_WORDS = (*RUN_BY, *(word + CUDA_PARSED for word in RUN_BY), PARSED)
# All that a row's column `verified` can say.
STATUSES = (*_WORDS, *(OF_STABLEHLO + word for word in _WORDS), UNVERIFIED)
