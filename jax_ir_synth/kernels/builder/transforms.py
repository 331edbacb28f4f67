"""Function transforms: `jax.vmap`, `lax.map`, `jax.checkpoint`."""

from collections.abc import Sequence

from jax_ir_synth.kernels.builder.inner_functions import (
    Build,
    as_tuple,
    make_block,
    make_function,
    require_used,
    unite,
)
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Params, Rejected, Value


def _map(
    builder: ProgramBuilder,
    name: str,
    xs: Operands,
    build: Build,
    axes: Sequence[int | None],
    params: Params,
) -> list[Value]:
    """A function of slices along the arrays' axes, applied to all of them."""
    sizes = {x.shape[a] for x, a in zip(xs, axes, strict=True) if a is not None}
    if len(sizes) != 1:
        raise Rejected(f"{name}: the mapped axes differ in length")
    size = sizes.pop()

    with builder.inner() as level:
        parameters = tuple(
            builder.parameter_like(x, x.shape if a is None else x.shape[:a] + x.shape[a + 1 :])
            for x, a in zip(xs, axes, strict=True)
        )
        results = as_tuple(build(*parameters))
    block = make_block(parameters, results, level, "fn")
    require_used(block)
    mapped = unite(p.deps for p, a in zip(parameters, axes, strict=True) if a is not None)
    if any(not v.deps & mapped for v in results):
        raise Rejected(f"{name}: a result does not depend on the mapped arguments")
    return builder.control(
        name,
        xs,
        (block,),
        results,
        list(zip(parameters, xs, strict=True)),
        params,
        shapes=[(size, *v.shape) for v in results],
    )


def vmap(
    builder: ProgramBuilder,
    xs: Operands,
    build: Build,
    in_axes: tuple[int | None, ...] | None = None,
) -> list[Value]:
    """`jax.vmap(fn, in_axes)(*xs)`; an axis of None passes the whole array to each call."""
    axes = in_axes or (0,) * len(xs)
    if any(a is not None and x.ndim <= a for x, a in zip(xs, axes, strict=True)):
        raise Rejected("vmap: no such axis")
    return _map(builder, "vmap", xs, build, axes, {"in_axes": axes})


def lax_map(builder: ProgramBuilder, xs: Operands, build: Build) -> list[Value]:
    """`lax.map(fn, xs)`."""
    if any(x.ndim < 1 for x in xs):
        raise Rejected("map: a scalar")
    return _map(builder, "map", xs, build, (0,) * len(xs), {})


def checkpoint(builder: ProgramBuilder, operands: Operands, build: Build) -> list[Value]:
    """`jax.checkpoint(fn)(*operands)`: the body is computed again in the backward pass."""
    block = make_function(builder, operands, build, "block")
    require_used(block)
    bound = list(zip(block.flat_params(), operands, strict=True))
    return builder.control("checkpoint", operands, (block,), block.flat_results(), bound, {})
