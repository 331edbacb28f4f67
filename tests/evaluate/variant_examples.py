"""Small rows on which each kind of rewrite and of mutant finds a place."""

import functools

from rowmaking import aval, expression, row

_X, _Y, _V = aval("x", (4, 4)), aval("y", (4, 4)), aval("v", (4,))
_LOOP = """
def kernel_f(x, v):
    def turn(k, carried):
        total, last = carried
        return total + jnp.sin(last) * v[k], last * 0.9
    return lax.fori_loop(0, 4, turn, (x[0], v))
"""
_BRANCH = """
def kernel_f(x, v):
    return lax.cond(v[0] > 1.2, lambda a: jnp.sin(a), lambda a: a * 0.5, x)
"""
_CALLS = """
def kernel_f(x, y):
    @jax.jit
    def double(a):
        return jnp.exp(a) * 2.0

    @jax.jit
    def triple(a):
        return jnp.cos(a) * 3.0

    return double(x) + triple(y), x * y
"""
_EXPRESSIONS = (
    ("x + y + x / 3.0 - jnp.maximum(x, y) * y * 2.0 + jnp.minimum(y, 1.0)", _X, _Y),
    ("jnp.abs(-x) + jnp.sqrt(x) * lax.rsqrt(y) + lax.logistic(x) + jnp.tanh(y)", _X, _Y),
    ("jnp.expm1(x) + jnp.log1p(y) + lax.clamp(0.6, x, 1.5) + lax.square(x)", _X, _Y),
    ("lax.tan(x / 4.0) + jnp.where((x > 1.0) | (y > 1.2), x - 1.0, y)", _X, _Y),
    ("x @ y + jnp.sum(x, axis=1)", _X, _Y),
    ("jnp.concatenate([x, y])[1:5] * jnp.arange(4.0) + jnp.sum(jnp.pad(x, 1))", _X, _Y),
    ("jnp.reshape(x, (2, 8)) * jnp.expand_dims(jnp.reshape(v, (2, 2))[:, 0], 1)", _X, _V),
    ("jnp.cumsum(v) + x", _X, _V),
    ("jnp.sin(x) * y - x / y", aval("x", (4,), "bfloat16"), aval("y", (4,), "bfloat16")),
)


@functools.cache
def examples() -> list[dict]:
    """The rows, with ids."""
    made = [expression(*each) for each in _EXPRESSIONS]
    made += [row(_LOOP.lstrip(), _X, _V), row(_BRANCH.lstrip(), _X, _V)]
    made += [row(_CALLS.lstrip(), _X, _Y)]
    return [{"id": number, **each} for number, each in enumerate(made)]
