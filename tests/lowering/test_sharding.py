"""Arguments that lie on several devices are lowered as by jax, and never compiled for one device."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

from jax_ir_synth.lowering import lower
from jax_ir_synth.request.dialects import COMPILED
from jax_ir_synth.schema.ir_section import clean_module, read_section

P = PartitionSpec


def _args(kind=AxisType.Auto):
    mesh = AbstractMesh((4,), ("d",), axis_types=(kind,))
    return (
        jax.ShapeDtypeStruct((8, 4), "float32", sharding=NamedSharding(mesh, P("d", None))),
        jax.ShapeDtypeStruct((4, 4), "float32", sharding=NamedSharding(mesh, P())),
    )


def dense(x, w):
    """A layer."""
    return jnp.sin(x) @ w


def _plain(fn, args, platform):
    traced = jax.jit(fn, keep_unused=True).trace(*args)
    return clean_module(traced.lower(lowering_platforms=(platform,)).as_text())


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_both_passes_are_jaxs(kind, platform):
    def dense_loss(x, w):
        return jnp.sum(dense(x, w))

    args = _args(kind)
    section = read_section(lower(dense, *args, platforms=(platform,))[platform])
    assert "mhlo.num_partitions = 4" in section.forward
    assert section.forward == _plain(dense, args, platform)
    assert section.backward == _plain(jax.grad(dense_loss, argnums=(0, 1)), args, platform)


def test_a_pytree_may_have_them():
    x, w = _args()
    section = read_section(lower(lambda p: p["w"] * 2, {"w": w, "x": x}, platforms=("cpu",))["cpu"])
    assert '{sdy.sharding = #sdy.sharding<@mesh, [{"d"}, {}]>}' in section.forward


def test_a_batch_has_its_axis_on_each_device():
    section = read_section(lower(dense, *_args(), passes=("forward", "vmap"))["cpu"])
    assert '#sdy.sharding<@mesh, [{}, {"d"}, {}]>' in section.passes["vmap"]


@pytest.mark.parametrize("kind", ["vjp", "jvp", "hessian_vp"])
@pytest.mark.parametrize("axis", [AxisType.Auto, AxisType.Explicit])
def test_derivatives_have_them_too(kind, axis):
    section = read_section(lower(dense, *_args(axis), passes=("forward", kind))["cuda"])
    assert section.passes[kind].count("sdy.sharding") >= 2


def test_one_device_leaves_no_trace():
    plain = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in _args()]
    mesh = AbstractMesh((1,), ("d",))
    alone = [
        jax.ShapeDtypeStruct(each.shape, each.dtype, sharding=NamedSharding(mesh, P()))
        for each in plain
    ]
    assert lower(dense, *alone) == lower(dense, *plain)


@pytest.mark.parametrize("dialect", sorted(COMPILED))
def test_compiled_dialects_are_refused_in_one_line(dialect):
    with pytest.raises(ValueError, match="compiled, here for one device") as caught:
        lower(dense, *_args(), platforms=("cpu",), dialect=dialect)
    assert "\n" not in str(caught.value) and repr(dialect) in str(caught.value)


@pytest.mark.parametrize("dialect", ["jaxpr", "hlo"])
def test_other_dialects_are_written(dialect):
    assert read_section(lower(dense, *_args(), dialect=dialect)["cpu"]).dialect == dialect
