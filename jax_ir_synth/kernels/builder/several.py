"""Several results of one node: split and unstacked arrays, meshes, pairs."""

from collections.abc import Sequence

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Block, Operands, Params, Rejected, Value


def make_parts(
    op: str,
    operands: Operands,
    results: Sequence[Value],
    params: Params,
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


def _slices(builder: ProgramBuilder, x: Value, axis: int) -> list[Value]:
    return [builder.apply("index", x, axis=axis, index=i) for i in range(x.shape[axis])]


def split(builder: ProgramBuilder, x: Value, sizes: tuple[int, ...], axis: int = -1) -> list[Value]:
    """`jnp.split(x, …, axis)` into pieces of the sizes."""
    axis %= x.ndim
    if sum(sizes) != x.shape[axis] or len(sizes) < 2:
        raise Rejected("split: sizes")
    results, start = [], 0
    for n in sizes:
        results.append(builder.apply("slice", x, axis=axis, start=start, stop=start + n, step=1))
        start += n
    return make_parts("split", (x,), results, {"sizes": tuple(sizes), "axis": axis})


def unstack(builder: ProgramBuilder, x: Value, axis: int = 0) -> list[Value]:
    """`jnp.unstack(x, axis)`: one array for each index of the axis."""
    axis %= x.ndim
    return make_parts("unstack", (x,), _slices(builder, x, axis), {"axis": axis})


def iterate(builder: ProgramBuilder, x: Value) -> list[Value]:
    """`a, b, c = x`: one array for each index of the first axis."""
    return make_parts("iterate", (x,), _slices(builder, x, 0), {})


def components(builder: ProgramBuilder, x: Value, axis: int = -1) -> list[Value]:
    """`a, b, c = x[..., 0], x[..., 1], x[..., 2]`: the same operations as indexing in place."""
    axis %= x.ndim
    results = _slices(builder, x, axis)
    return make_parts("components", (x,), results, {"axis": axis, "means": results})


def meshgrid(builder: ProgramBuilder, x: Value, y: Value, indexing: str = "xy") -> list[Value]:
    """`jnp.meshgrid(x, y, indexing=…)` of two vectors."""
    if x.ndim != 1 or y.ndim != 1:
        raise Rejected("meshgrid: vectors are wanted")
    first, second = (1, 0) if indexing == "ij" else (0, 1)
    shape = (x.size, y.size) if indexing == "ij" else (y.size, x.size)
    results = [
        builder.apply("broadcast_to", builder.apply("expand_dims", v, axis=axis), shape=shape)
        for v, axis in ((x, first), (y, second))
    ]
    return make_parts("meshgrid", (x, y), results, {"indexing": indexing})


def update_index(builder: ProgramBuilder, x: Value, row: Value, i: Value) -> Value:
    """`lax.dynamic_update_index_in_dim(x, row, i, 0)`: updates a slice of length one."""
    meant = builder.apply(
        "dynamic_update_slice", x, builder.apply("expand_dims", row, axis=0), i, axis=0
    )
    return make_parts("update_index", (x, row, i), [meant], {"means": [meant]})[0]


def top_k(builder: ProgramBuilder, x: Value, k: int) -> tuple[Value, Value]:
    """`values, indices = lax.top_k(x, k)`. The caller uses both."""
    values = builder.apply("top_k", x, k=k)
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
    first, second = make_parts("top_k_pair", (x,), [values, indices], {"k": k})
    return first, second
