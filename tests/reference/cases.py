"""Calls of the NumPy reference's names as programs spell them: expressions, and the arrays that they are of.

Whatever an expression is of lies inside the functions' domains: nothing here is undefined in JAX.
"""

import numpy as np

_draws = np.random.default_rng(0)


def _ranks(low: float, high: float) -> list[np.ndarray]:
    """An array of each rank from 0 to 3."""
    return [
        _draws.uniform(low, high, shape).astype(np.float32)
        for shape in ((), (5,), (4, 3), (2, 3, 4))
    ]


def _matrices():
    a = _draws.uniform(-1, 1, (2, 4, 4)).astype(np.float32)
    return a + 3 * np.eye(4, dtype=np.float32), a @ a.swapaxes(1, 2) + 2 * np.eye(
        4, dtype=np.float32
    )


_general, _definite = _matrices()
_signed = _ranks(-2.5, 2.5)
ARRAYS = {
    "signed": _signed,
    "other": _ranks(-2.5, 2.5),
    "positive": _ranks(0.1, 3.0),
    "unit": _ranks(-0.95, 0.95),
    "inside": _ranks(0.05, 0.95),
    "above": _ranks(1.05, 3.0),
    "s": np.float32(0.75),
    "v": _draws.uniform(-2, 2, 6).astype(np.float32),
    "w": _draws.uniform(0.1, 2, 6).astype(np.float32),
    "x": _signed[2],
    "y": _draws.uniform(-2, 2, (4, 3)).astype(np.float32),
    "t": _signed[3],
    "column": _draws.uniform(-2, 2, (4, 1)).astype(np.float32),
    "halves": np.array([-2.5, -1.5, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5], np.float32),
    "ties": np.array([1, 3, 3, -2, 1, -2], np.float32),
    "odd": np.array([np.nan, np.inf, -np.inf, 0, -1.5, 2], np.float32),
    "holes": np.array([[1, np.nan, 3], [np.nan, -2, 0.5]], np.float32),
    "k": np.array([3, -1, 3, 0, -4, -1], np.int32),
    "d": np.array([2, -3, -2, 5, 3, 7], np.int32),
    "kk": np.array([[7, -7, 8], [-9, 0, 5]], np.int32),
    "n": np.int32(2),
    "bits": np.array([1, 2, 5, 0, 31, 3], np.int32),
    "ids": np.array([2, 0, 2, 1, 0, 2], np.int32),
    "far": np.array([2, 7, -1, 1, 0, 2], np.int32),
    "big": np.array([2**31 - 1, -(2**31), 65536, -65537, 2, 1], np.int32),
    "b": _draws.random((4, 3)) < 0.6,
    "c": np.array([True, False, True, True, False, False]),
    "general": _general[0],
    "generals": _general,
    "definite": _definite[0],
    "definites": _definite,
    "lower": np.tril(_general[0]),
}  # fmt: skip

