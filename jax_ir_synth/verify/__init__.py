"""Proves rows: the IR text in a row, parsed and run, computes what the row's Python means."""

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
WORDS = (*_WORDS, *(OF_STABLEHLO + word for word in _WORDS), UNVERIFIED)


class NotProven(ValueError):
    """A row that isn't right, or can't be shown to be; the message says why."""


def prove(row) -> str:
    """How a row was proven, from its own columns alone: one of `WORDS`.

    Only StableHLO is run. Where a row has other dialects too, what is proven is its StableHLO, and
    the word says so; where it has none, there is nothing to prove it by.

    Args:
      row: the columns of one row, as a mapping.

    Raises NotProven.

    It runs the row's Python and IR in this process. No IR can end it or hang it, it is refused
    first; Python could. What may come from anyone is for the command `python -m
    jax_ir_synth.verify`, which runs both within limits.
    """
    from jax_ir_synth.verify import proof

    return proof.prove(row)
