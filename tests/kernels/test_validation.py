"""Validation rejects what verification once stopped at: a sweep drew each program here.

Beside them, rows that were right and stopped all the same, and are proven now.
"""

import numpy as np
import pytest

from jax_ir_synth.kernels.builder.values import InAval, KernelSource, Rejected
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.validation import program
from jax_ir_synth.kernels.validation.program import require_sound
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.verify import prove


def aval(name: str, shape=(), low=-1.0, high=1.0, dtype="float32") -> InAval:
    return InAval(name, tuple(shape), dtype, float(low), float(high))


def source(python: str, *avals: InAval) -> KernelSource:
    argnums = tuple(k for k, a in enumerate(avals) if "float" in a.dtype)
    return KernelSource("kernel_f", python, avals, argnums)


REFUSED = {
    "rounding decides a comparison": (
        "def kernel_f(p, q):\n"
        "    u = jnp.where(q > 0.1, lax.abs(p), 0.3 - p) + p\n"
        "    return lax.select(jnp.greater(u, 0.3), q - 2.0, u * 0.7) * p\n",
        [aval("p", (64,)), aval("q", (64,))],
        "smooth and steady",
    ),
    "rounding decides a comparison of what are constants wherever a condition holds": (
        "def kernel_f(x):\n"
        "    out = jnp.where(x >= 0.1, -1.0, jnp.maximum(x, -0.75)) + 0.9\n"
        "    return jnp.where(out ** 2 > 0.01, out, x - out) * x\n",
        [aval("x", (16,), -2.0, 2.0)],
        "smooth and steady",
    ),
    "rounding decides a comparison of constants, in a scalar": (
        "def kernel_f(x):\n"
        "    gap = jnp.float32(0.3) - jnp.float32(0.1)\n"
        "    return jnp.where(gap < 0.2, x, 2.0 * x + 1.0)\n",
        [aval("x", ())],
        "smooth and steady",
    ),
    "rounding to 16 bits leaves nothing of a result": (
        "def kernel_f(x):\n"
        "    turns = x * 300.0 + 0.3\n"
        "    return jnp.where(turns - jnp.floor(turns) > 0.5, 1.0, -1.0) + x * 0.1\n",
        [aval("x", (32,), 0.5, 1.0, "bfloat16")],
        "survive the rounding of bfloat16",
    ),
    "a function that 16 bits make a constant of, and zeros of its gradient": (
        "def kernel_f(c):\n"
        "    for _ in range(2):\n"
        "        c = jax.nn.sigmoid(lax.cumsum(c, axis=0, reverse=True))\n"
        "    return jax.nn.celu(c[1])\n",
        [aval("c", (16,), -1.0, 2.0, "float16")],
        "survive the rounding of float16",
    ),
    "a length that is divided out: 16 bits round more than is left of the argument's influence": (
        "def kernel_f(x, q):\n"
        "    t = jnp.sum(x * q, keepdims=True) / (jnp.sum(q * q, keepdims=True) + 0.05) * q\n"
        "    return t / (jnp.linalg.norm(t, axis=0, keepdims=True) + 0.001)\n",
        [aval("x", (3,), -2.0, 2.0, "bfloat16"), aval("q", (3,), -0.5, 1.0, "bfloat16")],
        "survive the rounding of bfloat16",
    ),
    "rounding decides which of saturated values is the greatest": (
        "def kernel_f(x):\n    return x[jax.scipy.special.erf(x).argmax()]\n",
        [aval("x", (200,), 0.5, 4.0)],
        "smooth and steady",
    ),
    "a kink is met exactly, at every zero of a rounded value": (
        "def kernel_f(x, s):\n"
        "    h = lax.stop_gradient(lax.floor(x * s) / s - x)\n"
        "    return jnp.exp(-jnp.abs((x + h) * 0.5)) + x\n",
        [aval("x", (64,)), aval("s", (), 1.0, 2.0)],
        "smooth and steady",
    ),
    "the standard deviation of a row that is masked out": (
        "def kernel_f(w, codes):\n"
        "    kept = jnp.expand_dims((codes != 0).astype(jnp.float32), axis=-1)\n"
        "    return jnp.std(jax.nn.one_hot(codes, 6) @ w * kept, axis=1)\n",
        [aval("w", (6, 8)), aval("codes", (12,), 0, 5, "int32")],
        "a root of zero",
    ),
    "the norm of a row that is masked out": (
        "def kernel_f(x, k):\n"
        "    d = jnp.where((k <= 0.0)[:, None], x, 0.0)\n"
        "    return jnp.linalg.norm(d, axis=1) + jnp.sum(x, axis=1)\n",
        [aval("x", (16, 4)), aval("k", (16,))],
        "a root of zero",
    ),
    "an iteration whose count a clip hides": (
        "def kernel_f(b, n, s):\n"
        "    def more(c):\n"
        "        return c[0] < n\n"
        "    def step(c):\n"
        "        return c[0] + 1, c[1] / (1.0 + jnp.abs(c[1]))\n"
        "    last = lax.while_loop(more, step, (0, lax.stop_gradient(b)))[1]\n"
        "    return jnp.sin(jnp.minimum(last * b, s))\n",
        [aval("b", (5,), 1.0, 3.0), aval("n", (), 1, 6, "int32"), aval("s", (5,), -3.0, -1.0)],
        "no output depends on",
    ),
    "the sign of what is zero wherever it is looked at": (
        "def kernel_f(probs, b):\n"
        "    weight = jnp.floor(probs * 1.25) / 1.25\n"
        "    h = probs + lax.stop_gradient(weight - probs)\n"
        "    return jnp.sign(h) * jnp.log1p(jnp.abs(h) * b) + probs\n",
        [aval("probs", (4, 4), 0.0, 1.0), aval("b", (4,), 0.5, 2.0)],
        "smooth and steady",
    ),
    "a comparison with zero of a function that rounding makes zero": (
        "def kernel_f(x):\n    y = jax.nn.gelu(x)\n    return jnp.where(y < 0.0, x, x - 5.0)\n",
        [aval("x", (4,), -9.0, -6.0)],
        "smooth and steady",
    ),
    "a scan that magnifies what it is given": (
        "def kernel_f(x):\n"
        "    def step(c, _):\n"
        "        return 4.0 * c * (1.0 - c), None\n"
        "    return lax.scan(step, x, None, length=40)[0]\n",
        [aval("x", (16,), 0.2, 0.8)],
        "smooth and steady",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_program_that_could_not_be_proven_is_not_drawn(what):
    python, avals, reason = REFUSED[what]
    with pytest.raises(Rejected, match=reason):
        require_sound(source(python, *avals))


@pytest.mark.parametrize("name", ["exp2", "copysign"])
def test_what_sixteen_bits_spoil_is_drawn_with_thirty_two(name):
    # Of one the exponent's constant is rounded, the other picks the number's bits apart.
    assert OPS[name].dtypes == ("float32",)


PROVEN = {
    "a saturated function's gradient is a small difference": (
        "def kernel_f(w):\n    return jnp.tanh(w ** 3) * 0.5\n",
        [aval("w", (8,), 1.0, 3.0)],
    ),
    "a gradient that changes fast": (
        "def kernel_f(w, x):\n"
        "    y = jnp.square(w) * x\n"
        "    z = jnp.where(y > 2.0, jnp.exp(y * 0.3), y + 4.0) / 5.0\n"
        "    return lax.fori_loop(\n"
        "        0, 6, lambda i, c: 0.5 * c + 0.5 * jnp.cos(c * z), jnp.tanh(z))\n",
        [aval("w", (8, 10), 0.2, 3.0), aval("x", (10,), 0.5, 1.5)],
    ),
    "a small difference, and constants of which some are rounded to 8 bits and some aren't": (
        "def kernel_f(w, labels):\n"
        "    hot = jax.nn.one_hot(labels, num_classes=6)\n"
        "    x = (0.95 * hot + 0.00833) * jax.nn.log_softmax(w, axis=-1)\n"
        "    return jnp.mean(-x.sum(-1), axis=0) - 2.0\n",
        [aval("w", (6, 6), -1.0, 2.0, "bfloat16"), aval("labels", (6,), 0, 5, "int32")],
    ),
    "the variance of numbers that a minimum makes equal on one of the inputs": (
        "def kernel_f(r, temperature):\n"
        "    q = lax.cumsum(lax.square(jnp.log(r)), axis=0, reverse=True)\n"
        "    return jnp.minimum(temperature, q).var(axis=0)\n",
        [aval("r", (64,), 0.5, 1.5), aval("temperature", (), -2.0, 2.0)],
    ),
    "in 16 bits another branch is taken on one of the inputs": (
        "def kernel_f(a):\n"
        "    def on_false(y, q):\n"
        "        return jnp.where(q[0] > 1.1, y, 4.0 - y)\n"
        "    return lax.cond(a[0] <= 0.3, lambda v, w: w + v, on_false, a, a + 0.8)\n",
        [aval("a", (12,), 0.0, 1.0, "bfloat16")],
    ),
}


@pytest.mark.parametrize("what", PROVEN)
def test_a_right_row_is_proven(what):
    python, avals = PROVEN[what]
    drawn = source(python, *avals)
    require_sound(drawn)
    columns = lower_source(python, drawn.name, avals, drawn.argnums, ("cpu", "cuda")).columns
    row = {
        "kernel_name": drawn.name,
        "python": python,
        "cpp": columns["cpu"],
        "cuda": columns["cuda"],
        "in_avals": [a.described() for a in avals],
        "argnums": list(drawn.argnums),
    }
    assert prove(row) == "interpreter"


@pytest.mark.parametrize("share", [0.9, 1.1])
@pytest.mark.parametrize(("half", "rate"), [("bfloat16", 0.5), ("float16", 0.25)])
def test_16_bit_results_by_their_size_and_move(half, rate, share):
    exact = np.array([4.0, 1.0, -2.0])
    # The size is the largest element, 4, and what it moves, 2.
    rounded = exact + share * rate * 6.0
    assert program._mostly_agree(rounded, exact, 2.0, program._ROUNDED[half]) == (share == 0.9)


@pytest.mark.parametrize(("near", "agrees"), [(15, True), (14, False)])
def test_three_quarters_of_16_bit_results_must_be_near(near, agrees):
    exact = np.ones(20)
    rounded = np.where(np.arange(20) < near, 1.0, 9.0)
    assert program._mostly_agree(rounded, exact, 0.0, program._ROUNDED["float16"]) is agrees