# Functions of one number, for all ranks of the arrays on which they are defined, where the records of
# `cases_records` don't say so already.
UNARY = {
    "signed": """
        jnp.cbrt jnp.ceil jnp.i0 jnp.imag jnp.isfinite jnp.isinf jnp.isnan jnp.real jnp.reciprocal jnp.sinc
        jnp.tan jnp.trunc
        lax.asinh lax.cbrt lax.ceil lax.cosh lax.is_finite lax.sinh lax.tan
        jax.nn.sparse_sigmoid
        jax.scipy.special.i0e jax.scipy.special.i1e jax.scipy.special.log_ndtr
        jax.scipy.stats.norm.logcdf
    """,
    "unit": "lax.acos lax.asin lax.atanh",
    "inside": "jax.scipy.special.logit",
    "above": "lax.acosh",
    # A number halfway between integers is rounded to the even one; zero has a sign, and is a kink.
    "[halves, odd]": """
        jnp.ceil jnp.floor jnp.round jnp.rint jnp.trunc jnp.sign jnp.sinc jnp.abs jnp.isfinite jnp.isinf jnp.isnan
        jnp.nan_to_num lax.sign lax.floor lax.ceil lax.is_finite jax.nn.relu jax.nn.relu6 jax.nn.leaky_relu
        jax.nn.hard_tanh jax.nn.hard_sigmoid jax.nn.softplus jax.nn.sigmoid jax.nn.log_sigmoid jax.nn.elu
        jax.nn.sparse_plus jax.nn.soft_sign jnp.tanh jnp.exp jnp.logical_not jnp.square jnp.cbrt
    """,
    "[k, kk, n, big]": """
        jnp.abs jnp.bitwise_count jnp.bitwise_not jnp.invert jnp.negative jnp.sign jnp.square jnp.logical_not
        jnp.isfinite jnp.floor jnp.round lax.abs lax.bitwise_not lax.clz lax.neg lax.population_count lax.sign
        lax.square jnp.real jnp.nan_to_num
    """,
    "[k, kk, n]": "jnp.exp jnp.sin jnp.cbrt jnp.tanh jnp.arctan jax.nn.softplus jax.nn.relu",
    "[b, c]": "jnp.logical_not jnp.invert jnp.bitwise_not lax.bitwise_not jnp.abs jnp.exp jnp.sqrt",
}
# Functions of two numbers, for arrays and numbers whose shapes are broadcast, or for equal shapes.
BINARY = {
    "[*zip(signed, other), (x, signed[1][:3]), (column, 2), (0.5, t), (x, k[:3]), (s, y)]": """
        jnp.add jnp.arctan2 jnp.copysign jnp.divide jnp.equal jnp.floor_divide jnp.fmod jnp.greater
        jnp.greater_equal jnp.hypot jnp.less jnp.less_equal jnp.logaddexp jnp.logaddexp2 jnp.logical_and
        jnp.logical_or jnp.logical_xor jnp.maximum jnp.minimum jnp.mod jnp.multiply jnp.not_equal jnp.remainder
        jnp.subtract jnp.true_divide
    """,
    "[*zip(signed, other), (ties, w), (ties, ties), (k, d)]": """
        lax.add lax.sub lax.mul lax.div lax.max lax.min lax.rem lax.eq lax.ne lax.ge lax.gt lax.le lax.lt
        jnp.equal jnp.greater_equal jnp.less jnp.maximum
    """,
    "[*zip(signed, other), (ties, w)]": "lax.atan2",
    "[*zip(positive, other), (x * x + 0.1, 2), (2.0, x), (w, 0.5)]": "jnp.power",
    "[*zip(positive, other)]": "lax.pow",
    # Remainders and quotients of negative integers, and what doesn't fit into 32 bits.
    "[(k, d), (kk, 4), (kk, -4), (-7, d), (n, d), (big, d), (big, 3)]": """
        jnp.add jnp.subtract jnp.multiply jnp.maximum jnp.minimum jnp.mod jnp.remainder jnp.fmod jnp.floor_divide
        jnp.divide jnp.true_divide jnp.equal jnp.greater jnp.less_equal jnp.bitwise_and jnp.bitwise_or
        jnp.bitwise_xor jnp.logical_and jnp.logical_xor
    """,
    "[(k, d), (big, d), (big, big), (kk, kk + 1), (k, bits)]": """
        lax.add lax.sub lax.mul lax.max lax.min lax.bitwise_and lax.bitwise_or lax.bitwise_xor
    """,
    "[(k, d), (big, d)]": "lax.div lax.rem",
    "[(k, bits), (big, bits), (kk, 2), (3, bits)]": "jnp.left_shift jnp.right_shift",
    "[(k, 2), (k, bits % 4), (big, 3)]": "jnp.power",
    "[(b, ~b), (b, b[0]), (c, True)]": """
        jnp.logical_and jnp.logical_or jnp.logical_xor jnp.bitwise_and jnp.bitwise_or jnp.bitwise_xor jnp.equal
        jnp.add jnp.multiply jnp.maximum
    """,
    "[(b, ~b), (c, c)]": "lax.bitwise_and lax.bitwise_or lax.bitwise_xor lax.eq lax.ne",
}
# Reductions, in the ways in which an axis is given, of these arrays and of numbers.
REDUCTIONS = {
    "x, v, t, kk, b": """
        jnp.sum jnp.prod jnp.mean jnp.max jnp.min jnp.any jnp.all jnp.amax jnp.amin jnp.count_nonzero jnp.var jnp.std
    """,
    "x, v, t": """
        jnp.median jnp.nanmax jnp.nanmean jnp.nanmin jnp.nansum jnp.ptp jax.nn.logsumexp jax.scipy.special.logsumexp
    """,
    "x, v": "jnp.linalg.norm",
}
AXES = ("", ", axis=-1", ", axis=0, keepdims=True", ", keepdims=True")

