"""Proves rows: the IR text in a row, parsed and run, computes what the row's Python means.

`proof` compares what the IR computes (`execution`) with the NumPy reference. `interpreter` runs a
module by StableHLO's reference interpreter, once `admission` has found that it may be run and
`preparing` has made it what the interpreter expects; `partition` cuts it at the operations that the
interpreter lacks, which `fallback_kernels` does. `promote` reads short floats as longer ones.
`check` does all this for rows of a saved dataset, in a `sandbox`, and `consistency` checks their
columns.

In: a row, as a mapping. Out: its verification status, or `NotProven` with the reason. This room
never knows categories, containers, or how a row was made.
"""

from collections.abc import Mapping
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.isolation import isolated


class NotProven(JaxIrSynthError, ValueError):
    """A row that isn't right, or can't be shown to be; the message says why.

    `values` are those that differ, where that is the reason: `got` of the IR and `meant` by the
    Python, as nested lists; `ratio`, the error in units of its tolerance; `ratio_again`, likewise
    where it was judged a second time, in float64 or, in a program of 16-bit floats, with the
    constants as they are written. Either is None where it is infinite, as for integers that differ,
    and the second where there was none.
    """

    def __init__(self, reason: str, values: dict[str, Any] | None = None):
        super().__init__(reason)
        self.values = values


@isolated
def prove(row: Mapping[str, Any]) -> str:
    """How a row was proven, from its own columns alone: one of `STATUSES`.

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
