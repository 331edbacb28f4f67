"""Arguments as jax takes them: by keyword, static, donated, of 64 bits, of symbolic shapes."""

import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jax.interpreters import mlir
from jaxlib.mlir import ir

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.schema.ir_section import clean_module, read_section

X = jax.ShapeDtypeStruct((4, 8), "float32")
V = jax.ShapeDtypeStruct((8,), "float32")


def norm(x, axis, *, scale, bias=0.0):
    return x / x.sum(axis, keepdims=True) * scale + bias


def add(x, y):
    return x + y


def scale_by(table, x):
    return x * table["a"]


def _forward(fn, *args, **options):
    text = lower(fn, *args, platforms=("cpu",), passes="forward", **options)["cpu"]
    return text.split("\n", 2)[2].strip()


def _plain(fn, *args, kwargs=None, **options):
    jitted = jax.jit(fn, keep_unused=True, **options)
    lowered = jitted.trace(*args, **(kwargs or {})).lower(lowering_platforms=("cpu",))
    return clean_module(lowered.as_text())


@pytest.mark.parametrize(
    ("args", "kwargs", "options"),
    [
        ((X, 1), {"scale": V}, {"static_argnums": 1}),
        ((X, 1), {"scale": V}, {"static_argnums": [-1]}),
        ((X, 1), {"scale": V, "bias": V}, {"static_argnums": (np.int64(1),)}),
        ((X, 1), {"scale": V, "bias": V}, {"static_argnames": "axis"}),
        ((X,), {"axis": 1, "scale": V}, {"static_argnums": 1}),
        ((X,), {"scale": 2.0, "axis": 1}, {"static_argnames": ("axis", "scale")}),
    ],
)
def test_keyword_and_static_arguments(args, kwargs, options):
    expected = _plain(norm, *args, kwargs=kwargs, **options)
    assert _forward(norm, *args, kwargs=kwargs, **options) == expected


def test_the_other_passes_of_static_and_keyword_arguments():
    def norm_loss(x, scale):
        return norm(x, 1, scale=scale).sum()

    text = lower(norm, X, 1, kwargs={"scale": V}, static_argnums=1, platforms=("cpu",))["cpu"]
    section = read_section(text)
    assert section.argnums == (0,)
    assert section.backward == _plain(jax.grad(norm_loss, argnums=(0,)), X, V)
    batched = lower(norm, X, 1, kwargs={"scale": V}, static_argnums=1, passes="vmap")["cpu"]
    assert "%arg0: tensor<8x4x8xf32>, %arg1: tensor<8x8xf32>)" in batched


def test_a_static_argument_needs_no_hash():
    table = {"axes": [1]}

    def total(x, table):
        return x.sum(tuple(table["axes"]))

    def of_array(x):
        return total(x, table)

    expected = _plain(of_array, X).replace("of_array", "total")
    assert _forward(total, X, table, static_argnums=1) == expected


@pytest.mark.parametrize("donate", [0, (0,), [-2], np.int64(0)])
def test_donated_buffers_are_marked(donate):
    expected = _plain(add, V, V, donate_argnums=0)
    assert "tf.aliasing_output = 0" in expected
    assert _forward(add, V, V, donate_argnums=donate) == expected


def test_donated_buffers_by_name():
    expected = _plain(add, V, V, donate_argnums=1)
    name = list(inspect.signature(add).parameters)[1]
    assert _forward(add, V, V, donate_argnames=name) == expected
    assert _forward(add, V, V, donate_argnames=[name]) == expected
    keyword = _forward(add, V, kwargs={name: V}, donate_argnames=name)
    assert keyword.count("tf.aliasing_output") == 1 and "%arg1" in keyword.split("tf.")[0]

    def product(*factors):
        return factors[0] * factors[1]

    with pytest.raises(UsageError, match="must hold only names of arguments"):
        lower(product, V, V, donate_argnames="factors")


