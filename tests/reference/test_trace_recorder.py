"""What a row's Python means when it is nudged, and what is refused as a row's Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jax_ir_synth.reference import points, source
from jax_ir_synth.reference.numpy_jax import JAX, JNP, LAX, UnknownName
from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.trace_recorder import Singular
from jax_ir_synth.reference.points import evaluate_reference
from jax_ir_synth.reference.program import Derivative, ReferenceProgram

FLOAT = {"dtype": "float32"}
draws = np.random.default_rng(3)
X = draws.uniform(0.2, 1.5, (4, 3))
Y = draws.uniform(-1.5, 1.5, (4, 3))
ALONG = [draws.uniform(0.5, 1, X.shape), draws.uniform(-1, -0.5, Y.shape)]


def derivative(body, inputs, along):
    """Of the kernel with this body, by differences."""
    reference = ReferenceProgram(
        f"def kernel({', '.join('xyz'[: len(inputs)])}):\n    {body}\n",
        "kernel",
        [FLOAT] * len(inputs),
    )
    return reference.derivative(inputs, reference.outputs(inputs), along)


def by_jax(body, inputs, along):
    """The same by `jax.grad`, in float64; and each output's slope by `jax.jvp`."""
    space = {"jax": jax, "jnp": jnp, "lax": lax}
    exec(f"def kernel({', '.join('xyz'[: len(inputs)])}):\n    {body}\n", space)

    def floats(*args):
        return [
            out
            for out in jax.tree.leaves(space["kernel"](*args))
            if jnp.issubdtype(out.dtype, jnp.floating)
        ]

    def loss(*args):
        return sum(jnp.sum(out) for out in floats(*args))

    with jax.enable_x64(True):
        gradients = jax.jit(jax.grad(loss, argnums=tuple(range(len(inputs)))))(*inputs)
        _, slopes = jax.jit(lambda p, t: jax.jvp(floats, p, t))(tuple(inputs), tuple(along))
    return sum(np.sum(np.asarray(g) * a) for g, a in zip(gradients, along, strict=False)), slopes


COMPOSED = """
return jnp.sin(x * y).sum() + jnp.exp(-x) @ y.T
return jax.nn.softmax(x @ y.T, axis=-1) @ y
return jnp.where(y > 0, x * y, jnp.square(y)) / (1 + x)
return {"a": lax.scan(lambda c, e: (c * 0.9 + jnp.tanh(e), c.sum()), x[0], y), "b": jnp.argmax(x, axis=0)}
return lax.fori_loop(0, 4, lambda i, c: jnp.cos(c) + i * y, x), jnp.sort(y, axis=0) * x
return lax.while_loop(lambda c: c < 3, lambda c: c + 2, 0) * x * y, lax.switch(3, [jnp.sin, jnp.cos], y)
return lax.cond(x[0, 0] > 0, lambda: jnp.log(x), lambda: y).sum(axis=0), (y > 0).astype(jnp.int32)
return jax.vmap(lambda a, b: jnp.dot(a, b) / jnp.linalg.norm(a))(x, y)
return jnp.linalg.solve(x.T @ x + 2 * jnp.eye(3), y.T), jnp.linalg.slogdet(x.T @ x + jnp.eye(3))[1]
return lax.associative_scan(jnp.multiply, x, reverse=True), jnp.cumsum(y, axis=1) ** 2
return x.at[jnp.array([0, 0, 2])].add(y[:3]).max(axis=0), jax.nn.gelu(y), jax.scipy.special.gammaln(x)
return jnp.fft.irfft(jnp.fft.rfft(x.ravel()) * y.ravel()[:7], n=12)
return jnp.vectorize(lambda a, b: jnp.where(b > 0, a ** b, a - b))(x, y), lax.top_k(x, 2)[0]
return jax.nn.logsumexp(y, axis=0) * lax.stop_gradient(x.sum(axis=0)), lax.stop_gradient(y) * x
return jnp.floor(3 * y) * x, jnp.round(y), x.astype(jnp.int32) * y
""".strip().splitlines()


@pytest.mark.parametrize("text", COMPOSED)
def test_differences_are_jaxs_gradient(text):
    ours = derivative(text, [X, Y], ALONG)
    total, slopes = by_jax(text, [X, Y], ALONG)
    assert abs(ours.value - total) <= 1e-8 * ours.scale
    assert len(ours.slopes) == len(slopes)
    for mine, theirs in zip(ours.slopes, slopes, strict=False):
        np.testing.assert_allclose(mine, theirs, 0, 1e-8 * ours.scale)