# Expressions, each a case of the first name of the library in it.
REST = """
lax.bitwise_and(k, d), lax.convert_element_type(b, jnp.float32),
lax.convert_element_type(x, jnp.int32), lax.convert_element_type(k, jnp.float32),
lax.convert_element_type(big, jnp.int8), lax.convert_element_type(b, "int32"),
lax.convert_element_type(x, jnp.bfloat16) * 0,
lax.integer_pow(x, 3), lax.integer_pow(x, -2), lax.integer_pow(k, 5), lax.integer_pow(big, 2), lax.integer_pow(s, 0),
lax.reduce_precision(halves, exponent_bits=8, mantissa_bits=7), lax.reduce_precision(halves, 5, 10),
lax.clamp(-1.0, x, 0.5), lax.clamp(jnp.int32(-1), k, jnp.int32(2)), lax.clamp(x - 1, y, x + 1), lax.clamp(-s, x, s),
lax.select(b, x, y), lax.select(s > 0, x, y), lax.select(c, k, d), lax.select(s > 1, s, -s),
lax.select_n(b, x, y), lax.select_n(k[:3] % 3, x[0], x[1], x[2]), lax.select_n(n, x, y, -x),
lax.select_n(s > 0, x, y),
lax.iota(jnp.int32, 5), lax.iota(jnp.float32, 3), lax.iota("float32", 2),
lax.broadcasted_iota(jnp.int32, (2, 3), 1), lax.broadcasted_iota(jnp.float32, (2, 3, 2), 0),
lax.broadcasted_iota("float32", (4,), 0),
lax.dot(v, w), lax.dot(x.T, y), lax.dot(x, w[:3]), lax.dot(k, d),
lax.dot_general(x, y, (((0,), (0,)), ((), ()))), lax.dot_general(t, t, (((2,), (2,)), ((0,), (0,)))),
lax.dot_general(generals, t, (((1,), (2,)), ((0,), (0,)))), lax.dot_general(v, w, (((), ()), ((), ()))),
lax.dot_general(t, x, (((1, 2), (1, 0)), ((), ()))),
lax.reduce_window(x, 0.0, lax.add, (2, 2), (1, 1), "VALID"),
lax.reduce_window(x, -jnp.inf, lax.max, (3, 2), (1, 2), "VALID"),
lax.reduce_window(v, jnp.inf, lax.min, (3,), (2,), "VALID"), lax.reduce_window(v, 1.0, lax.mul, (2,), (3,), "VALID"),
lax.reduce_window(kk, 0, lax.add, (2, 2), (1, 1), "VALID"),
lax.top_k(x, 2), lax.top_k(ties, 4), lax.top_k(k, 3), lax.top_k(v, 1)[0],
lax.cumsum(x), lax.cumsum(v, reverse=True), lax.cumsum(x, axis=1, reverse=True), lax.cumsum(big),
lax.cumprod(x, axis=0), lax.cumprod(v, axis=0, reverse=True), lax.cumprod(big),
lax.cummax(v), lax.cummax(x, axis=1), lax.cummax(x, axis=0, reverse=True), lax.cummax(k),
lax.cummin(v), lax.cummin(x, axis=1), lax.cummin(k, reverse=True),
lax.cumlogsumexp(v), lax.cumlogsumexp(x, axis=1), lax.cumlogsumexp(x, axis=0, reverse=True),
lax.rev(x, (0,)), lax.rev(x, (0, 1)), lax.rev(v, dimensions=(0,)),
lax.expand_dims(x, (1,)), lax.expand_dims(v, (0, 2)), lax.expand_dims(x, (-1,)),
lax.squeeze(column, (1,)), lax.squeeze(t[:1], (0,)),
lax.reshape(x, (3, 4)), lax.reshape(v, (2, 3)),
lax.transpose(x, (1, 0)), lax.transpose(t, (2, 0, 1)),
lax.dynamic_slice(x, (1, 0), (2, 2)), lax.dynamic_slice(x, (n, n), (2, 2)), lax.dynamic_slice(x, (9, 0), (2, 3)),
lax.dynamic_slice(v, (k[0],), (2,)), lax.dynamic_slice(x, (-2, -1), (1, 1)), lax.dynamic_slice(x, (-9, 0), (1, 2)),
lax.dynamic_slice_in_dim(x, n, 2), lax.dynamic_slice_in_dim(x, 1, 2, axis=1), lax.dynamic_slice_in_dim(v, 5, 3),
lax.dynamic_slice_in_dim(x, -1, 1, axis=-1), lax.dynamic_slice_in_dim(v, k[4], 2),
lax.dynamic_index_in_dim(x, n), lax.dynamic_index_in_dim(x, 1, axis=1, keepdims=False),
lax.dynamic_index_in_dim(v, -1, keepdims=False), lax.dynamic_index_in_dim(x, 9, 0), lax.dynamic_index_in_dim(x, -6),
lax.dynamic_index_in_dim(x, n, -1, False),
lax.dynamic_update_slice(x, y[:2, :2], (1, 0)), lax.dynamic_update_slice(x, y[:2], (n, 0)),
lax.dynamic_update_slice(x, y[:1], (9, 0)), lax.dynamic_update_slice(v, w[:2], (-3,)),
lax.dynamic_update_slice_in_dim(x, y[:2], n, axis=0), lax.dynamic_update_slice_in_dim(x, column, 1, axis=1),
lax.dynamic_update_slice_in_dim(v, w[:2], 9, 0), lax.dynamic_update_slice_in_dim(v, w[:2], -3, axis=0),
lax.dynamic_update_index_in_dim(x, y[0], n, 0), lax.dynamic_update_index_in_dim(x, column, 2, axis=1),
lax.dynamic_update_index_in_dim(v, s, 1, 0), lax.dynamic_update_index_in_dim(x, y[1:2], -1, 0),
jax.nn.celu(x, 0.5), jax.nn.celu(x, alpha=2.0),
jax.nn.elu(x, 0.5), jax.nn.elu(k),
jax.nn.gelu(x, approximate=False), jax.nn.gelu(x, approximate=True), jax.nn.gelu(x, False),
jax.nn.glu(t), jax.nn.glu(x, axis=0),
jax.nn.leaky_relu(x, 0.1), jax.nn.leaky_relu(x, negative_slope=0.3),
jax.nn.squareplus(x, 2), jax.nn.squareplus(x, b=0.5),
jax.nn.softmax(x), jax.nn.softmax(x, axis=0), jax.nn.softmax(x, axis=(0, 1)),
jax.nn.softmax(jnp.where(b, x, -1e9), axis=-1), jax.nn.softmax(v, -1),
jax.nn.log_softmax(x), jax.nn.log_softmax(x, axis=0), jax.nn.log_softmax(v, axis=-1),
jax.nn.standardize(x), jax.nn.standardize(x, axis=0), jax.nn.standardize(x, axis=(0, 1)),
jax.nn.standardize(v, epsilon=0.1),
jax.nn.logsumexp(x, axis=(0, 1)), jax.nn.logsumexp(jnp.where(b, x, -jnp.inf), axis=0), jax.nn.logsumexp(30 * x),
jax.nn.one_hot(ids, 3), jax.nn.one_hot(far, num_classes=4), jax.nn.one_hot(kk, 3, axis=0), jax.nn.one_hot(n, 4),
jax.nn.one_hot(ids, 3, dtype=jnp.int32),
jax.ops.segment_sum(v, ids, num_segments=3), jax.ops.segment_sum(v, far, 3),
jax.ops.segment_sum(x, ids[:4], num_segments=4), jax.ops.segment_sum(k, ids, 3),
jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(definite), True), x),
jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(definite), True), w[:4]),
jax.scipy.linalg.cho_solve((general.T @ general, False), x),
jax.scipy.linalg.cholesky(definite), jax.scipy.linalg.cholesky(definite, lower=True),
jax.scipy.linalg.inv(general),
jax.scipy.linalg.solve(general, x), jax.scipy.linalg.solve(definite, w[:4], assume_a="pos"),
jax.scipy.linalg.solve_triangular(general, x), jax.scipy.linalg.solve_triangular(lower, x, lower=True),
jax.scipy.linalg.solve_triangular(general, w[:4], lower=True), jax.scipy.linalg.solve_triangular(general, x, trans=1),
jax.scipy.linalg.solve_triangular(general, x, trans=1, lower=True),
jax.scipy.special.polygamma(1, positive[2]), jax.scipy.special.polygamma(2, w), jax.scipy.special.polygamma(1, s),
jax.scipy.special.zeta(2.5, positive[2]), jax.scipy.special.zeta(1.5, w),
jax.scipy.special.log_ndtr(6 * x), jax.scipy.special.logsumexp(k),
jax.scipy.stats.norm.logcdf(3 * x),

jax.jit(lambda z: z * 2)(x),
"""
# What needs no name of the library: operators, indices, and the methods of arrays.
METHODS = """
x + y, 1 - x, x * column, x / y, 1.5 / w, w ** 0.5, x ** 2, x ** 3, w ** -1, 2.0 ** x, -x, +x, abs(x), x @ y.T, v @ w,
x % 0.7, x // 0.7,
s + 1, -s, s ** 2, abs(s), s * x, (s * 2).reshape(1, 1), (s + 1).astype(int), (s - 1).sum(), (2 * s).at[()].set(1.0),
k + d, k - 1, k * d, k // d, k % d, -7 // d, -7 % d, k / d, k ** 2, -k, abs(big), k * 0.5, ~k, k << 1, big >> 3,
k & 3, k | 4, k ^ d,
big + big, big * big, big - 1, -big, big * 3, 2 * big - 1, big ** 2,
x > y, x >= 0, x < 0.5, x <= column, k == 3, k != d, ~b, b & (x > 0), b | ~b, b ^ (y > 0), b * x, b + b, -1 * b,
c * 2, b == (x > 0),
n + 1, n // 2, n % 2, n * 0.5, -n, n ** 2, ~n, n << 2, n & 3, abs(-n), n > 1, n / 4,
x[0], x[-1], x[1:3], x[::-1], x[:, 1], x[..., None], x[None, :, 0], x[1, 2], x[::2, 1:], v[n], x[n], x[:, n - 3],
t[:, 1, ::-2], x[1:][:, :2],
v[k], x[ids], x[jnp.array([0, -1]), jnp.array([1, 2])], x[:, jnp.array([2, 0])], kk[1, 2], b[0],
x[jnp.array([[0, 1], [2, 3]])],
x.at[0].set(2.5), x.at[1:3, ::2].set(0.0), x.at[:, 1].set(y[:, 0]), x.at[n].set(1), k.at[1].set(7),
x.at[-1, 0].set(s), x.at[jnp.array([0, 2])].set(y[:2]), v.at[::2].set(-1.0),
x.at[0].add(y[0]), v.at[ids].add(w), x.at[ids, 1].add(w), k.at[ids].add(2), x.at[:, n].add(1.0), x.at[ids].add(1.0),
big.at[0].add(1), x.at[1:, :2].add(y[1:, :2]),
v.at[ids].multiply(w), x.at[1].multiply(2.0), k.at[ids].multiply(d), x.at[ids].multiply(-0.5),
v.at[ids].max(w), x.at[0].max(0.0), k.at[ids].max(d),
v.at[ids].min(w), x.at[0, 1].min(-1.0), k.at[ids].min(d),
x.astype(jnp.int32), x.astype(jnp.int8), k.astype(jnp.float32), k.astype("int8"), big.astype(jnp.int16),
k.astype(jnp.uint32), x.astype(bool), x.astype(int), k.astype(float), b.astype(jnp.float32), b.astype(int),
s.astype("int32"), k.astype(jnp.bool_), big.astype(jnp.float32),
x.sum(), x.sum(axis=0), x.sum(-1, keepdims=True), k.sum(), b.sum(), b.sum(axis=0), big.sum(), x.sum(axis=(0, 1)),
x.sum(where=b), s.sum(), b.sum(dtype=jnp.float32),
x.mean(), x.mean(axis=0), x.mean(axis=-1, keepdims=True), k.mean(), b.mean(), t.mean((1, 2)),
x.prod(), x.prod(axis=0), k.prod(), x.max(), x.max(axis=0), x.max(-1, keepdims=True), k.max(), x.min(),
x.min(axis=(0, 1)), k.min(axis=0), x.max(initial=9.0),
x.std(), x.std(axis=0), x.var(), x.var(axis=-1, keepdims=True), x.var(ddof=1),
x.any(), (x > 1).any(axis=0), (x > -1).all(), b.all(axis=-1), c.any(),
x.argmax(), x.argmax(axis=0), ties.argmax(), x.argmin(), x.argmin(-1), k.argmin(),
x.argsort(), x.argsort(axis=0), ties.argsort(), k.argsort(-1),
x.clip(-1.0, 1.0), x.clip(max=0.5), k.clip(-1, 1), x.clip(min=column, max=1.0),
v.cumsum(), x.cumsum(axis=0), x.cumsum(), k.cumsum(), v.cumprod(), x.cumprod(axis=-1),
x.reshape(3, 4), x.reshape((2, 6)), x.reshape(-1), x.reshape(2, -1), s.reshape(1), x.reshape(x.shape[0], -1),
x.reshape([12]),
x.T, v.T, t.T, x.transpose(), t.transpose(2, 0, 1), t.transpose((1, 0, 2)), t.swapaxes(0, 1), t.swapaxes(-1, 0),
x.ravel(), t.ravel(), column.squeeze(), column.squeeze(1), column.squeeze(axis=-1), x.repeat(2, axis=0), v.repeat(2),
x.round(), x.round(1), halves.round(),
general.diagonal(), t.diagonal(), general.trace(), x.dot(y.T), v.dot(w), s.dot(x), x.take(jnp.array([1, 0]), axis=0),
v.take(2), x.take(n, axis=1),
x.real, x.imag, jnp.fft.fft(v).real, jnp.fft.fft(v).imag, x.shape, x.ndim, x.size, len(x), x.T.shape[0] * x,
x.shape[-1] * 0.5,
v.sort(), x.sort(axis=0), k.sort(), v.sort() + v,
[r * 2 for r in x], [p * q for p, q in zip(x, y)], sum(v), list(range(3)), float(2) * x,
int(2.5) * k, [i * r for i, r in enumerate(x[:2])], tuple(r for r in x),
dict(a=x, z=s, b=(k, None)), {"z": x, "a": [y, b]}, [*{"p": x, "q": y}.items()][0][1], [*{"p": x}.values()],
{name: s for name in {"u": 1}.keys()},
"""
