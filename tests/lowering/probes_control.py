"""Probe programs with branches and loops, with the features expected."""

from probe import BOTH, IDX, M4, V8, Aval, S, probe

CONTROL = (
    # branch
    probe(
        "def kernel_where(x, y):\n    return jnp.where(x > y, x, y * 2)",
        V8,
        V8,
        argnums=BOTH,
        expected="branch",
    ),
    probe(
        "def kernel_where_scalar(x):\n    return jnp.where(jnp.sum(x) > 0, x, 0.0)",
        V8,
        expected="branch single_argument reduction",
    ),
    probe(
        "def kernel_lax_select(x, y):\n    return lax.select(x > y, jnp.sin(x), y)",
        V8,
        V8,
        expected="branch",
    ),
    probe(
        "def kernel_jnp_select(x):\n    return jnp.select([x < 0, x < 1], [-x, x * x], x)",
        V8,
        expected="branch single_argument",
    ),
    probe(
        "def kernel_select_n(x, n):\n    return lax.select_n(n, x, -x, x * x)",
        V8,
        IDX,
        expected="branch",
    ),
    probe(
        """
def kernel_piecewise(x):
    return jnp.piecewise(x, [x < 0, x > 1], [jnp.sin, jnp.cos, 0.5])
""",
        V8,
        expected="branch single_argument",
    ),
    probe(
        """
def kernel_cond(x, s):
    return lax.cond(s > 0, lambda v: jnp.sin(v), lambda v: v * s, x)
""",
        V8,
        S,
        expected="branch scalar_argument",
        argnums=BOTH,
    ),
    probe(
        "def kernel_switch(x, n):\n    return lax.switch(n, [jnp.sin, jnp.cos, jnp.tanh], x)",
        V8,
        Aval((), "int32"),
        expected="branch scalar_argument",
    ),
    probe(
        "def kernel_vmapped_cond(x):\n"
        "    return jax.vmap(lambda v: lax.cond(v > 0, jnp.sin, jnp.cos, v))(x)",
        V8,
        expected="branch single_argument",
    ),
    probe(
        """
def kernel_inner_jit(x):
    @jax.jit
    def bend(v):
        return jnp.where(v > 0, v, 0.1 * v)
    return bend(x)
""",
        V8,
        expected="branch single_argument",
    ),
    # nested_branch
    probe(
        """
def kernel_two_wheres(x, y):
    return jnp.where(x > 0, x, 1.0) + jnp.where(y > 0, y, 2.0)
""",
        V8,
        V8,
        expected="branch",
    ),
    probe(
        """
def kernel_nested_where(x, y):
    inner = jnp.where(y > 0, y, -y) * 3.0
    return jnp.where(x > 0, inner, x)
""",
        V8,
        V8,
        expected="branch nested_branch",
    ),
    probe(
        """
def kernel_where_of_where(x, y):
    return jnp.where(x > 0, jnp.where(y > 0, y, x), 1.0)
""",
        V8,
        V8,
        expected="branch",
    ),
    probe(
        """
def kernel_nested_cond(x, s):
    def outer(v):
        return lax.cond(s > 2, jnp.sin, jnp.cos, v)
    return lax.cond(s > 0, outer, lambda v: -v, x)
""",
        V8,
        S,
        expected="branch nested_branch scalar_argument",
    ),
    probe(
        """
def kernel_where_in_switch(x, n):
    return lax.switch(n, [lambda v: jnp.where(v > 0, v, 0.0), jnp.cos], x)
""",
        V8,
        Aval((), "int32"),
        expected="branch nested_branch scalar_argument",
    ),
    probe(
        """
def kernel_branch_in_loop(x):
    return lax.fori_loop(0, 4, lambda i, c: jnp.where(c > 0, c * 0.5, c + 1.0), x)
""",
        V8,
        expected="branch iteration single_argument",
    ),
    probe(
        """
def kernel_nested_in_scan(x):
    def step(c, v):
        d = jnp.where(v > 0, v, 0.0) * 2.0
        return jnp.where(c > 1, d + c, c - v), d
    return lax.scan(step, 0.0, x)
""",
        V8,
        expected="branch nested_branch iteration single_argument several_results",
    ),
    # loop
    probe(
        "def kernel_fori(x):\n    return lax.fori_loop(0, 5, lambda i, c: c * 0.9 + jnp.sin(x), x)",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_scan(x):\n    return lax.scan(lambda c, v: (c * 0.5 + v, c), 1.0, x)[1]",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_map(x):\n    return lax.map(lambda row: jnp.tanh(row) * 2, x)",
        M4,
        expected="iteration single_argument",
    ),
    probe(
        """
def kernel_while(x, n):
    steps = lax.while_loop(lambda i: i * i < n, lambda i: i + 1, 0)
    return x * steps
""",
        V8,
        Aval((), "int32"),
        expected="iteration scalar_argument",
    ),
    probe(
        "def kernel_cumsum(x):\n    return jnp.cumsum(x) + jnp.cumprod(x) + lax.cummax(x)",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_cumsum_long(x):\n    return jnp.cumsum(x, axis=1)",
        Aval((2, 300)),
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_cummin_back(x):\n    return lax.cummin(x, reverse=True)",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_cumlogsumexp(x):\n    return lax.cumlogsumexp(x)",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_associative(x):\n    return lax.associative_scan(jnp.multiply, x)",
        V8,
        expected="iteration single_argument",
    ),
    probe(
        "def kernel_unrolled(x):\n    for k in range(3):\n        x = jnp.sin(x) * k\n    return x",
        V8,
        expected="single_argument",
    ),
)