def test_an_argument_that_does_not_move_adds_nothing():
    ours = derivative("return x * y", [X, Y], [ALONG[0], None])
    np.testing.assert_allclose(ours.slopes[0], ALONG[0] * Y, 1e-8, 1e-8)


@pytest.mark.parametrize(("body", "slope"), [
    ("return x * lax.stop_gradient(x)", lambda x, d: x * d),
    ("return lax.stop_gradient(x * x) + x", lambda x, d: d),
    ("return x - lax.stop_gradient(x)", lambda x, d: d),
    ("return x + lax.stop_gradient(jnp.round(x) - x)", lambda x, d: d),
    ('return lax.stop_gradient({"a": x, "b": (x, 2.0)})["b"][0] * x', lambda x, d: x * d),
    ("return lax.map(lambda r: r * lax.stop_gradient(r), x)", lambda x, d: x * d),
    ("return lax.scan(lambda c, e: (c + e, e * lax.stop_gradient(c + e)), x[0], x)[1]",
     lambda x, d: d * (x[0] + np.cumsum(x, axis=0))),
    ("return lax.fori_loop(0, 3, lambda i, c: c * lax.stop_gradient(c), x)", lambda x, d: x**7 * d),
    ("return jax.vmap(lambda r: r.sum() * lax.stop_gradient(r.max()))(x)",
     lambda x, d: d.sum(axis=1) * x.max(axis=1)),
])  # fmt: skip
def test_stop_gradient_is_held(body, slope):
    """Differences would see it move."""
    ours = derivative(body, [X], ALONG[:1])
    np.testing.assert_allclose(ours.slopes[0], slope(X, ALONG[0]), 1e-7, 1e-7)


def test_outputs_are_not_held():
    """What a run records is its own: later inputs get their own values."""
    reference = ReferenceProgram(
        "def kernel(x):\n    return x * lax.stop_gradient(x)\n", "kernel", [FLOAT]
    )
    for x in (X, 2 * X):
        np.testing.assert_allclose(reference.outputs([x])[0], x * x, 1e-12)
        np.testing.assert_allclose(
            reference.derivative([x], [x * x], ALONG[:1]).slopes[0], x * ALONG[0], 1e-7
        )


@pytest.mark.parametrize(("body", "at"), [
    ("return jnp.floor(x)", 2.0),
    ("return jnp.round(x)", 1.5),
    ("return jnp.sign(x) + x", 1e-7),
    ("return jnp.where(x > 1, 1.0, 0.0)", 1.0),
    ("return jnp.where(x > 1, 5.0 + x, x)", 1.0 + 1e-7),
    ("return x * 0.5, x > 0", 0.0),
    ("return x * 0.5, x.astype(jnp.int32)", 3.0),
    ("return jnp.mod(x, 1.0)", 4.0),
    ("return lax.cond(x > 0.5, lambda: lax.stop_gradient(x), lambda: x)", 0.5),
    ("return jnp.abs(x)", 0.0),
    ("return jax.nn.relu(x)", 0.0),
    ("return jnp.maximum(x, 1.0)", 1.0),
    ("return jnp.clip(x, 0.0, 2.0)", 2.0),
    ("return jnp.abs(x - 1)", 1.0 + 2e-7),
    ("return jax.nn.leaky_relu(x)", 0.0),
    ("return jnp.where(x < 1, x, 2 * x - 1)", 1.0),
    ("return jnp.cbrt(x)", 1e-8),
    ("return jnp.sqrt(x)", 1e-7),
    ("return jnp.max(jnp.stack([x, 2 * x - 1]))", 1.0),
])  # fmt: skip
def test_no_derivative_at_a_jump_or_a_kink(body, at):
    assert derivative(body, [np.float64(at)], [np.float64(1)]) is None


@pytest.mark.parametrize(
    "body", ["return jnp.sqrt(0 * x)", "return x + lax.sqrt(x)", "return jnp.linalg.norm(x * 0)"]
)
def test_where_a_root_of_zero_is_taken_nothing_is_said(body):
    with pytest.raises(Singular):
        derivative(body, [np.zeros(3)], [np.ones(3)])


@pytest.mark.parametrize("body", ["return jnp.linalg.norm(x)", "return jnp.sqrt(x * x)"])
def test_a_root_of_what_underflows_is_singular(body):
    with pytest.raises(Singular):
        derivative(body, [np.full(3, 1e-25)], [np.ones(3)])
    assert derivative(body, [np.full(3, 1e-15)], [np.full(3, 1e-15)]) is not None


