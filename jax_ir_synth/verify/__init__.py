"""Proves rows: executes a row's IR text and compares the results with the row's Python.

`proof` compares the results of the IR (`execution`) with the NumPy reference, and `tolerance` says
how far they may be off. `interpreter` runs a module with StableHLO's reference interpreter. Before
that, `expansion` replaces operations that the interpreter lacks by others, `admission` checks that
the module may be run, and `preparing` works around the interpreter's faults. `partition` cuts the
module at the operations that are still lacking, and `fallback_kernels` executes these. `runner`
runs a text on many inputs, by the interpreter and by NumPy (`arrays`). `promote` reads short floats
as longer ones. `dataflow` tells that two modules compute the same without a run. `check` proves
rows of a saved dataset, in a `sandbox`, after `consistency` has checked their columns.

In: a row, as a mapping. Out: its verification status, or `NotProven` with the reason. This package
never knows categories, containers, or how a row was made.
"""

from collections.abc import Mapping
from typing import Any

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.runtime.isolation import isolated


class NotProven(JaxIrSynthError, ValueError):
    """A row is wrong, or can't be shown to be right; the message says why.

    If values differ, `values` holds them: `got` from the IR and `meant` from the Python, as nested
    lists. It also holds `ratio`, the error in units of its tolerance, and `ratio_again`, the same
    from the second comparison: in float64 or, for a program of 16-bit floats, with unrounded
    constants. Both are None if infinite, as for integers that differ; `ratio_again` is also None
    if there was no second comparison.
    """

    def __init__(self, reason: str, values: dict[str, Any] | None = None):
        super().__init__(reason)
        self.values = values


@isolated
def prove(row: Mapping[str, Any], executor: str = "interpreter") -> str:
    """Prove a row from its own columns alone, and return its status, one of `STATUSES`.

    Only StableHLO is executed. If a row has other dialects too, only its StableHLO is proven, and
    the status says so. A row without StableHLO can't be proven.

    The row's Python and IR run in this process. IR that could end or hang the process is refused
    first, but Python could still do so. For rows from untrusted sources use the command `python -m
    jax_ir_synth.verify`, which runs both within limits.

    Args:
      row: the columns of one row, as a mapping.
      executor: what runs the IR on all inputs but the first: `"interpreter"`, StableHLO's reference
        interpreter, as on the first; or `"arrays"`, NumPy, which is faster. It does so where it has
        all of a text's operations and agrees with the interpreter on the first input. The status
        says where it was used. A row that isn't proven with it is executed by the interpreter.

    Raises:
      NotProven: it isn't proven.
      ValueError: for an unknown executor.
    """
    from jax_ir_synth.verify import proof

    return proof.prove(row, executor)
