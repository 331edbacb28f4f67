"""Random numbers from a key: keys, what is made of keys, and draws."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import SAMPLES, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import Op, Spelling, int_dtype
from jax_ir_synth.kernels.ops.examples import array, example, key, made
from jax_ir_synth.kernels.ops.rules import NORMAL

_RAMP = (np.arange(SAMPLES) * 7 % SAMPLES + 0.5) / SAMPLES


# A typed key, which the program makes for XLA's own generator.
KEY = made("new_unsafe_rbg_key", seed=7)


def _is_key(operands: Operands, params: Params) -> bool:
    return operands[0].role == "key"


def _key_op(name: str, spellings: tuple[Spelling, ...], **options: Any) -> Op:
    return Op(
        name,
        spellings,
        lambda o, p: (0, 2**32 - 1),
        lambda o, p: _RAMP * 2**32,
        shape=lambda o, p: (2,),
        dtype=lambda o, p: "uint32",
        accepts=lambda o, p: not o or _is_key(o, p),
        smooth=False,
        checked=False,
        dtypes=("uint32",),
        role="key",
        title="",
        **options,
    )


def _draw(
    name: str,
    spellings: tuple[Spelling, ...],
    low: float,
    high: float,
    samples: Samples | Callable[[Params], Samples],
    dtype: str = "float32",
    **options: Any,
) -> Op:
    return Op(
        name,
        spellings,
        lambda o, p: (p.get("low", low), p.get("high", high)),
        lambda o, p: samples(p) if callable(samples) else samples,
        shape=lambda o, p: p["shape"],
        dtype=lambda o, p: dtype,
        accepts=_is_key,
        smooth=False,
        hashes_key=True,
        dtypes=("uint32",),
        uniform=False,
        **options,
    )


def _uniform_samples(params: Params) -> Samples:
    low: float = params.get("low", 0.0)
    high: float = params.get("high", 1.0)
    return low + (high - low) * _RAMP


def _integer_samples(params: Params) -> Samples:
    low: int = params["low"]
    above: int = params["high"] + 1
    return np.floor(low + (above - low) * _RAMP)


# From a key that is an argument, and from one that the program makes.
FROM_A_KEY = (example(key(), shape=(4, 3)), example(KEY, shape=(5,)))

# Extremes in float32: a normal draw is sqrt(2) erf_inv(u) with |u| < 1 - 2^-24, an exponential one
# -log1p(-u) with u <= 1 - 2^-23, and so on.
TABLE = (
    _key_op(
        "new_rbg_key",
        ((1, 'jax.random.key({seed}, impl="rbg")'),),
        ir_bytes=3540,
        examples=(example(seed=7),),
    ),
    _key_op(
        "new_unsafe_rbg_key",
        ((1, 'jax.random.key({seed}, impl="unsafe_rbg")'),),
        ir_bytes=5060,
        examples=(example(seed=7),),
    ),
    _key_op(
        "fold_in",
        ((1, "jax.random.fold_in({0}, {data})"),),
        ir_bytes=1300,
        examples=(example(KEY, data=3),),
    ),
    _draw(
        "random_normal",
        ((4, "jax.random.normal({0}, {shape})"), (1, "jax.random.normal({0}, shape={shape})")),
        -6.0,
        6.0,
        NORMAL,
        ir_bytes=2450,
        title="noise",
        examples=FROM_A_KEY,
        role="random",
    ),
    _draw(
        "random_uniform",
        ((4, "jax.random.uniform({0}, {shape})"), (1, "jax.random.uniform({0}, shape={shape})")),
        0.0,
        1.0,
        _uniform_samples,
        sized_as="random_normal",
        examples=FROM_A_KEY,
        role="random",
    ),
    _draw(
        "random_uniform_between",
        ((1, "jax.random.uniform({0}, {shape}, minval={low}, maxval={high})"),),
        0.0,
        1.0,
        _uniform_samples,
        sized_as="random_normal",
        examples=(example(key(), shape=(4, 3), low=-1.0, high=1.0),),
        role="random",
    ),
    _draw(
        "random_bernoulli",
        ((1, "jax.random.bernoulli({0}, {p}, {shape})"),),
        0.0,
        1.0,
        lambda p: (p["p"] > _RAMP).astype(float),
        dtype="bool",
        ir_bytes=3090,
        title="dropout",
        examples=(example(key(), shape=(4, 3), p=0.8),),
    ),
    _draw(
        "random_integers",
        ((1, "jax.random.randint({0}, {shape}, {low}, {above})"),),
        0,
        1,
        _integer_samples,
        dtype="int32",
        examples=(
            example(key(), shape=(6,), low=0, high=4, above=5),
            example(KEY, shape=(6,), low=0, high=4, above=5),
        ),
        ir_bytes=8070,
    ),
    _draw(
        "random_exponential",
        ((1, "jax.random.exponential({0}, {shape})"),),
        0.0,
        17.0,
        -np.log(1 - _RAMP),
        sized_as="random_normal",
        examples=FROM_A_KEY,
        role="random",
    ),
    _draw(
        "random_gumbel",
        ((1, "jax.random.gumbel({0}, {shape})"),),
        -5.0,
        17.0,
        -np.log(-np.log(_RAMP)),
        sized_as="random_normal",
        examples=FROM_A_KEY,
        role="random",
    ),
    _draw(
        "random_laplace",
        ((1, "jax.random.laplace({0}, {shape})"),),
        -17.0,
        17.0,
        NORMAL * 1.4,
        sized_as="random_normal",
        examples=FROM_A_KEY,
        role="random",
    ),
    _draw(
        "random_truncated",
        ((1, "jax.random.truncated_normal({0}, {low}, {high}, {shape})"),),
        -2.0,
        2.0,
        NORMAL * 0.8,
        sized_as="random_normal",
        examples=(example(key(), shape=(4, 3), low=-2.0, high=1.0),),
        role="random",
    ),
    _draw(
        "random_rademacher",
        ((1, "jax.random.rademacher({0}, {shape})"),),
        -1.0,
        1.0,
        np.where(_RAMP > 0.5, 1.0, -1.0),
        dtype="int32",
        sized_as="random_normal",
        examples=FROM_A_KEY,
    ),
    Op(
        "random_permutation",
        ((1, "jax.random.permutation({0}, {1})"),),
        lambda o, p: (o[1].low, o[1].high),
        lambda o, p: np.roll(o[1].samples, 3),
        shape=lambda o, p: o[1].shape,
        dtype=lambda o, p: o[1].dtype,
        accepts=_is_key,
        hashes_key=True,
        select=(0,),
        dtypes=("uint32",),
        linear=True,
        uniform=False,
        examples=(
            example(key(), array(6)),
            example(KEY, array(6)),
        ),
        ir_bytes=1270,
    ),
    Op(
        "random_choice",
        (
            (1, "jax.random.choice({0}, {1}, {shape})"),
            (1, "jax.random.choice({0}, {1}, shape={shape})"),
        ),
        lambda o, p: (o[1].low, o[1].high),
        lambda o, p: np.roll(o[1].samples, 3),
        shape=lambda o, p: p["shape"] + o[1].shape[1:],
        dtype=lambda o, p: o[1].dtype,
        accepts=_is_key,
        hashes_key=True,
        select=(0,),
        dtypes=("uint32",),
        linear=True,
        ir_bytes=12200,
        uniform=False,
        examples=(
            example(key(), array(6), shape=(4,)),
            example(KEY, array(6), shape=(4,)),
        ),
    ),
    Op(
        "random_categorical",
        ((1, "jax.random.categorical({0}, {1})"), (1, "jax.random.categorical({0}, {1}, axis=-1)")),
        lambda o, p: (0, o[1].shape[-1] - 1),
        lambda o, p: np.floor(_RAMP * o[1].shape[-1]),
        shape=lambda o, p: o[1].shape[:-1],
        dtype=int_dtype,
        accepts=_is_key,
        hashes_key=True,
        smooth=False,
        dtypes=("uint32",),
        uniform=False,
        examples=(
            example(key(), array(4, 5)),
            example(KEY, array(4, 5)),
        ),
        ir_bytes=4550,
    ),
)