def with_noise(body, inputs, dtype="float32"):
    aval = {"dtype": dtype}
    reference = ReferenceProgram(f"def kernel(x):\n    {body}\n", "kernel", [aval])
    reference.outputs(inputs)
    return [reference.with_noise(inputs, Noise(1, sign, dtype)) for sign in (1, -1)]


# In float32 each of these is the root of zero, or of the rounding of what cancels.
@pytest.mark.parametrize("body", [
    "return jnp.std(jnp.tanh(x + 12))",
    "return jnp.std(jax.nn.sigmoid(20 + x))",
    "return jnp.linalg.norm(jnp.tanh(x + 12) - 1 + 1e-12 * x)",
    "return jnp.sqrt(jnp.var(1 + 1e-9 * x))",
])  # fmt: skip
def test_a_root_that_rounding_decides_is_singular(body):
    with pytest.raises(Singular, match="rounding decides"):
        with_noise(body, [draws.uniform(0.1, 2.0, 16)])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("body", [
    "return jnp.std(x)",
    "return jnp.sqrt(x * x + 0.1)",
    "return jnp.linalg.norm(x) + jnp.std(jnp.tanh(x))",
    "return jnp.sqrt(x[:3]), lax.cond(x[0] > 0.05, lambda: jnp.sqrt(x), lambda: x)",
])  # fmt: skip
def test_other_roots_are_regular_with_noise(body, dtype):
    assert all(
        np.isfinite(out).all() for outs in with_noise(body, [X.ravel()], dtype) for out in outs
    )


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("function", "jump"), [
    ("jnp.floor(x)", 3.0), ("jnp.ceil(x)", 3.0), ("jnp.trunc(x)", -3.0), ("jnp.rint(x)", 2.5),
    ("x.round()", 2.5), ("jnp.round(x, 1)", 0.25), ("x.astype(jnp.int32)", 3.0), ("jnp.int32(x)", -3),
    ("lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)", 1.0 + 2.0**-8),
])  # fmt: skip
def test_an_operand_beside_a_jump_is_told(function, jump, side):
    away = side * 3 * 2.0**-24
    far = [1.21875, -7.3125, np.inf, np.nan]
    assert nearest_jump(function, [*far, jump * (1 + away)]) == pytest.approx(abs(away), rel=1e-6)
    # What lies on a jump is exact.
    assert nearest_jump(function, [*far[:2], jump, 0.0]) > 1e-3


def nearest_jump(expression, at):
    python = f"def kernel(x):\n    return {expression}\n"
    reference = ReferenceProgram(python, "kernel", [FLOAT])
    assert reference.nearest_jump == np.inf
    with np.errstate(invalid="ignore"):
        reference.outputs([np.array(at)])
    found = reference.nearest_jump
    reference.outputs([np.ones(1)])
    assert reference.nearest_jump == np.inf
    return found


def test_a_program_is_not_run_beside_a_jump():
    """Of 900 elements that are rounded to 8 bits one in some inputs is midway between two."""
    body = "return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)"
    aval = {"name": "x", "shape": (30, 30), "dtype": "float32", "low": 0.5, "high": 2.0}
    _, found = evaluate_reference(f"def kernel(x):\n    {body}\n", "kernel", [aval], (0,))
    for point in found:
        (x,) = point.inputs
        digits = np.ldexp(np.float64(x), -np.frexp(x)[1] + 8)
        assert np.abs(digits % 1 - 0.5).min() > 2.0**-20 * 128


def test_a_run_with_noise_records_nothing():
    """The derivative after it is that of the exact run, its branches too."""
    body = "return lax.cond(x > 1, lambda: jnp.sqrt(x), lambda: jnp.abs(x))"
    reference = ReferenceProgram(f"def kernel(x):\n    {body}\n", "kernel", [FLOAT])
    at = [np.float64(1.3)]
    outputs = reference.outputs(at)
    branches = reference.branches
    reference.with_noise([np.float64(0.3)], Noise(1, 1))
    assert reference.branches == branches
    along = [np.float64(1)]
    assert reference.derivative(at, outputs, along).value == pytest.approx(0.5 / np.sqrt(1.3))


