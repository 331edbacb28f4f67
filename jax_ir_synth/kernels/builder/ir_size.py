"""How long a program's IR will be, estimated from its operations, so that no row grows past its limit."""

import math
from collections import Counter

from jax_ir_synth.kernels.builder.values import Undrawable, Value
from jax_ir_synth.kernels.ops.ir_sizes import BASE, BYTES, OTHER

# Bytes of one IR column; a row holds two, and the estimate is rough: 64 KiB stay out of reach.
LONGEST = 30_500
# Hashed keys take the most of a row, and always the same text: there the estimate is too high by this.
_SURELY = 200

_FREE = {"parameter", "literal", "part", "merged", "half", "counter"}
_LOOPS = {"scan", "fori_loop", "map", "while_loop"}
# Their text grows with each doubling of the length that they run over.
_DOUBLING = {"cummax", "cummin", "cumprod", "cumlogsumexp", "linear_recurrence", "associative_scan"}
_LIKE_CUMMAX = {"cummin", "cumprod", "cumlogsumexp"}  # written out alike
_LIKE_NORMAL = {
    f"random_{name}"
    for name in (
        "uniform",
        "uniform_between",
        "exponential",
        "gumbel",
        "laplace",
        "truncated",
        "rademacher",
    )
}

# Operations that are too rare for the fit, or longer in some programs than it says: bytes as measured.
_AT_LEAST = {
    "zeta": 27_500,
    "random_choice": 12_200,
    "median": 10_600,
    "cummax": 8_100,
    "associative_scan": 8_000,
}


def footprint(outputs) -> int:
    """Estimated bytes of the IR column (forward and backward) of a program with these outputs."""
    return BASE + sum(
        round(times * max(BYTES.get(op, OTHER), _AT_LEAST.get(op, 0)))
        for op, times in operations(outputs).items()
    )


def require_short(outputs, limit: int = LONGEST) -> None:
    """Raises Undrawable where the IR column would be longer than about `limit` bytes."""
    estimate = footprint(outputs)
    if operations(outputs)["threefry"]:
        limit += _SURELY
    if estimate > limit:
        raise Undrawable(f"about {estimate} bytes of IR")


def operations(outputs) -> Counter:
    """How often each operation is in the program; in a loop's body it counts twice."""
    times: Counter = Counter()
    seen: set[int] = set()
    stack = [(value, 1.0) for value in outputs]
    while stack:
        value, weight = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.op not in _FREE:
            times[_kind(value)] += weight * _length_factor(value)
            if value.op.startswith("random_") and _is_threefry(value.operands[0]):
                times["threefry"] += weight  # the bits are hashed by a long text
        stack.extend((v, weight) for v in (*value.operands, *value.params.get("means", ())))
        inner = 2 * weight if value.op in _LOOPS else weight
        stack.extend((v, inner) for block in value.blocks for v in block.flat_results())
    return times


def _kind(value: Value) -> str:
    op = value.op.removesuffix("_reverse")
    if op in _LIKE_CUMMAX:
        return "cummax"
    return "random_normal" if op in _LIKE_NORMAL else op


def _is_threefry(key: Value) -> bool:
    return (
        key.op in ("argument", "new_key")
        or key.op in ("part", "split_key", "fold_in")
        and _is_threefry(key.operands[0])
    )


def _length_factor(value: Value) -> float:
    if value.op.removesuffix("_reverse") not in _DOUBLING:
        return 1.0
    axis = value.params.get("axis", 0)
    return math.log2(max(2, value.operands[0].shape[axis if isinstance(axis, int) else 0]))
