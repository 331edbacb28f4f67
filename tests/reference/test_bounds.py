"""A stranger's Python that would not end, or fill the memory, is refused in one line."""

import numpy as np
import pytest

from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.verify import NotProven, prove

X = np.linspace(0.1, 1.0, 4, dtype=np.float32)
ENDLESS = """
return lax.while_loop(lambda c: jnp.all(c == c), lambda c: c, x)
return lax.while_loop(lambda c: True, jnp.sin, x)
return lax.fori_loop(0, 10**9, lambda i, c: c, x)
return lax.scan(lambda c, _: (c, None), x, None, length=10**9)[0]
return lax.map(jnp.sin, jnp.arange(200_000.0))
return jax.vmap(jnp.sin)(jnp.arange(200_000.0))
return x + sum(1 for i in range(10**4) for j in range(10**4))
return x + sum(range(10**9))
return x + len([i for i in range(10**10)])
return x + list(range(10**10))[3]
return x + range(10**30)[3]
return x * (9**9**9 % 7)
return x * (2 ** (2**40) % 7)
return x * ((1 << 10**12) % 7)
return x * len([0] * 10**9)
return x * len('a' * 10**10)
return x * len(b'a' * 10**10)
return x * len('%10000000000d' % 5)
return x * len(b'%10000000000d' % 5)
return x * round(5, -10**9)
return x * round(5, ndigits=-10**9)
return jnp.zeros((10**5, 10**5)) + x[0]
return jnp.ones(10**10) + x[0]
return jnp.full((10**5, 10**5), 1.0) + x[0]
return jnp.tile(x, 10**9)
return x + jnp.arange(10**10)[3]
return x + jnp.eye(10**6)[3, 3]
return x[0] + jax.nn.one_hot(jnp.arange(10), 10**8)
return x[0] + jax.random.normal(jax.random.key(0), (10**5, 10**5))
return x[0] + jax.ops.segment_sum(x, jnp.array([0, 1, 2, 3]), num_segments=10**9)
for i in range(60): x = x + 0.0 * len([x] * 2**i)
n = 3.0; m = 3; l = [1, 2]; f = lambda k: k * k; m = f(f(f(f(f(f(f(f(f(f(f(m))))))))))); return x * m
""".strip().splitlines()
NESTED = """
def kernel(x):
    def f(n):
        return 1 if n == 0 else f(n - 1) + f(n - 1)
    return x * f(40)
"""
DOUBLED = """
def kernel(x):
    l = [1, 2]
    for i in range(60):
        l += l
    return x * len(l)
"""
DEFAULT = "def kernel(x, n=9**9**8):\n    return x * n\n"
SLOW_DEFAULT = (
    "def kernel(x, n=sum(1 for i in range(10**5) for j in range(10**5))):\n    return x * n\n"
)
TAKEN = """
return lax.fori_loop(0, 1000, lambda i, c: c * 0.999, x)
return x * sum([i for i in range(100)]) * 2**20 * (1 << 30) * len([0] * 100)
return jnp.tile(x, 100).sum() * jnp.full((3,), 2**31 - 1) * jnp.zeros((0, 10**9)).size
for i in range(3): x = x * 2 ** i; x += i
return x * round(2.345, 2) * round(1234, -2)
""".strip().splitlines()


def of(body):
    if not body.startswith(("return", "n =")):
        body += "\n    return x"
    return f"def kernel(x):\n    {body}\n"


@pytest.mark.parametrize("python", [*map(of, ENDLESS), NESTED, DOUBLED, DEFAULT, SLOW_DEFAULT])
def test_it_is_refused_in_one_line(python):
    aval = {"name": "x", "shape": [4], "dtype": "float32", "low": 0.0, "high": 1.0}
    row = {
        "python": python, "kernel_name": "kernel", "in_avals": [aval], "argnums": [0],
        "cpp": "", "cuda": None,
    }  # fmt: skip
    with pytest.raises(NotProven, match=r"its python (takes|has|makes|asks)") as raised:
        prove(row)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("body", TAKEN)
def test_what_programs_take_is_taken(body):
    reference = ReferenceProgram(of(body), "kernel", [{"dtype": "float32"}])
    (output,) = reference.outputs([X])
    assert np.isfinite(output).all()
    # Each run counts from zero.
    for sign in (1, -1):
        reference.with_noise([X], Noise(0, sign))
