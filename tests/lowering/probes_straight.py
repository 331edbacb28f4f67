"""Probe programs without control flow of their own, with the features expected."""

from probe import BOTH, IDX, KEY, M4, P3, V3, V8, Aval, S, probe

STRAIGHT = (
    # elementwise
    probe("def kernel_affine(x, y):\n    return x * y + jnp.exp(-x)", V8, V8, argnums=BOTH),
    probe("def kernel_clip(x, y):\n    return jnp.clip(x, -1.0, 1.0) + jnp.hypot(x, y)", V8, V8),
    probe(
        "def kernel_remainder(x, y):\n    return jnp.remainder(x, y) + jnp.floor_divide(x, y)",
        V8,
        V8,
    ),
    probe(
        "def kernel_half(x, y):\n    return x.astype(jnp.bfloat16) * y", V8, Aval((8,), "bfloat16")
    ),
    probe(
        "def kernel_bits(x, n):\n    return x * ((n << 2) & 7).astype(x.dtype), n ^ 3",
        V8,
        IDX,
        expected="several_results",
    ),
    probe(
        "def kernel_maximum(x, y):\n    return jnp.maximum(x, y) + (x > y)", V8, V8, argnums=BOTH
    ),
    # scalar_array
    probe(
        "def kernel_axpy(a, x, y):\n    return a * x + y",
        S,
        V8,
        V8,
        argnums=(0, 1, 2),
        expected="scalar_argument",
    ),
    probe(
        "def kernel_horner(x, n):\n    return (2.0 * x + 1.0) * x + n",
        V8,
        Aval((), "int32"),
        expected="scalar_argument",
    ),
    # unary
    probe(
        "def kernel_relu(x):\n    return jax.nn.relu(x) + jax.nn.elu(x) + jax.nn.leaky_relu(x)",
        V8,
        expected="single_argument",
    ),
    probe(
        "def kernel_smooth(x):\n    return jax.nn.gelu(x) * jax.nn.softplus(jnp.sinc(x))",
        V8,
        expected="single_argument",
    ),
    probe(
        "def kernel_special(x):\n    return jax.scipy.special.erfinv(jnp.tanh(x)) + jnp.cbrt(x)",
        V8,
        expected="single_argument",
    ),
    probe("def kernel_logaddexp(x, y):\n    return jnp.logaddexp(x, y)", V8, V8, argnums=BOTH),
    # reduction
    probe(
        "def kernel_mean(x):\n    return jnp.mean(x, axis=0) * jnp.sum(x)",
        M4,
        expected="reduction shrinks single_argument",
    ),
    probe(
        "def kernel_var(x):\n    return jnp.var(x) + jnp.linalg.norm(x)",
        V8,
        expected="reduction shrinks single_argument",
    ),
    probe(
        "def kernel_softmax(x):\n    return jax.nn.softmax(x)",
        V8,
        expected="reduction single_argument",
    ),
    probe(
        "def kernel_logsumexp(x):\n    return jax.nn.logsumexp(x, axis=1)",
        M4,
        expected="reduction shrinks single_argument",
    ),
    probe(
        "def kernel_pick(x):\n    return x[jnp.argmax(x)] + jnp.take(x, jnp.argmin(x))",
        V8,
        expected="reduction shrinks single_argument",
    ),
    probe(
        "def kernel_einsum(x, y):\n    return jnp.einsum('ij,jk->ik', x, y)",
        M4,
        M4,
        argnums=BOTH,
        expected="reduction",
    ),
    probe(
        "def kernel_dot(x, y):\n    return jnp.dot(x, y) + x.sum()",
        V8,
        V8,
        argnums=BOTH,
        expected="reduction shrinks",
    ),
    probe("def kernel_outer(x, y):\n    return jnp.outer(x, y)", V8, V8, argnums=BOTH),
    probe(
        "def kernel_segments(x, n):\n    return jax.ops.segment_sum(x, n, num_segments=8)",
        V8,
        IDX,
        expected="reduction",
    ),
    probe(
        "def kernel_at_add(x, n):\n    return jnp.zeros(12).at[n].add(x)",
        V8,
        IDX,
        expected="reduction",
    ),
    probe("def kernel_at_set(x):\n    return x.at[2].set(5.0)", V8, expected="single_argument"),
    probe(
        """
def kernel_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (2,), (2,), "VALID")
""",
        V8,
        expected="reduction shrinks single_argument",
    ),
    probe(
        "def kernel_convolve(x, y):\n    return jnp.convolve(x, y, mode='same')",
        V8,
        V3,
        expected="reduction vec3",
    ),
    # vector
    probe(
        "def kernel_cross(x, y):\n    return jnp.cross(x, y)", V3, V3, argnums=BOTH, expected="vec3"
    ),
    probe(
        """
def kernel_normalize(points):
    return jax.vmap(lambda p: p / jnp.sqrt(jnp.dot(p, p)))(points)
""",
        P3,
        expected="vec3 reduction single_argument",
    ),
    # multi_statement
    probe(
        """
def kernel_statements(x, y):
    def mix(a, b=0.5):
        return a * b + x
    total, rest = mix(y), x - y
    rest = rest.at[0].set(1.0)
    return total * rest, rest
""",
        V8,
        V8,
        argnums=BOTH,
        expected="several_results",
    ),
    # compound
    probe(
        """
def kernel_cholesky(x):
    factor = jnp.linalg.cholesky(x @ x.T + 4.0 * jnp.eye(4))
    return jax.scipy.linalg.solve_triangular(factor, x, lower=True)
""",
        M4,
        expected="linalg reduction single_argument",
    ),
    probe(
        "def kernel_solve(x, y):\n    return jnp.linalg.solve(x, y)",
        M4,
        Aval((4,)),
        argnums=BOTH,
        expected="linalg shrinks",
    ),
    probe(
        "def kernel_inv(x):\n    return jnp.linalg.inv(x) + jnp.linalg.qr(x)[0]",
        M4,
        expected="linalg single_argument",
    ),
    probe(
        "def kernel_random(x):\n    return x * jax.random.normal(jax.random.PRNGKey(3), x.shape)",
        V8,
        expected="random single_argument",
    ),
    probe(
        """
def kernel_random_key(x, key):
    first, second = jax.random.split(key)
    noise = jax.random.uniform(first, (8,)) + jax.random.bernoulli(second, 0.5, (8,))
    return x + noise
""",
        V8,
        KEY,
        expected="random",
    ),
    probe(
        """
def kernel_checkpoint(x):
    return jax.checkpoint(lambda v: jnp.sin(jnp.sin(v)) * v)(x)
""",
        V8,
        expected="checkpoint single_argument",
    ),
)
