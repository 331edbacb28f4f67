"""Estimates how long a program's IR will be, so that no row grows past its limit."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import RECORDS, linalg, named_by_kind
from jax_ir_synth.kernels.ops.constructs import LEAVES

# The estimate is linear: a program has BASE bytes, and each use of an operation adds its record's
# `ir_bytes`. The hashing of random bits is such an operation, too. OTHER is for operations that no
# benchmark measured. `benchmarks/fit_costs.py` fits the coefficients such that 19 of 20 programs
# are shorter than estimated.
BASE = 890
THREEFRY = 25_900
OTHER = 6140
# Bytes of one IR column. A row holds two of them and must stay below 64 KiB, and the estimate is
# rough: of 180 programs of `compound` without linear algebra, and as many of `loop`, those near the
# limit were at most 1.12 times as long as estimated.
LONGEST = 28_000
# These may be estimated at more. CUDA's text of linear algebra is a fourth shorter than the CPU's.
# Where random bits are hashed, most of the IR is that text, which never varies.
_LONGEST_OF_LINALG, _LONGEST_OF_THREEFRY = 30_500, 30_700
_LINALG = frozenset(record.name for record in linalg.TABLE)

_LOOPS = named_by_kind("loop")
_FREE = frozenset(record.name for record in LEAVES if not record.ir_bytes)


def estimate_ir_bytes(outputs: Sequence[Value]) -> int:
    """Estimated bytes of the IR column (forward and backward) of a program with these outputs."""
    return _sum_bytes(count_operations(outputs))


def _sum_bytes(operations: dict[str, float]) -> int:
    return BASE + sum(round(times * bytes_of(op)) for op, times in operations.items())


def require_short(outputs: Sequence[Value], limit: int | None = None) -> None:
    """Raises Rejected where the IR column would be longer than about `limit` bytes.

    By default, the limit is what a row may have.
    """
    operations = count_operations(outputs)
    estimate = _sum_bytes(operations)
    if estimate > (_find_limit(operations) if limit is None else limit):
        raise Rejected(f"about {estimate} bytes of IR")


def _find_limit(operations: Collection[str]) -> int:
    if "threefry" in operations:
        return _LONGEST_OF_THREEFRY
    return LONGEST if _LINALG.isdisjoint(operations) else _LONGEST_OF_LINALG


def count_operations(outputs: Sequence[Value]) -> dict[str, float]:
    """How often each operation is in the program.

    In a loop's body it counts twice. An operation whose IR grows with each doubling of the length n
    that it runs over counts log2(n) times.
    """
    times: dict[str, float] = defaultdict(float)
    seen: set[int] = set()
    stack = [(value, 1.0) for value in outputs]
    while stack:
        value, weight = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        op = value.op
        if op not in _FREE:
            record = RECORDS[op]
            times[record.sized_as or op] += (
                weight * _length_factor(value) if record.doubles else weight
            )
            if record.hashes_key and _is_threefry(value.operands[0]):
                times["threefry"] += weight  # the bits are hashed by a long text
        stack.extend([(v, weight) for v in value.operands])
        if "means" in value.params:
            stack.extend([(v, weight) for v in value.params["means"]])
        if value.blocks:
            inner = 2 * weight if op in _LOOPS else weight
            stack.extend([(v, inner) for block in value.blocks for v in block.flat_results()])
    return times


def bytes_of(op: str) -> int:
    """Estimated bytes that one use of a node adds to an IR column."""
    if op == "threefry":
        return THREEFRY
    measured = RECORDS[op].ir_bytes
    return OTHER if measured is None else measured


def _is_threefry(key: Value) -> bool:
    return (
        key.op == "argument"
        or key.op in ("part", "split_key", "fold_in")
        and _is_threefry(key.operands[0])
    )


def _length_factor(value: Value) -> float:
    """How often an operation counts that `doubles`."""
    axis = value.params.get("axis", 0)
    return math.log2(max(2, value.operands[0].shape[axis if isinstance(axis, int) else 0]))
