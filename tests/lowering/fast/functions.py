"""Functions in many people's styles, none of them drawn: what jax offers, and how it is combined."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import pallas
from jax.experimental.compute_on import compute_on
from jax.experimental.xla_metadata import set_xla_metadata


def _array(*shape, dtype="float32"):
    return jax.ShapeDtypeStruct(shape, dtype)


S, V, M, T = _array(), _array(8), _array(4, 4), _array(2, 3, 4)
H, B, F16 = _array(8, dtype="bfloat16"), _array(4, 4, dtype="bfloat16"), _array(8, dtype="float16")
IS, U, K = _array(8, dtype="int32"), _array(2, dtype="uint32"), _array(3, dtype="bool")
C = _array(4, dtype="complex64")


@jax.custom_jvp
def _softclip(x):
    return jnp.minimum(x, 1.0)


@_softclip.defjvp
def _softclip_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    return _softclip(x), t * jax.nn.sigmoid(1.0 - x)


@jax.custom_vjp
def _straight_through(x):
    return jnp.round(x)


_straight_through.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))


@jax.jit
def _inner(x, scale=2.0):
    return jnp.sin(x) * scale


@jax.jit
def _with_table(x):
    return x * np.arange(8, dtype=np.float32)


@functools.partial(jax.jit, static_argnames="axis", inline=True)
def _inlined(x, axis):
    return x / x.sum(axis, keepdims=True)


def _attention(q, k, v):
    scores = jnp.einsum("bqd,bkd->bqk", q, k) / np.sqrt(q.shape[-1])
    return jax.nn.softmax(scores, axis=-1) @ v


def _rnn(h, xs):
    def step(h, x):
        h = jnp.tanh(h @ jnp.eye(4) + x)
        return h, h.sum()

    return lax.scan(step, h, xs)


def _newton(x):
    return lax.fori_loop(0, 5, lambda i, y: 0.5 * (y + x / y), x)


def _while(x):
    return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 0.5), (0, x))[1]


def _nested_loops(x):
    def outer(i, y):
        return lax.fori_loop(0, 2, lambda j, z: z + jnp.sin(z) * i, y)

    return lax.fori_loop(0, 3, outer, x)


def _shared(x):
    y = _inner(x)
    return _inner(y, scale=3.0) + _inner(x)


def _closes_over(x):
    table = np.arange(16, dtype="float32").reshape(4, 4)
    return x @ table + jnp.asarray(table).T


def _updates(x):
    x = x.at[1:3].set(0.0).at[0].add(2.0).at[4].multiply(3.0)
    return x.at[jnp.array([5, 6])].max(1.0)


def _remat(x):
    return jax.checkpoint(lambda y: jnp.sin(jnp.cos(y)) * y)(x)


def _gradient_inside(x):
    return jax.grad(lambda y: (y**3).sum())(x) * x


def _hessian(x):
    return jax.hessian(lambda y: jnp.sin(y).prod())(x)


def _jvp_inside(x):
    return jax.jvp(jnp.tanh, (x,), (jnp.ones_like(x),))[1]


def _mapped(x):
    return jax.vmap(lambda row: row / (1.0 + jnp.linalg.norm(row)))(x)


def _branches(x):
    return lax.cond(x.sum() > 0, jnp.sin, lambda y: y * 2.0, x)


def _switch(i, x):
    return lax.switch(i[0], [jnp.sin, jnp.cos, lambda y: y**-2], x)


def _random(key, x):
    key, other = jax.random.split(key)
    noise = jax.random.normal(key, x.shape) + jax.random.uniform(other, x.shape)
    return x * noise


def _dropout(key, x):
    keep = jax.random.bernoulli(jax.random.wrap_key_data(key), 0.5, x.shape)
    return jnp.where(keep, x / 0.5, 0.0)


def _tree(params):
    return {name: jnp.tanh(x) for name, x in params.items()}, params["w"].sum()


def _constrained(x):
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("i"))
    return lax.with_sharding_constraint(jnp.sin(x), sharding) * x


def _reference(x):
    ref = jax.new_ref(x)
    ref[...] = ref[...] * 2
    return jnp.sin(ref[...])


def _pallas(x):
    def kernel(taken, given):
        given[...] = taken[...] * 2

    call = pallas.pallas_call(kernel, out_shape=V, interpret=True)
    return call(lax.stop_gradient(x)) * x


def _on_the_host(x):
    with compute_on("device_host"):
        y = jnp.sin(x) * 2
    return y * x


def _metadata_around(x):
    with set_xla_metadata(note="a"):
        y = -(x[:4] * jnp.exp(x[4:])) + _inner(x)[:4]
    return jnp.concatenate([y, y]) * x + _inner(x)


def _many_keys(x):
    keys = jax.random.split(jax.random.key(3), 4)
    return jax.vmap(lambda key: jax.random.uniform(key, (2,)))(keys).ravel() * x


def _keys_in_a_loop(x):
    def step(i, y):
        return y + jax.random.normal(jax.random.fold_in(jax.random.key(1), i), (8,))

    return lax.fori_loop(0, 3, step, x)


def _saves_by_name(x):
    policy = jax.checkpoint_policies.save_only_these_names("a")
    return jax.checkpoint(lambda y: checkpoint_name(jnp.sin(y), "a") * jnp.cos(y), policy=policy)(x)


def _hessian_times_vector(x):
    return jax.grad(lambda y: jax.jvp(lambda z: jnp.sum(jnp.tanh(z) ** 3), (y,), (y,))[1])(x)


def _linearized(x):
    y, apply = jax.linearize(jnp.sin, x)
    return apply(x) * y


def _vjp_inside(x):
    y, back = jax.vjp(lambda a: jnp.where(a > 0, a**2, jnp.exp(a)), x)
    return back(y)[0] * x


def _evaluates_meanwhile(x):
    with jax.ensure_compile_time_eval():
        table = jnp.clip(jnp.sin(jnp.arange(8.0)), 0, 1)
    return table * x


def _with_settings(x):
    """The same function with and without a setting that its derivative depends on."""
    matrix = jnp.outer(x, x) + jnp.eye(8)
    first = jnp.linalg.cholesky(matrix)
    with jax.default_matmul_precision("highest"):
        second = jnp.linalg.cholesky(matrix * 2)
    return first @ second


def _callback(x):
    return x * jax.pure_callback(np.sin, jax.ShapeDtypeStruct((8,), "float32"), 1.0)


def _prints(x):
    jax.debug.print("{}", x[0])
    return jnp.sin(x) * x


# Functions that have effects, for the CPU alone.
WITH_EFFECTS = {"pure callback": (_callback, (V,)), "debug print": (_prints, (V,))}
# A function, its arguments.
FUNCTIONS = {
    "attention": (_attention, (_array(2, 4, 3), _array(2, 4, 3), _array(2, 4, 3))),
    "rnn": (_rnn, (_array(4), _array(5, 4))),
    "newton": (_newton, (V,)),
    "nested loops": (_nested_loops, (V,)),
    "shared inner functions": (_shared, (V,)),
    "inlined": (lambda x: _inlined(x, 0) + _inlined(x, axis=1), (M,)),
    "closed-over arrays": (_closes_over, (M,)),
    "updates": (_updates, (V,)),
    "remat": (_remat, (V,)),
    "gradient inside": (_gradient_inside, (V,)),
    "hessian": (_hessian, (_array(3),)),
    "jvp inside": (_jvp_inside, (V,)),
    "mapped": (_mapped, (M,)),
    "branches": (_branches, (V,)),
    "switch": (_switch, (IS, V)),
    "random": (_random, (U, V)),
    "dropout": (_dropout, (U, V)),
    "a tree": (_tree, ({"w": M, "b": _array(4)},)),
    "custom jvp": (lambda x: _softclip(x) * x, (V,)),
    "custom vjp": (lambda x: _straight_through(x) * x, (V,)),
    "custom jvp, mapped": (jax.vmap(_softclip), (M,)),
    "custom vjp in a loop": (
        lambda x: lax.fori_loop(0, 3, lambda i, y: _straight_through(y) + x, x),
        (V,),
    ),
    "scan over pairs": (
        lambda x: lax.scan(lambda c, p: (c + p[0] * p[1], c), 0.0, (x, x[::-1]))[1],
        (V,),
    ),
    "associative scan": (lambda x: lax.associative_scan(jnp.multiply, jnp.sin(x)), (V,)),
    "map": (lambda x: lax.map(lambda r: jnp.outer(r, r), x), (_array(3, 2),)),
    "cumulative": (lambda x: jnp.cumsum(x, 0) * jnp.cumprod(x, 1) + lax.cummax(x), (M,)),
    "logcumsumexp": (lambda x: lax.cumlogsumexp(x), (V,)),
    "sorts": (lambda x: jnp.sort(x, 0) + x[jnp.argsort(x[:, 0])], (M,)),
    "top k": (lambda x: lax.top_k(x, 2)[0], (M,)),
    "median": (lambda x: jnp.median(x) + jnp.quantile(x, 0.3), (V,)),
    "gathers": (lambda i, x: x[i % 4] + jnp.take(x, i % 4, axis=0), (IS, M)),
    "along an axis": (lambda x: jnp.take_along_axis(x, jnp.argmax(x, 1)[:, None], 1), (M,)),
    "segments": (lambda i, x: jax.ops.segment_sum(x, i % 3, num_segments=3), (IS, V)),
    "one hot": (lambda i, x: jax.nn.one_hot(i, 8) @ x, (IS, V)),
    "slices": (lambda x: x[1:, ::2] * x[:-1, 1::2] + x[-1, -1], (M,)),
    "dynamic slices": (
        lambda i, x: lax.dynamic_slice(x, (i[0],), (3,)) * lax.dynamic_index_in_dim(x, i[1]),
        (IS, V),
    ),
    "dynamic updates": (lambda i, x: lax.dynamic_update_slice(x, x[:2] * 2, (i[0],)), (IS, V)),
    "pads": (lambda x: jnp.pad(x, 1, mode="reflect") + jnp.pad(x, 1, constant_values=2.0), (M,)),
    "concatenations": (lambda x: jnp.concatenate([x, jnp.stack([x[0], x[1]])]), (M,)),
    "splits": (lambda x: sum(jnp.split(x, 2)) * jnp.array_split(x, 3)[0], (M,)),
    "tiles and repeats": (lambda x: jnp.tile(x, (2, 1)) + jnp.repeat(x, 2, axis=0), (M,)),
    "transposes": (
        lambda x: jnp.moveaxis(x, 0, -1).sum() * x.swapaxes(1, 2).mT + x.T.transpose(2, 1, 0),
        (T,),
    ),
    "einsum of three": (lambda x, y: jnp.einsum("ij,jk,kl->il", x, y, x), (M, M)),
    "batched products": (lambda x: jnp.matmul(x, x.mT), (T,)),
    "dot with precision": (lambda x: jnp.dot(x, x, precision="highest"), (M,)),
    "dot with a type": (lambda x: jnp.dot(x, x, preferred_element_type=jnp.float32), (B,)),
    "outer and kron": (lambda x: jnp.outer(x, x)[:2] + jnp.kron(x[:2], x[:4]), (V,)),
    "vdot and cross": (lambda x: jnp.vdot(x, x) * jnp.cross(x[:3], x[3:6]), (V,)),
    "convolution": (
        lambda x, k: lax.conv_general_dilated(x, k, (1, 1), "SAME"),
        (_array(1, 2, 5, 5), _array(3, 2, 3, 3)),
    ),
    "convolve": (lambda x: jnp.convolve(x, x[:3], mode="same"), (V,)),
    "pooling": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 2), "VALID"),
        (M,),
    ),
    "mean pooling": (lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 1), (1, 1), "SAME"), (M,)),
    "Fourier": (lambda x: jnp.abs(jnp.fft.rfft(x)), (V,)),
    "inverse": (lambda x: jnp.linalg.inv(x + 4 * jnp.eye(4)), (M,)),
    "solve": (lambda x, b: jnp.linalg.solve(x + 4 * jnp.eye(4), b), (M, _array(4))),
    "Cholesky": (lambda x: jnp.linalg.cholesky(x @ x.T + jnp.eye(4)), (M,)),
    "eigenvalues": (lambda x: jnp.linalg.eigvalsh(x + x.T), (M,)),
    "singular values": (lambda x: jnp.linalg.svd(x, compute_uv=False), (M,)),
    "QR": (lambda x: jnp.linalg.qr(x)[1], (M,)),
    "determinant": (lambda x: jnp.linalg.slogdet(x)[1], (M,)),
    "matrix power": (lambda x: jnp.linalg.matrix_power(x, 3), (M,)),
    "triangular": (lambda x: jnp.tril(x) + jnp.triu(x, 1) * jnp.trace(x), (M,)),
    "powers": (lambda x: x**2 + x**3 + x**5 + x**-1 + x**-3 + (x * x + 1) ** 0.5 + 2.0**x, (V,)),
    "integers' powers": (lambda i, x: x * (i**2 + i**3), (IS, V)),
    "divisions": (lambda i, x: (i // 3) * x + (i % 3) + jnp.fmod(x, 2.0) + x // 0.5, (IS, V)),
    "bits": (
        lambda i, x: x * ((i & 3) | (i << 1) ^ (i >> 1)) + lax.population_count(i) + lax.clz(i),
        (IS, V),
    ),
    "unsigned": (lambda u, x: x * (u.astype("float32") + (u > 3)).sum(), (U, V)),
    "booleans": (lambda k, x: jnp.where(k & ~k[::-1], x[:3], x[3:6]) * (x[0] > 0), (K, V)),
    "as booleans": (lambda x: x.astype(bool) * x + jnp.any(x > 0) * x, (V,)),
    "casts": (lambda x: x.astype("int32") * x + x.astype("bfloat16").astype("float32"), (V,)),
    "bit casts": (lambda x: lax.bitcast_convert_type(x, "int32") * x, (V,)),
    "bfloat16": (lambda x: jnp.tanh(x) @ x + jnp.sum(x) * x[0] + x.mean(), (H,)),
    "float16": (lambda x: jnp.exp(x) / jnp.sum(jnp.exp(x)) + x.max() + x.min(), (F16,)),
    "mixed dtypes": (lambda x, h: x * h + h.astype("float32"), (V, H)),
    "reduced precision": (lambda x: lax.reduce_precision(x, 5, 10) * x, (V,)),
    "complex": (lambda x: jnp.abs(x * 1j + 2.0) + (x * x.conj()).real, (C,)),
    "complex inside": (lambda x: jnp.real(lax.complex(x, 2 * x) ** 2), (V,)),
    "special functions": (
        lambda x: (
            jax.scipy.special.gammaln(x)
            + jax.scipy.special.digamma(x)
            + jax.scipy.special.erf(x)
            + jax.scipy.special.erfinv(x)
            + jax.scipy.special.i0e(x)
            + jax.scipy.special.logit(x)
            + jax.scipy.special.betainc(2.0, 3.0, x)
        ),
        (V,),
    ),
    "polygamma and zeta": (
        lambda x: jax.scipy.special.polygamma(2, x) + jax.scipy.special.zeta(x + 2, 1.0),
        (V,),
    ),
    "hyperbolic": (
        lambda x: jnp.sinh(x) + jnp.cosh(x) + jnp.arcsinh(x) + jnp.arccosh(x) + jnp.arctanh(x),
        (V,),
    ),
    "trigonometric": (
        lambda x: jnp.sin(x) + jnp.cos(x) + jnp.tan(x) + jnp.arcsin(x) + jnp.arctan2(x, 2.0),
        (V,),
    ),
    "roots": (lambda x: jnp.sqrt(x) + lax.rsqrt(x) + jnp.cbrt(x) + jnp.hypot(x, 2.0), (V,)),
    "rounding": (lambda x: jnp.floor(x) * x + jnp.ceil(x) + jnp.round(x) + jnp.trunc(x), (V,)),
    "signs": (lambda x: jnp.sign(x) * x + jnp.abs(x) + jnp.copysign(x, -1.0), (V,)),
    "extremes": (lambda x: jnp.maximum(x, 0.0) + jnp.minimum(x, x[0]) + jnp.clip(x, -1, 1), (V,)),
    "comparisons": (
        lambda x: x * (x > 0) + (x <= x[0]) * 2.0 + (x == 0) + (x != 1) + (x < 2) + (x >= 3),
        (V,),
    ),
    "NaN": (lambda x: jnp.nan_to_num(x) + jnp.where(jnp.isnan(x), 0.0, x) + jnp.isfinite(x), (V,)),
    "statistics": (lambda x: jnp.var(x, 0) + jnp.std(x, 1, ddof=1) + jnp.ptp(x), (M,)),
    "products": (lambda x: jnp.prod(x, 0) + jnp.all(x > 0) + jnp.count_nonzero(x), (M,)),
    "norms": (lambda x: jnp.linalg.norm(x) + jnp.linalg.norm(x, 1) + jnp.linalg.norm(x[0]), (M,)),
    "log sums": (lambda x: jax.nn.logsumexp(x, 0) + jnp.logaddexp(x, 1.0), (M,)),
    "activations": (
        lambda x: (
            jax.nn.relu(x)
            + jax.nn.gelu(x)
            + jax.nn.silu(x)
            + jax.nn.softplus(x)
            + jax.nn.elu(x)
            + jax.nn.selu(x)
            + jax.nn.hard_tanh(x)
            + jax.nn.leaky_relu(x)
            + jax.nn.log_sigmoid(x)
            + jax.nn.relu6(x)
        ),
        (V,),
    ),
    "softmaxes": (lambda x: jax.nn.softmax(x) * jax.nn.log_softmax(x, 0), (M,)),
    "standardized": (lambda x: jax.nn.standardize(x) * jax.nn.glu(x)[:, :1], (M,)),
    "dot-product attention": (
        lambda q: jax.nn.dot_product_attention(q, q, q, is_causal=True),
        (_array(1, 4, 2, 4),),
    ),
    "interpolation": (lambda x: jnp.interp(x, jnp.arange(4.0), jnp.arange(4.0) ** 2), (V,)),
    "polynomials": (lambda x: jnp.polyval(jnp.array([1.0, 2.0, 3.0]), x), (V,)),
    "grids": (lambda x: jnp.linspace(x[0], x[1], 5) + jnp.arange(5) * x[2], (V,)),
    "meshes": (lambda x: sum(jnp.meshgrid(x[:2], x[2:5])), (V,)),
    "histories": (lambda x: jnp.diff(x) * jnp.roll(x, 1)[1:] + jnp.flip(x)[:-1], (V,)),
    "ravel": (lambda x: jnp.ravel(x)[None] * x.reshape(-1, 1)[:3], (T,)),
    "squeezes": (lambda x: jnp.squeeze(x[:1]) + jnp.expand_dims(x, (0, 2)).sum((0, 2)), (M,)),
    "broadcasts": (lambda x: jnp.broadcast_to(x[:, None], (8, 3)) + jnp.full((3,), x[0]), (V,)),
    "where of three": (lambda x: jnp.select([x > 1, x < -1], [x, -x], 0.5), (V,)),
    "stop gradient": (lambda x: lax.stop_gradient(x) * x, (V,)),
    "weak scalars": (lambda s, x: (s * 2 + 1) * x + 3 - s**2, (S, V)),
    "Python scalars": (lambda s, x: s * x + s, (2.0, V)),
    "a scalar's function": (lambda s: jnp.sin(s) * s, (S,)),
    "named scopes": (jax.named_scope("here")(lambda x: jnp.sin(x) * x), (V,)),
    "metadata": (lambda x: set_xla_metadata(jnp.sin(x), note="a") * x, (V,)),
    "barrier": (lambda x: lax.optimization_barrier(jnp.sin(x)) * x, (V,)),
    "platform-dependent": (
        lambda x: lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos) * x,
        (V,),
    ),
    "a sharding constraint": (_constrained, (V,)),
    "a reference": (_reference, (V,)),
    "a kernel of Pallas": (_pallas, (V,)),
    "on the host": (_on_the_host, (V,)),
    "donation inside": (lambda x: jax.jit(lambda y: y * 2, donate_argnums=0)(x) * x, (V,)),
    "a key": (lambda x: jax.random.normal(jax.random.key(0), (8,)) * x, (V,)),
    "many keys": (_many_keys, (V,)),
    "keys in a loop": (_keys_in_a_loop, (V,)),
    "tiny integers": (lambda x: x.astype(jnp.int4).astype("float32") * x, (V,)),
    "tiny floats": (lambda x: x.astype(jnp.float8_e4m3fn).astype("float32") * x, (V,)),
    "saved by name": (_saves_by_name, (V,)),
    "a Hessian times a vector": (_hessian_times_vector, (V,)),
    "linearized": (_linearized, (V,)),
    "vjp inside": (_vjp_inside, (V,)),
    "a forward Jacobian": (lambda x: jax.jacfwd(lambda y: jnp.cumsum(y**2))(x), (V,)),
    "evaluates meanwhile": (_evaluates_meanwhile, (V,)),
    "settings inside": (_with_settings, (V,)),
    "vectorized": (lambda x: jnp.vectorize(lambda a, b: a * jnp.sin(b))(x, x[0]), (V,)),
    "along axes": (lambda x: jnp.apply_along_axis(jnp.cumsum, 0, x), (M,)),
    "piecewise": (lambda x: jnp.piecewise(x, [x < 0], [lambda y: -y, lambda y: y**2]), (V,)),
    "NumPy's scalars": (lambda x: x * np.float64(2.5) + np.int32(3) + np.float32(0.1), (V,)),
    "unused arguments": (lambda x, y: jnp.sin(x), (V, M)),
    "a constant result": (lambda x: (jnp.sin(x), jnp.zeros(3), 2.0), (V,)),
    "an argument returned": (lambda x: (x, jnp.sin(x)), (V,)),
    "results twice": (lambda x: [jnp.sin(x)] * 2, (V,)),
    "dead code": (lambda x: (jnp.linalg.inv(jnp.outer(x, x)), jnp.sin(x))[1], (V,)),
    "while, forward alone": (lambda x: lax.stop_gradient(_while(x)) * x, (V,)),
    "mixed derivatives": (
        lambda x, y: jax.grad(lambda a: jnp.sum(a * jnp.sin(a * y)))(x) * y,
        (V, V),
    ),
    "a linear solve by hand": (
        lambda b: lax.custom_linear_solve(
            lambda x: 2.0 * x, b, lambda f, b: b / 2.0, symmetric=True
        ),
        (V,),
    ),
    "a root": (
        lambda a: lax.custom_root(
            lambda x: x**2 - a, jnp.ones(()), lambda f, x: x, lambda g, y: y / g(1.0)
        ),
        (S,),
    ),
    "strided slices": (lambda x: x[1:7:2] * lax.slice(x, (0,), (3,)), (V,)),
    "pads inside and cuts": (
        lambda x: lax.pad(x, 0.5, ((1, -1, 0), (-1, 2, 1))).sum(0) + lax.pad(x[0, 0], 0.0, ()),
        (M,),
    ),
    "wide concatenations": (
        lambda x: lax.concatenate([x] * 20, 0).sum() * lax.concatenate([x], 0),
        (V,),
    ),
    "mixed concatenations": (lambda x, n: jnp.concatenate([x, n.astype(x.dtype), x[:1]]), (V, IS)),
    "mixed products": (
        lambda x, y: lax.dot_general(
            x, y, (((1,), (0,)), ((), ())), preferred_element_type=jnp.float32
        ),
        (M, B),
    ),
    "products in batches": (
        lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))) @ y[0],
        (T, _array(2, 4, 4)),
    ),
    "products of high precision": (lambda x: jnp.dot(x, x, precision="highest") @ x, (M,)),
    "products of integers": (lambda x, n: x * lax.dot(n, n).astype(x.dtype), (V, IS)),
    "many powers": (
        lambda x, n: (
            sum(lax.integer_pow(x, y) for y in range(-3, 9) if y)
            + (lax.integer_pow(n, 2) * lax.integer_pow(n, 5) + lax.square(n)).astype(x.dtype)
        ),
        (V, IS),
    ),
    "complex extremes": (
        lambda z: jnp.abs(lax.max(z, z * 2) * lax.min(z, -z)) + jnp.abs(lax.square(z)),
        (C,),
    ),
    "complex circles": (lambda z: jnp.abs(lax.sin(z) + lax.cos(z)), (C,)),
    "broadcast extremes": (lambda x: jnp.maximum(x[:1], x[:, :1]) + jnp.minimum(x, 0.5), (M,)),
    "metadata in a gradient": (
        lambda x: jax.grad(lambda y: set_xla_metadata(jnp.sin(y) * y, note="b").sum())(x),
        (V,),
    ),
    "metadata around": (_metadata_around, (V,)),
    "two functions of one name": (
        lambda x: jax.jit(lambda y: y + 1)(x) * jax.jit(lambda y: y * 2)(x),
        (V,),
    ),
    "jitted with constants": (lambda x: _with_table(x) + _with_table(x * 2), (V,)),
    "jitted of nothing": (lambda x: x * jax.jit(lambda: jnp.float32(2))(), (V,)),
    "several outputs of other dtypes": (lambda x, h: (x * 2, h * h, x.astype(jnp.int32)), (V, F16)),
    "sliced by an index": (lambda x, n: lax.dynamic_slice(x, (n[0],), (3,)) * x[:3], (V, IS)),
    "steps of another dtype": (lambda x: lax.iota(jnp.bfloat16, 8).astype(x.dtype) * x, (V,)),
    "conversions there and back": (
        lambda x: x.astype(jnp.bfloat16).astype(jnp.int32).astype(x.dtype) + x.astype(bool) * x,
        (V,),
    ),
    "comparisons as masks": (
        lambda x: sum(jnp.where(f(x, x[::-1]), x, 0) for f in (lax.lt, lax.ge, lax.ne)),
        (V,),
    ),
    "a concatenation of a constant": (lambda x: jnp.concatenate([x, jnp.ones(3)]) ** 2, (V,)),
}
