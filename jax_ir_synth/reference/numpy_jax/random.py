"""Implements `jax.random` in NumPy: keys, derived keys and draws, with JAX's bits on the CPU.

It is written from the published definitions. Philox4x32-10 and Threefry2x32-20 are those of Salmon,
Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). XLA's use of
Philox's blocks is defined in openxla/xla: xla/hlo/builder/lib/prng.cc, and
xla/hlo/transforms/expanders/rng_bit_generator_expander.cc. JAX's use of the bits is defined in its
documentation of `jax.random` and in jax/_src/random (0.10.2, with its default settings).

Bits, integers, booleans and uniform draws are exact. Other draws are float64 functions of exact
uniform draws. In JAX, draws are float32 or int32. An argument that asks for another dtype is an
error, and so is an argument that isn't in the signature.
"""

import math
import operator
from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, Shape, array
from jax_ir_synth.reference.numpy_jax.bounds import check_elements

_MASK = 0xFFFFFFFF
# Philox adds these to its two key words from one round to the next.
_BUMPS = (0x9E3779B9, 0xBB67AE85)
# The number of 32-bit words in a key.
_WORDS = {"threefry2x32": 2, "rbg": 4, "unsafe_rbg": 4}
_TINY = np.finfo(np.float32).tiny
_ALMOST_MINUS_ONE = np.nextafter(np.float32(-1), np.float32(0))


