"""Whatever function JAX takes is lowered, and its text is run or refused in one line: none ends a process."""

import jax
import jax.numpy as jnp
import pytest
from answering import answers
from jax import lax
from jax.experimental import io_callback
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jax_ir_synth.lowering import lower
from jax_ir_synth.schema.ir_section import read_section

X = jax.ShapeDtypeStruct((4, 4), "float32")
EMPTY = jax.ShapeDtypeStruct((3, 0), "float32")


def mesh():
    return jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))


def called_back(x):
    return jax.pure_callback(lambda y: y, X, lax.stop_gradient(x)) + x


def with_a_side_effect(x):
    io_callback(lambda y: None, None, lax.stop_gradient(x))
    return x * 2


def constrained(x):
    return lax.with_sharding_constraint(x * 2, NamedSharding(mesh(), PartitionSpec("data")))


def mapped(x):
    add = jax.shard_map(
        lambda y: lax.psum(y * 2, "data"),
        mesh=mesh(),
        in_specs=PartitionSpec("data"),
        out_specs=PartitionSpec(),
    )
    return add(x)


def foreign(x):
    return jax.ffi.ffi_call("nobody", X)(lax.stop_gradient(x)) + x


RUN = {
    "empty": (lambda x: x * 2, EMPTY),
    "a product over nothing": (lambda x: x @ x.T, EMPTY),
    "a scan over nothing": (
        lambda x: lax.scan(lambda c, e: (c + e.sum(), e), 0.0, x)[0],
        jax.ShapeDtypeStruct((0, 3), "float32"),
    ),
    "sums and sorts of nothing": (lambda x: x.sum(axis=1) + jnp.sort(x, axis=1).sum(), EMPTY),
    "a function for each platform": (
        lambda x: lax.platform_dependent(x, cpu=jnp.sin, cuda=jnp.cos),
        X,
    ),
    "a sharding": (constrained, X),
    "a collective of one device": (mapped, X),
    "8-bit floats": (lambda x: x.astype(jnp.float8_e4m3fn).astype(jnp.float32) + x, X),
}
REFUSED = {
    "a callback": (called_back, X),
    "a side effect": (with_a_side_effect, X),
    "a call of nobody": (foreign, X),
    "4-bit integers": (lambda x: x * lax.stop_gradient(x).astype(jnp.int4).astype(jnp.float32), X),
    "many elements": (lambda x: jnp.broadcast_to(x.sum(), (8,) * 10), X),
    "more elements than memory has": (lambda x: jnp.broadcast_to(x.sum(), (2**20, 2**20)), X),
    "a loop without end": (lambda x: lax.while_loop(lambda c: True, lambda c: c + 1, lax.stop_gradient(x)) + x, X),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict:
    texts = {
        (name, part): text
        for name, (function, argument) in {**RUN, **REFUSED}.items()
        for column in [
            read_section(lower(function, argument, platforms=["cpu"])["cpu"], "stablehlo")
        ]
        for part, text in (("forward", column.forward), ("backward", column.backward))
    }
    return dict(zip(texts, answers([*texts.values()], "verifier"), strict=True))


@pytest.mark.parametrize("name", [*RUN, *REFUSED])
def test_what_jax_lowers_is_run_or_refused(found, name):
    answer, backward = found[name, "forward"], found[name, "backward"]
    assert answer.kind == ("value" if name in RUN else "refused")
    assert backward.kind in ("value", "refused")
