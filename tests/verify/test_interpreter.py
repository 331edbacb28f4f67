"""A module run piece by piece gives what XLA makes of the whole; texts are promote_half and inputs drawn as they say."""

import re

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import xla_oracle
from jax import lax

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.reference.inputs import DTYPES, draw_input, draw_inputs, move_half_range
from jax_ir_synth.verify.interpreter import Program, Refused
from jax_ir_synth.verify.promote import promote_half

draws = np.random.default_rng(7)
X = draws.uniform(-2, 2, (4, 3)).astype(np.float32)
Y = draws.uniform(-2, 2, (4, 3)).astype(np.float32)
V = draws.uniform(-2, 2, 8).astype(np.float32)
IDS = np.array([2, 0, 2, 1, 0, 2, 3, 3], np.int32)
SQUARE = (draws.uniform(-1, 1, (3, 3)) + 2 * np.eye(3)).astype(np.float32)
# Quarters: their products are exact, which XLA may or may not round in between.
HALF = (np.round(4 * X) / 4).astype(ml_dtypes.bfloat16)
WORDS = np.array([1, 2, 3, 4], np.uint32)


def lowered(function, *args):
    return (
        jax.jit(function, keep_unused=True)
        .trace(*args)
        .lower(lowering_platforms=("cpu",))
        .as_text()
    )


def updated_twice(v, ids):
    """The operand of one scatter is read again, by another scatter and as it is."""
    added = v.at[ids].add(1.0)
    return added, v.at[ids].multiply(2.0), v, added.at[ids[:4]].max(v[4:]) - added


def random_bits(words):
    return jax.random.bits(jax.random.wrap_key_data(words, impl="rbg"), (5,)) >> 3


MODULES = {
    "fori_loop": (lambda x: lax.fori_loop(0, 5, lambda i, c: jnp.sin(c) + i, x), X),
    "while_loop": (
        lambda x: lax.while_loop(lambda c: c[1].sum() < 20, lambda c: (c[0] + 1, c[1] * c[1] + 1), (0, x)), X,
    ),
    "scan": (lambda x, y: lax.scan(lambda c, e: (c * 0.5 + e, (c, e.sum())), x[0], y, reverse=True), X, Y),
    "scan with a scatter": (lambda v, ids: lax.scan(lambda c, i: (c.at[i].add(c[0]), c), v, ids), V, IDS),
    "cond and switch": (
        lambda x, ids: lax.switch(ids[0], [jnp.sin, jnp.cos, jnp.exp], lax.cond(x[0, 0] > 0, lambda: x, lambda: -x)),
        X, IDS,
    ),
    "scatters": (updated_twice, V, IDS),
    "gradient of a gather": (jax.grad(lambda v, ids: jnp.sum(v[ids] ** 2 * v)), V, IDS),
    "segment_sum": (lambda v, ids: (jax.ops.segment_sum(v, ids, 4), v), V, IDS),
    "bfloat16": (lambda x: (x * 2, x.astype(jnp.float32) / 3, jnp.max(x, axis=0)), HALF),
    "integers and booleans": (
        lambda x, ids: (x > 0, jnp.argmax(x, axis=0), ids // 2 - ids % 3, ids.astype(jnp.int8), (x > 1).any()), X, IDS,
    ),
    "chlo": (
        lambda x: (jax.scipy.special.erfinv(x / 3), jnp.arcsinh(x), lax.digamma(x * x + 1), lax.top_k(x, 2)), X,
    ),
    "nothing but arguments": (lambda x, y: (y, x, y), X, Y),
    "constants": (lambda x: (jnp.ones((2, 2)), jnp.arange(3), x), X),
    "sort, window, convolution": (
        lambda x, v: (jnp.sort(x, 0), lax.cummax(x), jnp.convolve(v, v[:3]), jnp.cumsum(v)), X, V,
    ),
}  # fmt: skip
CUT = {
    "a filter": (lambda v, y: jnp.fft.irfft(jnp.fft.rfft(v) * y[0, 0] + jnp.fft.rfft(v * v).imag, n=8), V, Y),
    "the gradient of a filter": (
        jax.grad(lambda v: jnp.sum(jnp.fft.irfft(jnp.fft.rfft(v) * jnp.arange(5.0), n=8) ** 2)), V,
    ),
    "a cut with a scatter after it": (
        lambda a, ids: (jnp.linalg.inv(a).at[ids % 3].add(1.0), a.at[ids % 3].add(1.0), a), SQUARE, IDS,
    ),
    "values past several cuts": (
        lambda a, x: (x @ a, jnp.linalg.solve(a, x.T), jnp.linalg.inv(a @ a) @ x.T, a, x > 0), SQUARE, X,
    ),
    "a loop before a cut and after it": (
        lambda a: lax.fori_loop(0, 3, lambda i, c: c / 2, jnp.linalg.inv(lax.fori_loop(0, 3, lambda i, c: c + a, a))),
        SQUARE,
    ),
    "bfloat16 past a cut": (
        lambda h, a: (h * jnp.sum(jnp.linalg.inv(a)).astype(jnp.bfloat16), (h + 1) * 3, (h * h).astype(jnp.float32)),
        HALF, SQUARE,
    ),
    "a result of the operation itself": (lambda a: jnp.linalg.slogdet(a), SQUARE),
    "an operation in a called function": (
        lambda a: jax.jit(jnp.linalg.inv)(a) + jax.jit(jnp.linalg.inv)(2 * a), SQUARE,
    ),
    "random bits": (lambda w: (random_bits(w), w + 1), WORDS),
    "a random draw": (lambda w, v: jax.random.normal(jax.random.wrap_key_data(w, impl="rbg"), (8,)) * v, WORDS, V),
}  # fmt: skip


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=False):
        if other.dtype == ml_dtypes.bfloat16:
            assert mine.dtype == np.float32
            # One step of bfloat16: XLA keeps more digits within a fusion.
            np.testing.assert_allclose(mine, other.astype(np.float32), 2**-7, 1e-30)
            continue
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
        if other.dtype.kind == "f":
            np.testing.assert_allclose(mine, other, 0, 3e-6 * np.abs(other).max(initial=0))
        else:
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("name", [*MODULES, *CUT])
def test_a_program_does_what_xla_does(name):
    function, *inputs = {**MODULES, **CUT}[name]
    text = lowered(function, *inputs)
    with open_module(text) as module:
        program = Program(module)
        assert program.how == ("interpreter" if name in MODULES else "interpreter+numpy")
        before = [x.copy() for x in inputs]
        ours, again = program(inputs), program(inputs)
    assert_same(ours, xla_oracle.run(text, inputs))
    for mine, second in zip(ours, again, strict=True):
        np.testing.assert_array_equal(mine, second)
    for x, y in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_inputs_that_do_not_fit_are_refused():
    with open_module(lowered(jnp.sin, X)) as module:
        program = Program(module)
        for wrong in ([], [X, X]):
            with pytest.raises(Refused, match="the interpreter refuses it"):
                program(wrong)