@pytest.mark.parametrize(
    ("dtype", "steady"), [("float32", 0.05), ("bfloat16", 0.5), ("float16", 0.5)]
)
def test_noise_may_change_a_root_by_a_part_of_it(dtype, steady):
    """Just below that part the run goes on, just above it the root is refused."""

    def run(body, size):
        reference = ReferenceProgram(
            f"def kernel(x, size):\n    {body}\n", "kernel", [{"dtype": dtype}] * 2
        )
        inputs = [np.float64(1.37), np.float64(size)]
        reference.outputs(inputs)
        return float(reference.with_noise(inputs, Noise(2, 1, dtype))[0])

    # The sum is zero without noise, and as large as its errors with it.
    zero, little = "(x * 3.0 - x * 2.0 - x)", 1e-5
    moved = run(f"return {zero} + size", little) - little
    assert moved

    def size(share):
        """Of the number whose root the errors change by this share of what they may."""
        return moved / ((1 + np.copysign(share * steady, moved)) ** 2 - 1)

    assert np.isfinite(run(f"return jnp.sqrt({zero} + size)", size(0.9)))
    with pytest.raises(Singular):
        run(f"return jnp.sqrt({zero} + size)", size(1.1))


def test_a_16_bit_gradient_below_an_eighth_of_the_largest_is_no_point():
    aval = {"name": "x", "shape": (), "dtype": "float16", "low": -1.0, "high": 1.0}
    python = "def kernel(x):\n    return x\n"
    found = [
        ([], [], [], Derivative(slope, [np.array(slope)], 0.0, 1e-6))
        for slope in (8.0, 1.1, 0.9, -1.1, -0.9)
    ]
    for dtype, kept in (("float16", [8.0, 1.1, -1.1]), ("float32", [8.0, 1.1, 0.9, -1.1, -0.9])):
        reference = ReferenceProgram(python, "kernel", [{**aval, "dtype": dtype}])
        left = points._drop_small_differences(reference, found)
        assert [derivative.value for *_, derivative in left] == kept


def test_a_gradient_that_16_bit_constants_decide_is_no_point():
    """Near the minimum of gelu, whose derivative cancels there; in float32 it is one."""
    python = (
        "def kernel(x):\n    return jax.nn.softplus(jax.nn.gelu(lax.sin(x), approximate=False))\n"
    )
    ratios = {}
    for dtype in ("float16", "float32"):
        aval = {"name": "x", "shape": (), "dtype": dtype, "low": -1.0, "high": 1.0}
        _, found = evaluate_reference(python, "kernel", [aval], [0])
        ratios[dtype] = min(p.derivative.scale / p.largest.derivative for p in found)
    assert ratios["float32"] < 1 / 8 <= ratios["float16"]


@pytest.mark.parametrize("body", [
    "return jnp.floor(x)", "return jnp.abs(x)", "return jax.nn.relu(x) + jnp.round(x)", "return jnp.maximum(x, 1.0)",
    "return jnp.where(x > 1, 5 * x, x)", "return x * 0.5, x > 0",
])  # fmt: skip
def test_beside_a_jump_or_a_kink_there_is_one(body):
    at, along = [np.float64(1.2)], [np.float64(1)]
    assert derivative(body, at, along).value == pytest.approx(
        by_jax(body, at, along)[0], rel=1e-8, abs=1e-12
    )


@pytest.mark.parametrize(("body", "at"), [
    ("return jnp.exp(9 * x)", 1.3),
    ("return jnp.sin(300 * x)", 0.7),
    ("return jnp.tanh(200 * x)", 1e-3),
    ("return x ** 12", 1.7),
    ("return 1 / x", 0.01),
    ("return jnp.log(x)", 0.003),
    ("return jnp.sqrt(x)", 0.01),
    ("return jax.nn.sigmoid(100 * x)", -0.02),
    ("return jnp.sqrt(x * x + 1e-4)", 1e-3),
    ("return jax.nn.softplus(50 * x) / 50", 0.01),
    ("return jnp.tan(x)", 1.5),
])  # fmt: skip
def test_steep_and_curved_is_no_kink(body, at):
    at, along = [np.float64(at)], [np.float64(1)]
    assert derivative(body, at, along).value == pytest.approx(by_jax(body, at, along)[0], rel=1e-5)


@pytest.mark.parametrize(("library", "name", "told"), [
    (JAX, "pmap", "jax.pmap"), (JNP, "cond", "jax.numpy.cond"), (LAX, "where", "jax.lax.where"),
    (JNP.linalg, "eigvals", "jax.numpy.linalg.eigvals"), (JAX.scipy.stats.norm, "isf", "jax.scipy.stats.norm.isf"),
])  # fmt: skip
def test_an_unknown_name_is_told(library, name, told):
    with pytest.raises(UnknownName, match=f"^the NumPy reference has no {told}$"):
        getattr(library, name)


