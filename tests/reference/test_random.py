"""The reference's `jax.random` gives JAX's numbers: every bit, and draws as near as float32 allows."""

from functools import cache
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jax_ir_synth.reference.numpy_jax import random as numpy_random

IMPLS = ("threefry2x32", "rbg", "unsafe_rbg")
SEEDS = (0, 58, 2**32 - 1)
SHAPES = ((), (1,), (2,), (7,), (0,), (16, 12), (3, 5, 7), (1, 33, 1))
LIBRARY = SimpleNamespace(random=SimpleNamespace(**numpy_random.RANDOM))
# Words that make Philox's counter carry into its upper half, and wrap around.
CARRYING = ((1, 2, 2**32 - 2, 2**32 - 1), (2**32 - 1,) * 4, (5, 0, 2**32 - 1, 7))

X = np.random.default_rng(0).uniform(-2.0, 2.0, (6, 5)).astype(np.float32)
DRAWS = """
jax.random.normal(key, (5, 6))
jax.random.normal(key)
jax.random.normal(key, 3)
jax.random.normal(key, (8, 4), "float32")
jax.random.normal(key, (99, 101))
jax.random.uniform(key, (8, 4))
jax.random.uniform(key, shape=(7,))
jax.random.uniform(key, (8, 5), minval=-0.1, maxval=0.1)
jax.random.uniform(key, (99, 101), minval=-3.3, maxval=10.7)
jax.random.uniform(key, (6,), minval=0.5, maxval=1.5)
jax.random.uniform(key, (6, 5), minval=x[0], maxval=2.5)
jax.random.bernoulli(key, 0.3, (5, 6))
jax.random.bernoulli(key, 0.8, (99, 101))
jax.random.bernoulli(key)
jax.random.bernoulli(key, p=x[0], shape=(6, 5))
jax.random.bernoulli(key, x)
jax.random.randint(key, (10,), 0, 16)
jax.random.randint(key, shape=(), minval=0, maxval=5)
jax.random.randint(key, (300,), 0, 100003)
jax.random.randint(key, (300,), -2147483648, 2147483647)
jax.random.randint(key, (7,), 4, 4)
jax.random.randint(key, (2, 3), 0, indices)
jax.random.exponential(key, (99, 101))
jax.random.gumbel(key, (99, 101))
jax.random.laplace(key, (99, 101))
jax.random.truncated_normal(key, -2.0, 2.0, (2, 12))
jax.random.truncated_normal(key, -1.0, 2.0, (99, 101))
jax.random.truncated_normal(key, -2, 1, shape=(9,))
jax.random.truncated_normal(key, -1.5, x)
jax.random.rademacher(key, (16, 5))
jax.random.rademacher(key, shape=(7,))
jax.random.permutation(key, x)
jax.random.permutation(key, x, axis=-1)
jax.random.permutation(key, x, axis=1, independent=True)
jax.random.permutation(key, 2000)
jax.random.permutation(key, x[:1])
jax.random.choice(key, x[0], (8,))
jax.random.choice(key, 5, (40,), p=x[0] * x[0])
jax.random.logistic(key, (99, 101))
jax.random.choice(key, x, shape=(10,))
jax.random.choice(key, x, (3, 2), axis=1)
jax.random.choice(key, x, (3,), False, axis=-1)
jax.random.choice(key, 9, (4,), replace=False)
jax.random.choice(key, 9)
jax.random.categorical(key, x)
jax.random.categorical(key, x[0], axis=-1)
jax.random.categorical(key, x, axis=0)
jax.random.categorical(key, x[:2], shape=(3, 2))
jax.random.categorical(key, x[:, 0], 0, (3,))
jax.random.normal(jax.random.fold_in(key, 12), (4,))
jax.random.normal(jax.random.split(key, 3)[2], (4,))
jax.random.normal([k for k in jax.random.split(key)][1], (4,))
""".strip().splitlines()
REFUSED = """
jax.random.normal(3, (2,))
jax.random.normal(jax.random.split(key), (2,))
jax.random.normal(key, (2,), "float16")
jax.random.normal(key, (2, -1))
jax.random.normal(key, (2,), out_sharding=None)
jax.random.key(0, impl="philox4x32")
jax.random.key(0.5)
jax.random.fold_in(key, -1)
jax.random.fold_in(key, 0.5)
jax.random.uniform(key, (2,), minval=x)
jax.random.bernoulli(key, 1, (2,))
jax.random.bernoulli(key, 0.5, (2,), mode="high")
jax.random.randint(key, (2,), 0, 2.5)
jax.random.randint(key, (2,), 0, 2**31)
jax.random.randint(key, (2,), 0, 5, "int8")
jax.random.permutation(key, 2.5)
jax.random.choice(key, 5, (6,), replace=False)
jax.random.choice(key, 5, (2,), p=x)
jax.random.categorical(key, indices)
jax.random.categorical(key, x, shape=(5,))
jax.random.categorical(key, x, replace=False)
""".strip().splitlines()