class Key:
    """A key, or an array of keys: `data` holds its 32-bit words along a last axis of its own."""

    def __init__(self, impl: str, data: np.ndarray) -> None:
        self.impl = impl
        self.data = np.asarray(data, np.uint32)
        if self.data.shape[-1:] != (_WORDS[impl],):
            raise ValueError(
                f"a key of {impl} has {_WORDS[impl]} words, got an array of {self.data.shape}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of keys, `()` for a single key."""
        return self.data.shape[:-1]

    @property
    def ndim(self) -> int:
        """The number of dimensions of that shape."""
        return len(self.shape)

    def __getitem__(self, index: Operand) -> "Key":
        index = index if isinstance(index, tuple) else (index,)
        return Key(self.impl, self.data[(*index, slice(None))])

    @property
    def size(self) -> int:
        """The number of keys."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single key has no length")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))


def _philox4x32(counter: list[np.ndarray], key: tuple[int, int]) -> list[np.ndarray]:
    """Philox4x32-10: four words of each block's counter → four random words, all in uint64."""
    a, b, c, d = counter
    for turn in range(10):
        key0, key1 = ((k + turn * bump) & _MASK for k, bump in zip(key, _BUMPS, strict=True))
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (right >> 32) ^ b ^ key0, right & _MASK, (left >> 32) ^ d ^ key1, left & _MASK
    return [a, b, c, d]


def _threefry2x32(key: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Threefry2x32-20 of counters (a, b), 1-d arrays of uint32."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    a, b = a + schedule[0], b + schedule[1]
    for turn in range(5):
        for bits in ((13, 15, 26, 6), (17, 29, 16, 24))[turn % 2]:
            a = a + b
            b = a ^ (b << np.uint32(bits) | b >> np.uint32(32 - bits))
        a = a + schedule[(turn + 1) % 3]
        b = b + schedule[(turn + 2) % 3] + np.uint32(turn + 1)
    return a, b


def draw_philox_words(data: np.ndarray, count: int) -> np.ndarray:
    """Draw words as XLA's rng_bit_generator does on the CPU, where its default is Philox.

    The key's first two words are both Philox's key and the upper half of its 128-bit counter, and
    the last two are the lower half. The counter grows by one for each block of four words.
    """
    first, second, third, fourth = (int(word) for word in data)
    start = third | fourth << 32
    low = np.arange(-(-count // 4), dtype=np.uint64) + np.uint64(start)
    high = (low < start).astype(np.uint64) + np.uint64(first | second << 32)
    counter = [low & _MASK, low >> 32, high & _MASK, high >> 32]
    return (
        np.stack(_philox4x32(counter, (first, second)), axis=-1).ravel()[:count].astype(np.uint32)
    )


def _threefry_pairs(data: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Apply Threefry to the counters 0, 1, ..., 64-bit numbers whose upper word comes first."""
    index = np.arange(count, dtype=np.uint64)
    return _threefry2x32(data, (index >> 32).astype(np.uint32), index.astype(np.uint32))


def _threefry_split(data: np.ndarray, count: int) -> np.ndarray:
    return np.stack(_threefry_pairs(data, count), axis=-1)


def _threefry_fold_in(data: np.ndarray, number: int) -> np.ndarray:
    return np.concatenate(
        _threefry2x32(data, np.zeros(1, np.uint32), np.array([number], np.uint32))
    )


def _make_seed_words(impl: str, seed: int) -> np.ndarray:
    """Make a key's words from a seed: zero and its lower 32 bits, repeated for Philox."""
    return np.array([0, seed & _MASK] * (_WORDS[impl] // 2), np.uint32)


def _as_single_key(key: Any) -> Key:
    if isinstance(key, np.ndarray) and key.dtype == np.uint32 and key.shape == (2,):
        # The older form of a key: the words of a key of the default kind.
        return Key("threefry2x32", key)
    if not isinstance(key, Key):
        raise TypeError(f"a key must come from jax.random.key, got {key!r}")
    if key.shape:
        raise ValueError(f"one key must be given, got an array of keys of shape {key.shape}")
    return key


def _as_shape(shape: Shape) -> tuple[int, ...]:
    shape = tuple(
        operator.index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))
    )
    if min(shape, default=0) < 0:
        raise ValueError(f"`shape` (={shape}) must not be negative")
    check_elements(math.prod(shape))
    return shape


def _check_dtype(dtype: Any, *accepted: str) -> None:
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)
    if dtype is not None and name not in accepted:
        raise NotImplementedError(
            f"`dtype` (={name}) must be {' or '.join(accepted)}, no other is drawn here"
        )


def _draw_words(key: Key, shape: tuple[int, ...]) -> np.ndarray:
    count = math.prod(shape)
    if key.impl == "threefry2x32":
        a, b = _threefry_pairs(key.data, count)
        return np.asarray(a ^ b).reshape(shape)
    return draw_philox_words(key.data, count).reshape(shape)


def _draw_uniform(key: Key, shape: tuple[int, ...], low: Operand, high: Operand) -> np.ndarray:
    """Draw float32 numbers. A word's upper 23 bits are the mantissa; scaling rounds only once."""
    low, high = (np.broadcast_to(np.asarray(x, np.float32), shape) for x in (low, high))
    fraction = (_draw_words(_as_single_key(key), shape) >> np.uint32(9)) * 2.0**-23
    return np.maximum(low, (fraction * np.float64(high - low) + np.float64(low)).astype(np.float32))


def _transform_to_normal(u: np.ndarray) -> np.ndarray:
    """Compute √2 erf⁻¹(u) with u² rounded to float32, as XLA does.

    XLA computes the function from log(1 - u²) (M. Giles, "Approximating the erfinv function",
    2010). Only that rounding moves a result by more than 1e-6; it moves results from 3 on by 2e-5.
    """
    root: np.ndarray = special.erfinv(np.sqrt(np.float64(u * u)))
    normal: np.ndarray = math.sqrt(2.0) * np.sign(u) * root
    return normal


def key(seed: Any, *, impl: str | None = None) -> Key:
    """`jax.random.key`: a seed may have 64 bits, of which the lower 32 count."""
    impl = "threefry2x32" if impl is None else impl
    if impl not in _WORDS:
        raise NotImplementedError(f"`impl` (={impl!r}) must be one of {', '.join(_WORDS)}")
    return Key(impl, _make_seed_words(impl, int(np.int64(operator.index(seed)))))


def prng_key(seed: Any, *, impl: str | None = None) -> Array:
    """`jax.random.PRNGKey`: the words of a key, as the older form of a key."""
    return array(key(seed, impl=impl).data)


def key_data(keys: Any) -> Array:
    """`jax.random.key_data`: the words of keys."""
    return array(keys.data if isinstance(keys, Key) else keys)


def wrap_key_data(key_bits_array: Operand, *, impl: str | None = None) -> Key:
    """`jax.random.wrap_key_data`: keys of given words."""
    return Key("threefry2x32" if impl is None else impl, np.asarray(key_bits_array))


def _like(given: Any, made: Key) -> Any:
    """Return keys in the form in which a key was given: keys, or their words."""
    return array(made.data) if isinstance(given, np.ndarray) else made


def split(key: Any, num: Any = 2) -> Any:
    """`jax.random.split`: `num` new keys, or an array of them of shape `num`."""
    return _like(key, _split(key, num))


def _split(key: Any, num: Any = 2) -> Key:
    """Split a key.

    rbg splits its halves as Threefry keys. unsafe_rbg takes every tenth block of Philox.
    """
    key, shape = _as_single_key(key), _as_shape(num)
    count = math.prod(shape)
    if key.impl == "unsafe_rbg":
        data = draw_philox_words(key.data, 40 * count).reshape(count, 10, 4)[:, 0]
    else:
        halves = key.data.reshape(-1, 2)
        data = np.concatenate([_threefry_split(half, count) for half in halves], axis=-1)
    return Key(
        key.impl, data.reshape(*shape, -1) if count else np.zeros((*shape, _WORDS[key.impl]))
    )


def fold_in(key: Any, data: Operand) -> Any:
    """`jax.random.fold_in`: a new key for a key and a number."""
    return _like(key, _fold_in(key, data))


def _fold_in(key: Any, data: Operand) -> Key:
    """Fold a number into a key.

    rbg folds into its halves as Threefry keys. unsafe_rbg takes the exclusive or with the tenth
    block of Philox, seeded with the number.
    """
    key, number = _as_single_key(key), operator.index(data)
    if isinstance(data, int) and not 0 <= number <= _MASK:
        raise OverflowError(f"`data` (={number}) must be a number of 32 bits without a sign")
    if key.impl == "unsafe_rbg":
        return Key(
            key.impl, key.data ^ draw_philox_words(_make_seed_words(key.impl, number), 40)[-4:]
        )
    halves = key.data.reshape(-1, 2)
    return Key(
        key.impl, np.concatenate([_threefry_fold_in(half, number & _MASK) for half in halves])
    )


def bits(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.bits`: words of 32 bits, or their lower 16 or 8 bits."""
    _check_dtype(dtype, "uint32", "uint16", "uint8")
    words = _draw_words(_as_single_key(key), _as_shape(shape))
    return array(words if dtype is None else words.astype(getattr(dtype, "dtype", dtype)))


def uniform(
    key: Key, shape: Shape = (), dtype: Any = None, minval: Operand = 0.0, maxval: Operand = 1.0
) -> Array:
    """`jax.random.uniform`."""
    _check_dtype(dtype, "float32", "float")
    return array(_draw_uniform(key, _as_shape(shape), minval, maxval))


def normal(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.normal`: √2 erf⁻¹(u), u uniform on (-1, 1)."""
    _check_dtype(dtype, "float32", "float")
    return array(_transform_to_normal(_draw_uniform(key, _as_shape(shape), _ALMOST_MINUS_ONE, 1.0)))


def truncated_normal(
    key: Key, lower: Operand, upper: Operand, shape: Shape | None = None, dtype: Any = None
) -> Array:
    """`jax.random.truncated_normal`: √2 erf⁻¹(u), u uniform on [erf(lower/√2), erf(upper/√2))."""
    _check_dtype(dtype, "float32", "float")
    lower, upper = (np.asarray(x, np.float32) for x in (lower, upper))
    shape = np.broadcast_shapes(lower.shape, upper.shape) if shape is None else _as_shape(shape)
    low, high = (special.erf(np.float64(x / np.float32(math.sqrt(2.0)))) for x in (lower, upper))
    inside = np.nextafter(lower, np.float32(np.inf)), np.nextafter(upper, np.float32(-np.inf))
    return array(np.clip(_transform_to_normal(_draw_uniform(key, shape, low, high)), *inside))


def bernoulli(key: Key, p: Operand = 0.5, shape: Shape | None = None) -> Array:
    """`jax.random.bernoulli`: whether a uniform draw is less than `p`, both in float32."""
    p = np.asarray(p)
    if p.dtype.kind != "f":
        raise TypeError(f"`p` must be of a floating-point dtype, got {p.dtype}")
    p = p.astype(np.float32)
    return array(_draw_uniform(key, p.shape if shape is None else _as_shape(shape), 0.0, 1.0) < p)


def randint(key: Key, shape: Shape, minval: Operand, maxval: Operand, dtype: Any = None) -> Array:
    """`jax.random.randint`: 64 bits modulo the range, in the 32-bit arithmetic that JAX documents.

    With words h and l from the two halves of the split key, (h m + l) mod r, where m is the square
    of 2^16 mod r, mod r, and where each product and each sum wraps around at 32 bits.
    """
    _check_dtype(dtype, "int32", "int")
    shape = _as_shape(shape)
    low, high = (np.broadcast_to(x, shape) for x in (minval, maxval))
    for name, bound in (("minval", low), ("maxval", high)):
        if bound.dtype.kind not in "iu" or np.any(bound != bound.astype(np.int32)):
            raise TypeError(f"`{name}` must be integers of 32 bits")
    low, high = low.astype(np.int64), high.astype(np.int64)
    span = np.where(high <= low, 1, high - low).astype(np.uint64)
    upper, lower = (_draw_words(half, shape).astype(np.uint64) for half in _split(key))
    power = (np.uint64(2**16) % span) ** np.uint64(2) & _MASK
    offset = ((upper % span * (power % span) & _MASK) + lower % span & _MASK) % span
    return array((low + offset.astype(np.int64)).astype(np.int32))


def exponential(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.exponential`: -log(1 - u)."""
    _check_dtype(dtype, "float32", "float")
    return array(-np.log1p(-np.float64(_draw_uniform(key, _as_shape(shape), 0.0, 1.0))))


def gumbel(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.gumbel`: -log(-log u), where u is no less than the smallest normal float32."""
    _check_dtype(dtype, "float32", "float")
    return array(-np.log(-np.log(np.float64(_draw_uniform(key, _as_shape(shape), _TINY, 1.0)))))


def laplace(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.laplace`: sign(u) log(1 - |u|), u uniform on (-1, 1)."""
    _check_dtype(dtype, "float32", "float")
    u = np.float64(_draw_uniform(key, _as_shape(shape), _ALMOST_MINUS_ONE, 1.0))
    return array(np.sign(u) * np.log1p(-np.abs(u)))


def rademacher(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.rademacher`: 1 where a fair Bernoulli draw is true, -1 elsewhere."""
    _check_dtype(dtype, "int32", "int")
    return array(2 * np.asarray(bernoulli(key, 0.5, _as_shape(shape))).astype(np.int32) - 1)


def _shuffle(key: Key, x: np.ndarray, axis: int) -> np.ndarray:
    """Sort `x` along `axis` by random words, often enough to make ties improbable."""
    rounds = math.ceil(3 * math.log(max(1, x.size)) / math.log(_MASK))
    for _ in range(rounds):
        key, subkey = _split(key)
        order = np.argsort(_draw_words(subkey, x.shape), axis=axis, kind="stable")
        x = np.take_along_axis(x, order, axis)
    return x


def permutation(key: Key, x: Operand, axis: int = 0, independent: bool = False) -> Array:
    """`jax.random.permutation` of an array along an axis, or of the integers below `x`."""
    key, x = _as_single_key(key), np.asarray(x)
    if not x.ndim:
        return array(_shuffle(key, np.arange(operator.index(x), dtype=np.int32), axis))
    if independent or x.ndim == 1:
        return array(_shuffle(key, x, axis))
    return array(np.take(x, _shuffle(key, np.arange(x.shape[axis]), 0), axis))


def choice(
    key: Key,
    a: Operand,
    shape: Shape = (),
    replace: bool = True,
    p: Operand = None,
    axis: int = 0,
) -> Array:
    """`jax.random.choice`, from an array or from the integers below `a`.

    With probabilities `p`, it draws with replacement only.
    """
    shape, a = _as_shape(shape), np.asarray(a)
    a = a if a.ndim else np.arange(operator.index(a), dtype=np.int32)
    count = math.prod(shape)
    if p is not None:
        if not replace:
            raise NotImplementedError("choice: `p` without replacement is not drawn here")
        if np.shape(p) != (a.shape[axis],):
            raise ValueError(f"`p` must have the shape {(a.shape[axis],)}, has {np.shape(p)}")
        ends = np.cumsum(np.float64(np.asarray(p)))
        at = ends[-1] * (1 - np.float64(_draw_uniform(key, shape, 0.0, 1.0)))
        return array(np.take(a, np.searchsorted(ends, at), axis))
    if replace:
        return array(np.take(a, np.asarray(randint(key, shape, 0, a.shape[axis])), axis))
    if count > a.shape[axis]:
        raise ValueError(
            f"`shape` (={shape}) must not ask for more than {a.shape[axis]} without replacement"
        )
    drawn = np.take(np.asarray(permutation(key, a, axis)), np.arange(count), axis)
    axis %= a.ndim
    return array(drawn.reshape(a.shape[:axis] + shape + a.shape[axis + 1 :]))


def categorical(key: Key, logits: Operand, axis: int = -1, shape: Shape | None = None) -> Array:
    """`jax.random.categorical`: where logits and Gumbel draws of float32 are greatest together."""
    logits = np.asarray(logits)
    if logits.dtype.kind != "f":
        raise TypeError(f"`logits` must be of a floating-point dtype, got {logits.dtype}")
    axis = range(-logits.ndim, 0)[axis]  # counted from the end, since `shape` may add dimensions
    batch = logits.shape[: logits.ndim + axis] + logits.shape[logits.ndim + axis + 1 :]
    shape = batch if shape is None else _as_shape(shape)
    np.broadcast_to(np.empty(batch), shape)  # an error where they don't fit
    drawn = list(shape)
    drawn.insert(len(shape) + axis + 1, logits.shape[axis])
    return array(np.argmax(np.asarray(gumbel(key, drawn)) + logits, axis).astype(np.int32))


def logistic(key: Any, shape: Shape = (), dtype: Any = None) -> Array:
    """`jax.random.logistic`: log(u / (1 - u)), where u is no less than float32's least normal."""
    _check_dtype(dtype, "float32", "float")
    return array(special.logit(np.float64(_draw_uniform(key, _as_shape(shape), _TINY, 1.0))))


RANDOM: dict[str, Any] = {
    "PRNGKey": prng_key,
    "key_data": key_data,
    "wrap_key_data": wrap_key_data,
} | {
    function.__name__: function
    for function in (
        key, split, fold_in, bits, uniform, normal, truncated_normal, bernoulli, randint,
        exponential, gumbel, laplace, rademacher, permutation, choice, categorical,
        logistic,
    )
}  # fmt: skip
