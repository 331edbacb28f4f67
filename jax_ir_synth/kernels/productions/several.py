"""Several results at once: split and unstacked arrays, pairs, helpers called several times."""

from collections.abc import Callable
from typing import Any

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Block, Rejected, Value


def _make_parts(
    op: str,
    operands: tuple[Value, ...],
    results: list[Value],
    params: dict[str, Any],
    blocks: tuple[Block, ...] = (),
) -> list[Value]:
    """The parts of a new node, with the shapes, ranges and dependencies of `results`."""
    level = max(v.level for v in (*operands, *results))
    node = Value(op, operands, params, (), "tuple", 0, 0, blocks=blocks, level=level)
    parts = [
        Value(
            "part",
            (node,),
            {"index": i},
            r.shape,
            r.dtype,
            r.low,
            r.high,
            r.samples,
            diff=r.diff,
            deps=r.deps,
            level=level,
            centred=r.centred,
            role=r.role,
        )
        for i, r in enumerate(results)
    ]
    params["parts"] = parts
    return parts


def _slices(d: ProgramBuilder, x: Value, axis: int) -> list[Value]:
    return [d.apply("index", x, axis=axis, index=i) for i in range(x.shape[axis])]


def split(d: ProgramBuilder, x: Value, sizes: tuple[int, ...], axis: int = -1) -> list[Value]:
    """`jnp.split(x, …, axis)` into pieces of the sizes."""
    axis %= x.ndim
    if sum(sizes) != x.shape[axis] or len(sizes) < 2:
        raise Rejected("split: sizes")
    results, start = [], 0
    for n in sizes:
        results.append(d.apply("slice", x, axis=axis, start=start, stop=start + n, step=1))
        start += n
    return _make_parts("split", (x,), results, {"sizes": tuple(sizes), "axis": axis})


def unstack(d: ProgramBuilder, x: Value, axis: int = 0) -> list[Value]:
    """`jnp.unstack(x, axis)`: one array for each index of the axis."""
    axis %= x.ndim
    return _make_parts("unstack", (x,), _slices(d, x, axis), {"axis": axis})


def iterate(d: ProgramBuilder, x: Value) -> list[Value]:
    """`a, b, c = x`: one array for each index of the first axis."""
    return _make_parts("iterate", (x,), _slices(d, x, 0), {})


def components(d: ProgramBuilder, x: Value, axis: int = -1) -> list[Value]:
    """`a, b, c = x[..., 0], x[..., 1], x[..., 2]`: the same operations as indexing in place."""
    axis %= x.ndim
    results = _slices(d, x, axis)
    return _make_parts("components", (x,), results, {"axis": axis, "means": results})


def meshgrid(d: ProgramBuilder, x: Value, y: Value, indexing: str = "xy") -> list[Value]:
    """`jnp.meshgrid(x, y, indexing=…)` of two vectors."""
    if x.ndim != 1 or y.ndim != 1:
        raise Rejected("meshgrid: vectors are wanted")
    first, second = (1, 0) if indexing == "ij" else (0, 1)
    shape = (x.size, y.size) if indexing == "ij" else (y.size, x.size)
    results = [
        d.apply("broadcast_to", d.apply("expand_dims", v, axis=axis), shape=shape)
        for v, axis in ((x, first), (y, second))
    ]
    return _make_parts("meshgrid", (x, y), results, {"indexing": indexing})


def update_index(d: ProgramBuilder, x: Value, row: Value, i: Value) -> Value:
    """`lax.dynamic_update_index_in_dim(x, row, i, 0)`: updates a slice of length one."""
    meant = d.apply("dynamic_update_slice", x, d.apply("expand_dims", row, axis=0), i, axis=0)
    return _make_parts("update_index", (x, row, i), [meant], {"means": [meant]})[0]


def top_k(d: ProgramBuilder, x: Value, k: int) -> tuple[Value, Value]:
    """`values, indices = lax.top_k(x, k)`. The caller uses both."""
    values = d.apply("top_k", x, k=k)
    n = x.shape[-1]
    samples = (
        (values.samples.argsort().argsort() * 7 % len(values.samples))
        / (len(values.samples) - 1)
        * (n - 1)
    )
    indices = Value(
        "top_k_indices",
        (x,),
        {"k": k},
        values.shape,
        "int32",
        0,
        n - 1,
        samples.round(),
        deps=x.deps,
        level=x.level,
    )
    first, second = _make_parts("top_k_pair", (x,), [values, indices], {"k": k})
    return first, second


def helper(
    d: ProgramBuilder,
    calls: list[tuple[Value, ...]],
    build: Callable[..., Value | tuple[Value, ...]],
    role: str = "helper",
    vectorize: bool = False,
) -> list[list[Value]]:
    """Results of one inner function, called with each tuple of operands, all of the same types.

    `build` draws the body once, on parameters whose ranges cover all calls' operands. The body's
    operations are then repeated for each call, so they have no functions of their own. `vectorize`
    writes `jnp.vectorize`, for a body that works element by element.
    """
    kinds = [[(v.shape, v.dtype) for v in operands] for operands in calls]
    if any(kind != kinds[0] for kind in kinds) or any(
        v.weak for operands in calls for v in operands
    ):
        raise Rejected("helper: the calls differ in shape or dtype")
    with d.inner() as level:
        parameters = []
        for same in zip(*calls, strict=True):
            low, high = min(v.low for v in same), max(v.high for v in same)
            parameters.append(d.parameter(same[0].shape, low, high, same[0].dtype, same[0].samples))
        built = build(*parameters)
        results = built if isinstance(built, tuple) else (built,)
    used = 0
    for value in results:
        used |= value.deps
        if value.level < level or value.op in ("parameter", "part"):
            raise Rejected("helper: a result that it does not compute")
    if any(not used & p.params["marker"] for p in parameters):
        raise Rejected("helper: a parameter is not used")
    block = Block(tuple(parameters), results, level, role)
    outcomes = []
    for operands in calls:
        known = {id(p): v for p, v in zip(parameters, operands, strict=True)}
        meant = [_repeat(d, value, level, known) for value in results]
        params = {"means": meant, "vectorize": vectorize}
        outcomes.append(_make_parts("helper", operands, meant, params, (block,)))
    return outcomes


def _repeat(d: ProgramBuilder, value: Value, level: int, known: dict[int, Value]) -> Value:
    """The value's operations again, on what the parameters stand for."""
    if id(value) in known:
        return known[id(value)]
    if value.level < level:
        return value
    if value.op in ("part", "parameter"):
        raise Rejected("helper: an operation with functions of its own")
    operands = [_repeat(d, v, level, known) for v in value.operands]
    again = d.apply(value.op, *operands, **value.params)
    if value.centred and not again.centred:
        again = again.changed(centred=True)
    known[id(value)] = again
    return again