def test_a_name_of_another_module_is_unknown_when_it_is_called():
    kernel = source.load("def kernel(x):\n    return jnp.logistic(x)\n", "kernel")
    with pytest.raises(UnknownName, match=r"jax\.numpy\.logistic"):
        kernel(X)


REFUSED = {
    "import os\ndef kernel(x):\n    return x": "not one function",
    "def kernel(x):\n    import os\n    return x": "import os",
    "def kernel(x):\n    from os import system\n    return x": "from os import system",
    "def kernel(x):\n    return __import__('os')": "__import__",
    "def kernel(__x):\n    return __x": "__x",
    "def kernel(x):\n    return x.__class__": "x.__class__",
    "def kernel(x):\n    return ().__class__.__base__": "__base__",
    "def kernel(x):\n    return x.tofile('y')": "x.tofile",
    "def kernel(x):\n    return x.dump('y')": "x.dump",
    "def kernel(x):\n    return x.base": "x.base",
    "def kernel(x):\n    return jnp._names": "jnp._names",
    "def kernel(x):\n    return jnp.save('y', x)": "jnp.save",
    "def kernel(x):\n    return jnp.frobnicate(x)": "jnp.frobnicate",
    "def kernel(x):\n    return f'{x}'": "f'",
    "def kernel(x):\n    while True:\n        x = x + 1\n    return x": "while True",
    "def kernel(x):\n    with x:\n        return x": "with x",
    "def kernel(x):\n    try:\n        return x\n    except ValueError:\n        return 1": "try",
    "def kernel(x):\n    raise ValueError": "raise",
    "def kernel(x):\n    yield x": "yield x",
    "def kernel(x):\n    global y\n    return x": "global y",
    "def kernel(x):\n    def inner():\n        nonlocal x\n    return x": "nonlocal x",
    "def kernel(x):\n    class A:\n        pass\n    return x": "class A",
    "def kernel(x):\n    del x": "del x",
    "def kernel(x):\n    x[0] = 1.0\n    return x": "x[0]",
    "def kernel(x):\n    x[0] += 1.0\n    return x": "x[0]",
    "def kernel(x):\n    jnp.sin = jnp.cos\n    return jnp.sin(x)": "attribute: jnp.sin",
    "def kernel(x):\n    jnp.pi += 1.0\n    return x": "attribute: jnp.pi",
    "def kernel(x):\n    for x.real in (1, 2):\n        pass\n    return x": "attribute: x.real",
    "def kernel(x):\n    try:\n        pass\n    except* ValueError:\n        pass": "try",
    "def kernel(x):\n    return (y := x)": "y := x",
    "def kernel(x):\n    match x:\n        case _:\n            return x": "match x",
    "async def kernel(x):\n    return x": "not one function",
    "def kernel(x):\n    return x\ndef other(x):\n    return x": "not one function",
    "def kernel(x):\n    return x\nkernel(1)": "not one function",
    "kernel = lambda x: x": "not one function",
    "": "not one function",
    "def other(x):\n    return x": "defines other, its kernel_name is kernel",
    "def kernel(x:\n    return x": "doesn't parse",
    "def kernel(x):\n\treturn x\n        return x": "doesn't parse",
    "def kernel(x):\n    return '\0'": "doesn't parse",
}


@pytest.mark.parametrize("python", REFUSED)
def test_what_is_no_kernel_is_refused(python):
    with pytest.raises(ValueError) as caught:
        source.load(python, "kernel")
    assert REFUSED[python] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_augmented_assignment_changes_no_other_array():
    python = "def kernel(x):\n    y = x\n    y += 1.0\n    return x + y\n"
    given = np.ones(3)
    np.testing.assert_array_equal(source.load(python, "kernel")(array(given)), [3.0, 3.0, 3.0])
    np.testing.assert_array_equal(given, np.ones(3))


@pytest.mark.parametrize(
    "word", ["open", "eval", "exec", "getattr", "print", "type", "vars", "object", "input"]
)
def test_other_builtins_are_out_of_reach(word):
    kernel = source.load(f"def kernel(x):\n    return {word}\n", "kernel")
    with pytest.raises(NameError, match=word):
        kernel(X)
