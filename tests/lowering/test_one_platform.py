"""Programs that only one platform can lower, and dialects that need no lowering."""

import re

import jax
import jax.numpy as jnp
import pytest
from jax import export, lax
from jax.experimental import pallas
from jax.extend.core import Primitive
from jax.interpreters import mlir

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower
from jax_ir_synth.lowering.passes import Pass
from jax_ir_synth.schema.ir_section import clean_module, read_section

V, M = jax.ShapeDtypeStruct((128,), "float32"), jax.ShapeDtypeStruct((16, 16), "float32")


def _make_primitive(platform):
    primitive = Primitive(f"for_{platform}_alone")
    primitive.def_abstract_eval(lambda x: x)
    rule = mlir.lower_fun(jnp.sin, multiple_results=False)
    mlir.register_lowering(primitive, rule, platform=platform)
    return lambda x: primitive.bind(lax.stop_gradient(x)) * x


def _double(x_ref, out_ref):
    out_ref[...] = x_ref[...] * 2


def _kernel(x):
    call = pallas.pallas_call(_double, out_shape=V)
    return call(lax.stop_gradient(x)) * x


def _export(platform):
    exported = export.export(jax.jit(jnp.sin), platforms=(platform,))(V)
    return lambda x: exported.call(lax.stop_gradient(x)) * x


FOR_CUDA = {
    "algorithm": (lambda x: jnp.dot(x, x, precision="TF32_TF32_F32"), M),
    "pallas": (_kernel, V),
    "platform_dependent": (lambda x: lax.platform_dependent(x, cuda=jnp.sin), V),
    "primitive": (_make_primitive("cuda"), V),
    "exported": (_export("cuda"), V),
}
FOR_CPU = {
    "platform_dependent": (lambda x: lax.platform_dependent(x, cpu=jnp.sin), V),
    "primitive": (_make_primitive("cpu"), V),
    "exported": (_export("cpu"), V),
}
ALONE = [
    pytest.param(fn, arg, platform, other, id=f"{platform} {name}")
    for platform, other, programs in (("cuda", "cpu", FOR_CUDA), ("cpu", "cuda", FOR_CPU))
    for name, (fn, arg) in programs.items()
]


@pytest.mark.filterwarnings("ignore:Using ``pl.pallas_call`` for Mosaic GPU:DeprecationWarning")
@pytest.mark.parametrize(("fn", "arg", "platform", "other"), ALONE)
def test_a_program_for_one_platform(fn, arg, platform, other):
    def k(x):
        return fn(x)

    section = read_section(lower(k, arg, platforms=(platform,))[platform])
    plain = jax.jit(k).trace(arg).lower(lowering_platforms=(platform,)).as_text()
    assert _hide_payload(section.forward) == _hide_payload(clean_module(plain))
    assert section.backward.startswith("module @jit_k_loss ")


def _hide_payload(module):
    """A kernel's bytecode has the source lines that plain jax is given, and a hash of it all."""
    return re.sub(r'\b(module|kernel_hash) = "(?:[^"\\]|\\.)*"', r"\1", module)


@pytest.mark.parametrize(("fn", "arg", "platform", "other"), ALONE)
def test_the_other_platform_is_refused_with_a_hint(fn, arg, platform, other):
    hint = rf"^`k` can't be lowered: .*; if it is for .* alone, pass platforms=\(\"{platform}\",\)$"
    for platforms in ((other,), ("cpu", "cuda")):
        with pytest.raises(UsageError, match=hint):
            lower(fn, arg, platforms=platforms, name="k")


def test_the_jaxpr_lowers_nothing(monkeypatch):
    for method in ("_lower", "stablehlo"):
        monkeypatch.delattr(Pass, method)
    for fn, arg in FOR_CUDA.values():
        texts = lower(fn, arg, dialect="jaxpr", name="k")
        assert read_section(texts["cpu"]).forward.startswith("{ lambda ")
