"""Random numbers applied to a value: noise, dropout, permutations, choices; and their keys."""

from collections.abc import Callable
from functools import partial

from jax_ir_synth.kernels.builder import random_keys
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Shape, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.stages import SIZES

Key = Callable[[ProgramBuilder], Value]


def _dropout(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    keep = d.stream.choice((0.9, 0.8, 0.5, 0.7))
    mask = d.apply("random_bernoulli", key, p=keep, shape=x.shape)
    return d.apply("where", mask, d.apply("div", x, keep), 0.0)


def _choose_at_random(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    p = d.stream.choice((0.5, 0.3, 0.7))
    mask = d.apply("random_bernoulli", key, p=p, shape=shape)
    return d.apply("where", mask, x, common.with_literal(d, x))


def _flip_signs(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    signs = d.apply("random_rademacher", key, shape=shape)
    return d.apply("mul", x, d.apply("convert", signs, dtype="float32"))


def _permute(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    return d.apply("mul", d.apply("random_permutation", key, x), x)


def _weigh_by_category(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    category = d.apply("convert", d.apply("random_categorical", key, x), dtype="float32")
    weight = d.apply("add", 1.0, category)
    return d.apply("mul", x, d.apply("expand_dims", weight, axis=x.ndim - 1))


def _take_rows(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    n = x.shape[0]
    count = d.stream.choice(SIZES)
    rows = d.apply("random_integers", key, shape=(count,), low=0, high=n - 1, above=n)
    return common.one_unary(d, d.apply("take", x, rows, axis=0))


def _multiply_by_choice(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    return d.apply("mul", d.apply("random_choice", key, x, shape=(x.shape[0],)), x)


def _add_argument_of_noise(d: ProgramBuilder, x: Value, noise: Value) -> Value:
    return d.apply("add", x, d.apply("mul", d.argument((), 0.1, 1.0, role="scalar"), noise))


def _add_share_of_noise(d: ProgramBuilder, x: Value, noise: Value) -> Value:
    scale = d.stream.choice((0.1, 0.5, 0.01, 0.2)) if noise.bound < 20 else 0.1
    return d.apply("add", x, d.apply("mul", scale, noise))


def _multiply_by_noise(d: ProgramBuilder, x: Value, noise: Value) -> Value:
    return d.apply("mul", x, noise)


_NOISES = {_add_argument_of_noise: 1, _add_share_of_noise: 1, _multiply_by_noise: 1}


def _noise(
    d: ProgramBuilder, x: Value, key: Value, shape: Shape, name: str, **ends: float
) -> Value:
    noise = d.apply(name, key, shape=shape, **ends)
    return d.stream.choose(_NOISES)(d, x, noise)


def _truncated_noise(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    low, high = d.stream.choice((-2.0, -1.0)), d.stream.choice((2.0, 1.0))
    return _noise(d, x, key, shape, "random_truncated", low=low, high=high)


def _noise_between(d: ProgramBuilder, x: Value, key: Value, shape: Shape) -> Value:
    low, high = d.stream.choice(((-1.0, 1.0), (-0.1, 0.1), (0.5, 1.5), (0.0, 2.0)))
    return _noise(d, x, key, shape, "random_uniform_between", low=low, high=high)


# How random numbers change a value; the shape is that of the numbers.
Use = Callable[[ProgramBuilder, Value, Value, Shape], Value]
_USES: dict[Use, int] = {
    partial(_noise, name="random_normal"): 8,
    _dropout: 8,
    partial(_noise, name="random_uniform"): 6,
    _choose_at_random: 4,
    partial(_noise, name="random_laplace"): 2,
    partial(_noise, name="random_exponential"): 2,
    partial(_noise, name="random_gumbel"): 3,
    _truncated_noise: 3,
    _noise_between: 3,
    _flip_signs: 1,
}
# By the generator whose IR is the shortest: there is room for these, and for split keys.
_SHORT_USES = _USES | {_permute: 3, _weigh_by_category: 4, _take_rows: 4, _multiply_by_choice: 4}


def _argument_key(d: ProgramBuilder) -> Value:
    return d.argument((2,), 0, 2**32 - 1, dtype="uint32", role="key")


def _rbg_key(d: ProgramBuilder) -> Value:
    return d.apply("new_rbg_key", seed=d.stream.below(100))


def _unsafe_rbg_key(d: ProgramBuilder) -> Value:
    key = d.apply("new_unsafe_rbg_key", seed=d.stream.below(100))
    return d.stream.choose(_DERIVED_KEYS)(d, key)


def _fold_in(d: ProgramBuilder, key: Value) -> Value:
    return d.apply("fold_in", key, data=d.stream.below(20))


def _split(d: ProgramBuilder, key: Value) -> Value:
    return d.stream.choice(random_keys.split_key(d, key))


def _keep(d: ProgramBuilder, key: Value) -> Value:
    return key


_DERIVED_KEYS = {_fold_in: 20, _split: 55, _keep: 25}
# A row has room for one draw of threefry bits; the text of a constant threefry key is too long.
_THREEFRY_KEYS: dict[Key, int] = {_argument_key: 1}
_RBG_KEYS: dict[Key, int] = {_rbg_key: 3, _unsafe_rbg_key: 9}


def by_threefry(d: ProgramBuilder, x: Value) -> Value:
    """Noise, dropout or a random choice, by JAX's generator from a key argument."""
    return _random(d, x, _THREEFRY_KEYS)


def by_rbg(d: ProgramBuilder, x: Value) -> Value:
    """Noise, dropout or a random choice, by XLA's own generator from a constant key."""
    return _random(d, x, _RBG_KEYS)


def _random(d: ProgramBuilder, x: Value, keys: dict[Key, int]) -> Value:
    make_key = d.stream.choose(keys)
    key = make_key(d)
    use = d.stream.choose(_SHORT_USES if make_key is _unsafe_rbg_key else _USES)
    return use(d, x, key, x.shape if d.stream.chance(70) else x.shape[-1:])
