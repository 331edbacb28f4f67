"""The operator table: every operation that a program can hold, by name.

`OPS` holds the operations on arrays, `CONSTRUCTS` the nodes with inner functions or several
results, `RECORDS` both and the leaves. To add an operation, write its record in the file of its
kind; the record generates its tests (`tests/kernels/test_operations.py`), and the list in its
`weights` draws it. The NumPy reference must know each function that a spelling calls.
"""

from collections.abc import Iterable
from typing import TypeVar

from jax_ir_synth.kernels.ops import (
    activations,
    along,
    arithmetic,
    choices,
    comparisons,
    constructs,
    contractions,
    creation,
    elementary,
    geometry,
    indexing,
    integers,
    linalg,
    masked,
    movement,
    products,
    random,
    reductions,
    special,
    spectral,
    ternary,
)
from jax_ir_synth.kernels.ops.base import LISTS, Construct, Op, Record

R = TypeVar("R", bound=Record)

# A draw goes by the order of the records: another order would change rows.
_TABLES = (
    elementary.TABLE,
    activations.TABLE,
    special.TABLE,
    elementary.ROUNDING,
    integers.FUNCTIONS,
    comparisons.NEGATION,
    arithmetic.TABLE,
    comparisons.TABLE,
    integers.TABLE,
    ternary.TABLE,
    choices.TABLE,
    reductions.TABLE,
    creation.TABLE,
    movement.TABLE,
    indexing.TABLE,
    along.TABLE,
    products.TABLE,
    linalg.TABLE,
    random.TABLE,
    spectral.TABLE,
    geometry.TABLE,
    masked.TABLE,
    reductions.LAST,
    contractions.TABLE,
)


def index_by_name(records: Iterable[R]) -> dict[str, R]:
    """The records by their names. Raises ValueError for a record that can't be right."""
    table: dict[str, R] = {}
    for record in records:
        if record.name in table:
            raise ValueError(f"operation {record.name!r} is declared twice")
        if isinstance(record, Op) and (unknown := record.weights.keys() - LISTS):
            raise ValueError(
                f"`weights` of {record.name!r} (={unknown}) must be of {sorted(LISTS)}"
            )
        table[record.name] = record
    return table


OPS: dict[str, Op] = index_by_name(op for table in _TABLES for op in table)
CONSTRUCTS: dict[str, Construct] = index_by_name(constructs.TABLE)
RECORDS: dict[str, Record] = index_by_name(
    (*OPS.values(), *CONSTRUCTS.values(), *constructs.LEAVES)
)


def drawn_by(name: str, branches: bool = False) -> dict[str, int]:
    """Weights of the operations in a list of draws, by their names.

    Args:
      name: the list, one of `base.LISTS`.
      branches: whether operations that JAX writes out with a choice of its own are among them.
    """
    found = {
        op.name: op.weights[name]
        for op in OPS.values()
        if name in op.weights and (branches or not op.branches)
    }
    if not found:
        raise ValueError(f"`name` (={name!r}) must be one of {sorted(LISTS)}")
    return found


def named_by_kind(kind: str) -> frozenset[str]:
    """The constructs of a kind."""
    return frozenset(record.name for record in CONSTRUCTS.values() if record.kind == kind)