# ---------------------------------------------------------------- 16-bit texts

KERNELS = [
    lambda x: jnp.sin(x) * 2.5 + jnp.sum(x, axis=0),
    lambda x: jnp.max(jnp.where(x > 0, x, -jnp.inf), axis=1),
    lambda x: jnp.where(x > 0, x, jnp.nan),
    lambda x: (
        lax.reduce_precision(x, 8, 7)
        + lax.reduce_precision(x * x, exponent_bits=5, mantissa_bits=10)
    ),
    lambda x: lax.scan(lambda c, e: (c * e, c), x[0], x),
    lambda x: (x.astype(jnp.float32) * 2).astype(x.dtype) @ x.T,
    lambda x: jax.nn.softmax(x, axis=-1) + jax.nn.relu(x),
    lambda x: jnp.sort(x, axis=0) > 0.5,
]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_widened_is_the_program_of_float32(kernel, dtype):
    # Halves and quarters are the same in all three dtypes.
    x = (np.round(4 * X) / 4).astype(np.float32)
    short, full = lowered(kernel, x.astype(DTYPES[dtype])), lowered(kernel, x)
    wide = promote_half(short)
    assert re.search(r"b?f16|e5m10|e8m7", short) and not re.search(r"f16", wide)
    results = []
    for text in (wide, promote_half(full)):
        with open_module(text) as module:
            results.append(Program(module)([x]))
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, 1e-6, 1e-6)
        assert mine.dtype == other.dtype


def test_a_float32_text_is_left_alone():
    text = lowered(lambda x: jnp.where(x > 0, x, -jnp.inf), X)
    assert "0xFF800000" in text and promote_half(text) == text