def value(text, library, key):
    return eval(
        text, {"jax": library, "key": key, "x": X, "indices": np.array([4, 5, 6], np.int32)}
    )


def made(random, key):
    """Keys made of a key, by each way that there is."""
    folded = [random.fold_in(key, number) for number in (0, 19, 2**32 - 1, np.int32(-2))]
    return folded + [random.split(key, num) for num in (1, 2, 5, (2, 3), 0)]


@cache
def drawn_by_jax(impl):
    """JAX's draws by all the texts, for each seed."""
    # Compiled in half the time; the numbers are the same.
    quick = {"xla_backend_optimization_level": 1}
    draw = jax.jit(lambda key: [value(text, jax, key) for text in DRAWS], compiler_options=quick)
    return [
        dict(zip(DRAWS, map(np.asarray, draw(jax.random.key(seed, impl=impl))), strict=False))
        for seed in SEEDS
    ]


def assert_same_keys(theirs, ours):
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours.data, jax.random.key_data(theirs), strict=True)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_is_the_published_one(counter, key, words):
    """The known answers that come with Random123, the authors' own implementation."""
    blocks = numpy_random._philox4x32([np.array([word], np.uint64) for word in counter], key)
    assert tuple(np.concatenate(blocks).tolist()) == words


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_is_the_published_one(counter, key, words):
    pair = numpy_random._threefry2x32(
        np.array(key, np.uint32), *(np.array([word], np.uint32) for word in counter)
    )
    assert tuple(np.concatenate(pair).tolist()) == words


@pytest.mark.parametrize("impl", IMPLS)
def test_bits(impl):
    forms = [(shape, dtype) for shape in SHAPES for dtype in ("uint32", "uint16", "uint8")]
    draw = jax.jit(lambda key: [jax.random.bits(key, *form) for form in forms])
    keys = [numpy_random.key(seed, impl=impl) for seed in SEEDS]
    if impl != "threefry2x32":
        keys += [numpy_random.Key(impl, words) for words in CARRYING]
    for ours in keys:
        for form, expected in zip(
            forms, draw(jax.random.wrap_key_data(ours.data, impl=impl)), strict=False
        ):
            np.testing.assert_array_equal(
                np.asarray(numpy_random.bits(ours, *form)), expected, strict=True
            )


@pytest.mark.parametrize("impl", IMPLS)
def test_keys(impl):
    make = jax.jit(lambda key: made(jax.random, key))
    for seed in (*SEEDS, 99, -1, 2**40 + 3, np.int32(7)):
        theirs, ours = jax.random.key(seed, impl=impl), numpy_random.key(seed, impl=impl)
        assert_same_keys(theirs, ours)
        for _ in range(3):
            all_theirs, all_ours = make(theirs), made(numpy_random, ours)
            for pair in zip(all_theirs, all_ours, strict=True):
                assert_same_keys(*pair)
            theirs, ours = all_theirs[5][1], all_ours[5][1]


def test_the_default_is_threefry():
    assert_same_keys(jax.random.key(3), numpy_random.key(3))


def test_an_array_of_keys_is_indexed_like_jaxs():
    theirs, ours = (
        random.split(random.key(3, impl="rbg"), (2, 3)) for random in (jax.random, LIBRARY.random)
    )
    for index in (0, -1, (1, 2), (..., 0), slice(1, None), (slice(None), 1)):
        assert_same_keys(theirs[index], ours[index])
    assert (len(ours), ours.ndim) == (2, 2)
    for misuse in (lambda: ours[0, 0, 0], lambda: list(ours[0, 0])):
        with pytest.raises((IndexError, TypeError)):
            misuse()


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("text", DRAWS)
def test_draws(text, impl):
    # A uniform draw is exact, and so is what is picked from an array.
    near = 0.0 if text.split("(")[0].endswith(("uniform", "permutation", "choice")) else 2e-6
    for seed, draws in zip(SEEDS, drawn_by_jax(impl), strict=False):
        expected, drawn = draws[text], value(text, LIBRARY, numpy_random.key(seed, impl=impl))
        assert isinstance(drawn, np.ndarray)
        if expected.dtype == np.float32:
            assert drawn.dtype == np.float64
            np.testing.assert_allclose(np.asarray(drawn), expected, near, near)
            assert drawn.shape == expected.shape
        else:
            np.testing.assert_array_equal(np.asarray(drawn), expected, strict=True)


@pytest.mark.parametrize("impl", IMPLS)
def test_the_farthest_normal_draws(impl):
    """Where the quantile is steep, how u is rounded on the way shows first."""
    expected = np.asarray(jax.random.normal(jax.random.key(1, impl=impl), (1000, 1000)))
    drawn = np.asarray(numpy_random.normal(numpy_random.key(1, impl=impl), (1000, 1000)))
    assert np.abs(drawn).max() > 4.7
    np.testing.assert_allclose(drawn, expected, 5e-7, 5e-7)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_drawn_is_refused(text):
    with pytest.raises((TypeError, ValueError, OverflowError, NotImplementedError)):
        value(text, LIBRARY, numpy_random.key(0))
