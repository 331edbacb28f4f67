"""Long constants are left out on request."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import lower

X = jax.ShapeDtypeStruct((100,), "float32")
LONG, SHORT = np.arange(100, dtype="float32"), np.arange(4, dtype="float32")


def scale(x):
    return x * LONG + jnp.sum(jnp.asarray(SHORT) * 3.5)


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_long_constants_alone_are_elided(platform):
    full = lower(scale, X)[platform]
    text = lower(scale, X, elide_above=50)[platform]
    assert "__elided__" not in full and text.count("dense_resource<__elided__>") >= 2
    assert "dense<[0.000000e+00, 1.000000e+00, 2.000000e+00, 3.000000e+00]>" in text
    pairs = zip(full.split("\n"), text.split("\n"), strict=True)
    assert all(old == new or "__elided__" in new for old, new in pairs)
    assert lower(scale, X, elide_above=100)[platform] == full


def test_the_jaxpr():
    text = lower(scale, X, elide_above=50, dialect="jaxpr", passes="forward")["cpu"]
    assert "  <elided>\n" in text and "  [0.0, 1.0, 2.0, 3.0]\n" in text
    full = lower(scale, X, dialect="jaxpr", passes="forward")["cpu"]
    assert full == text.replace("<elided>", str(LONG.tolist()))


def test_symbolic_shapes():
    x = jax.ShapeDtypeStruct(export.symbolic_shape("b, 100"), "float32")
    text = lower(scale, x, elide_above=50)["cpu"]
    assert "tensor<?x100xf32>" in text and "dense_resource<__elided__>" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"elide_above": -1}, r"`elide_above` \(=-1\) must be a number of elements"),
        ({"elide_above": "8"}, r"`elide_above` \(='8'\) must be"),
        ({"elide_above": 8, "dialect": "hlo"}, r"`elide_above` \(=8\) is for .*, not for hlo"),
    ],
)
def test_wrong_values(options, message):
    with pytest.raises(UsageError, match=message):
        lower(scale, X, **options)