@pytest.mark.parametrize(("line", "wide"), [
    ("dense<0xFF80> : tensor<bf16>", "dense<0xFF800000> : tensor<f32>"),
    ("dense<0x7F80> : tensor<2x3xbf16>", "dense<0x7F800000> : tensor<2x3xf32>"),
    ("dense<0x7FC0> : tensor<bf16>", "dense<0x7FC00000> : tensor<f32>"),
    ("dense<0xFC00> : tensor<f16>", "dense<0xFF800000> : tensor<f32>"),
    ("dense<0x7C00> : tensor<4xf16>", "dense<0x7F800000> : tensor<4xf32>"),
    ("dense<0x7E00> : tensor<f16>", "dense<0x7FC00000> : tensor<f32>"),
    ("dense<[0xFC00, 1.500000e+00]> : tensor<2xf16>", "dense<[0xFF800000, 1.500000e+00]> : tensor<2xf32>"),
    ("dense<1.000000e+00> : tensor<bf16>", "dense<1.000000e+00> : tensor<f32>"),
    ("dense<0xFF800000> : tensor<f32>", "dense<0xFF800000> : tensor<f32>"),
    ("tensor<4x3xbf16>, tensor<f16>, tensor<2xi16>", "tensor<4x3xf32>, tensor<f32>, tensor<2xi16>"),
    ("stablehlo.reduce_precision %0, format = e8m7 : tensor<bf16>",
     "stablehlo.reduce_precision %0, format = e8m7 : tensor<f32>"),
    ("call @my_bf16_f16(%arg0)", "call @my_bf16_f16(%arg0)"),
])  # fmt: skip
def test_widened_lines(line, wide):
    assert promote_half(line) == wide


# ---------------------------------------------------------------- inputs

AVALS = [
    {"shape": [40, 50], "dtype": "float32", "low": -0.1, "high": 0.3},
    {"shape": [40, 50], "dtype": "bfloat16", "low": 0.1, "high": 0.3},
    {"shape": [40, 50], "dtype": "bfloat16", "low": -1.003, "high": -0.981},
    {"shape": [40, 50], "dtype": "float16", "low": 0.1, "high": 2000.7},
    {"shape": [40, 50], "dtype": "float16", "low": -3.3333, "high": -3.3},
    {"shape": [300], "dtype": "int32", "low": -2, "high": 3},
    {"shape": [], "dtype": "int32", "low": 5, "high": 5},
    {"shape": [300], "dtype": "uint32", "low": 0, "high": 4},
    {"shape": [300], "dtype": "int8", "low": -128, "high": 127},
    {"shape": [300], "dtype": "bool", "low": 0, "high": 1},
    {"shape": [], "dtype": "float32", "low": 1.0, "high": 2.0},
    {"shape": [0, 3], "dtype": "float32", "low": 0.0, "high": 1.0},
]


def test_inputs_lie_in_their_ranges():
    """Also after rounding: neither 0.1 nor 0.3 is a bfloat16."""
    for seed in range(3):
        for aval, x in zip(AVALS, draw_inputs(AVALS, seed), strict=True):
            assert x.shape == tuple(aval["shape"]) and x.dtype == DTYPES[aval["dtype"]]
            wide = x.astype(np.float64)
            assert ((aval["low"] <= wide) & (wide <= aval["high"])).all()


def test_inputs_reach_both_ends():
    for aval, x in zip(AVALS, draw_inputs(AVALS, 0), strict=True):
        low, high = aval["low"], aval["high"]
        if x.dtype.kind in "iub" and x.size > 50 and high - low < 10:
            assert set(x.astype(int).tolist()) == set(range(low, high + 1))
        elif x.size > 50 and x.dtype == np.float32:
            near = 0.01 * (high - low)
            assert x.min() < low + near and x.max() > high - near
            assert abs(x.mean() - (low + high) / 2) < 3 * near


def test_a_seed_gives_the_same_inputs_and_another_others():
    first, again, other = (draw_inputs(AVALS, seed) for seed in (3, 3, 4))
    for aval, x, same, different in zip(AVALS, first, again, other, strict=True):
        np.testing.assert_array_equal(x, same, strict=True)
        if x.size and aval["low"] < aval["high"]:
            assert not np.array_equal(x, different)


def test_an_input_alone_is_the_one_among_all():
    for position, (aval, x) in enumerate(zip(AVALS, draw_inputs(AVALS, 11), strict=True)):
        np.testing.assert_array_equal(draw_input(aval, 11, position), x, strict=True)


def test_equal_avals_get_different_inputs():
    x, y = draw_inputs([AVALS[0], AVALS[0]], 0)
    assert not np.isin(x, y).all()


def test_the_opposite_input_lies_in_the_other_half_of_its_range():
    for aval, x in zip(AVALS, draw_inputs(AVALS, 2), strict=True):
        y = move_half_range(aval, x)
        assert y.shape == x.shape and y.dtype == x.dtype
        low, high, wide = aval["low"], aval["high"], y.astype(np.float64)
        assert ((low <= wide) & (wide <= high)).all()
        if x.dtype == np.bool_:
            np.testing.assert_array_equal(y, ~x)
        elif x.dtype == np.float32:
            away = np.abs(wide - x.astype(np.float64))
            np.testing.assert_allclose(away, (high - low) / 2, rtol=1e-5)
        elif low < high:
            assert (y != x).mean() > 0.9