def test_types_of_64_bits_on_request():
    wide = np.ones(8)
    assert "f64" not in _forward(add, wide, wide)
    with jax.enable_x64(True):
        expected = _plain(add, wide, wide)
    assert "f64" in expected
    assert _forward(add, wide, wide, enable_x64=True) == expected
    assert "f64" not in _forward(add, wide, wide)
    section = read_section(lower(jnp.sin, wide, enable_x64=True, name="k")["cuda"])
    assert "tensor<8xf64>" in section.backward
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_symbolic_shapes_are_written_as_jax_exports_them(platform):
    def gram(x):
        return jnp.tanh(x @ x.T)

    x = jax.ShapeDtypeStruct(export.symbolic_shape("b, 4"), "float32")
    section = read_section(lower(gram, x, platforms=(platform,))[platform])
    plain = export.export(jax.jit(gram), platforms=(platform,))(x).mlir_module()
    with mlir.make_ir_context():
        # Printed again, without locations.
        assert section.forward == clean_module(str(ir.Module.parse(plain)))
    assert "tensor<?x4xf32>" in section.backward and "loc(" not in section.forward
    assert "b,4" in read_section(lower(gram, x, dialect="jaxpr")[platform]).forward
    with pytest.raises(UsageError, match=r"`dialect` \(='hlo'\) can't have symbolic shapes"):
        lower(gram, x, platforms=(platform,), dialect="hlo")


@dataclasses.dataclass
class Scale:
    """A dataclass with `eq` has no hash."""

    weight: object

    def __call__(self, x):
        return x * self.weight

    def method(self, x):
        return x * self.weight


# It looks like a function.
named = Scale(jnp.ones(8))
named.__name__ = "named"


class Wrapper:
    """Its class has a hash, which fails for what it holds, as with wrappers of Equinox."""

    def __init__(self, held):
        self.held = held
        self.__name__ = "wrapped"

    def __hash__(self):
        return hash(self.held)

    def __call__(self, x):
        return x * self.held["weight"]


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (Scale(jnp.ones(8)), "Scale"),
        (Scale(jnp.ones(8)).method, "method"),
        (functools.partial(Scale(jnp.ones(8))), "Scale"),
        (functools.partial(scale_by, {"a": 2.0}), "scale_by"),
        (named, "named"),
        (Wrapper({"weight": 2.0}), "wrapped"),
    ],
)
def test_a_callable_without_a_hash(fn, name):
    text = lower(fn, V, platforms=("cpu",))["cpu"]
    assert f"module @jit_{name} " in text and f"module @jit_{name}_loss " in text


@pytest.mark.parametrize("key", [jax.random.key(3), jax.random.PRNGKey(3)])
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name not in ("llvm", "asm")])
def test_a_closed_over_key(key, dialect):
    def noise(x):
        return x * jax.random.normal(key, x.shape)

    text = lower(noise, V, platforms=("cpu",), dialect=dialect)["cpu"]
    assert dialect != "jaxpr" or "consts:\n  [0, 3]\n" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"static_argnums": 4}, r"`static_argnums` \(=4\) must hold positions below 2"),
        ({"static_argnums": "x"}, r"`static_argnums` \(='x'\) must hold"),
        ({"static_argnames": "z"}, r"`static_argnames` .* must hold only names .*: x, y$"),
        ({"static_argnames": 3}, r"`static_argnames` \(=3\) must be a name"),
        ({"donate_argnums": 2}, r"`donate_argnums` \(=2\) must hold positions below 2"),
        ({"donate_argnums": None}, r"`donate_argnums` \(=None\) must hold"),
        ({"donate_argnames": "z"}, r"`donate_argnames` \(='z'\) must hold only names of arguments"),
        ({"donate_argnames": 3}, r"`donate_argnames` \(=3\) must be a name or several"),
        ({"kwargs": 3}, r"`kwargs` \(=3\) must be a dict"),
        ({"kwargs": {3: V}}, r"`kwargs` \(of type dict\) must be a dict of keyword"),
        ({"enable_x64": "yes"}, r"`enable_x64` \(='yes'\) must be True or False"),
    ],
)
def test_wrong_values(options, message):
    with pytest.raises(UsageError, match=message):
        lower(add, V, V, **options)
