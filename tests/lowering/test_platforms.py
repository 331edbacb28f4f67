"""Re-using the CPU's text for CUDA: only where lowering separately gives the same bytes."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from lowering_probes import PROBES

from jax_ir_synth.lowering import lower, lower_source, platforms
from jax_ir_synth.lowering.platforms import UNIFORM, same_on_every_platform

X = jax.ShapeDtypeStruct((8,), "float32")
N = jax.ShapeDtypeStruct((8,), "int32")
DIFFERENT = {"kernel_cholesky", "kernel_solve", "kernel_inv", "kernel_random", "kernel_random_key"}


def _invert(x):
    return jnp.fft.irfft2(lax.complex(x, x).reshape(2, 4)).sum()


def _window(operator, start):
    return lambda x: lax.reduce_window(x, start, operator, (2,), (1,), "VALID")


@jax.custom_vjp
def _scaled(x):
    return x * 2


_scaled.defvjp(lambda x: (x * 2, None), lambda _, ct: (ct * 3,))

# What the probes' programs don't reach of UNIFORM, on one float and one integer vector.
EXTRA = {
    "unary": lambda x, n: [
        f(x) for f in (lax.acos, lax.acosh, lax.asin, lax.asinh, lax.atan, lax.atanh, lax.ceil,
                       lax.cosh, lax.sinh, lax.tan, lax.erf, lax.erfc, lax.exp2, lax.floor,
                       lax.lgamma, lax.digamma, lax.logistic, lax.rsqrt, lax.bessel_i0e,
                       lax.bessel_i1e, _scaled)
    ],
    "binary": lambda x, n: [
        lax.atan2(x, x), lax.pow(x, x), lax.igamma(x, x), lax.igammac(x, x),
        lax.polygamma(lax.full_like(x, 1.0), x), lax.betainc(*lax.stop_gradient((x, x)), x),
    ],
    "without a derivative": lambda x, n: [
        x, lax.nextafter(lax.stop_gradient(x), lax.full_like(x, 1.0)),
        lax.zeta(*lax.stop_gradient((x, x))),
    ],
    "complex": lambda x, n: jnp.real(jnp.conj(lax.complex(x, x))) + jnp.imag(lax.complex(x, x)),
    "bits": lambda x, n: [x, lax.clz(n), ~n, lax.population_count(n), n >> 1, n <= 3],
    "reduce": lambda x, n: [
        jnp.prod(x), jnp.min(x), jnp.all(x > 0), jnp.any(x > 0),
        lax.reduce(n, 0, lax.bitwise_xor, (0,)),
        lax.reduce(x, 0.0, lambda a, b: a + b * 2, (0,)),
    ],
    "windows": lambda x, n: [
        _window(lax.min, jnp.inf)(x), _window(lax.add, 0.0)(x),
        _window(lambda a, b: a + 2 * b, 0)(n),
    ],
    "scatters": lambda x, n: [
        x.at[n].max(1.0), x.at[n].min(1.0), x.at[jnp.arange(2)].multiply(2.0, unique_indices=True)
    ],
    "with rules for a platform": lambda x, n: [
        jnp.cumsum(x), lax.cumsum(x, reverse=True), jnp.abs(jnp.fft.fft(x)),
        jnp.fft.irfft(jnp.fft.rfft(x)), jnp.convolve(x, x), x.at[n].add(1.0),
    ],
    "others": lambda x, n: [
        lax.reduce_precision(x, 5, 4), lax.optimization_barrier(x), lax.top_k(x, 3)[0],
        jnp.tile(x, 2), *jnp.unstack(x.reshape(2, 4)),
    ],
}  # fmt: skip


def _primitives(jaxpr) -> set[str]:
    names = set()
    for inner in platforms._inner_jaxprs(jaxpr):
        for eqn in inner.eqns:
            names |= {eqn.primitive.name} | _primitives(tuple(eqn.params.values()))
    return names


def _of_both_passes(fn, args, argnums) -> set[str]:
    def loss(*args):
        leaves = jax.tree.leaves(fn(*args))
        return sum(jnp.sum(out) for out in leaves if jnp.issubdtype(out.dtype, jnp.floating))

    gradient = jax.grad(loss, argnums=argnums)
    return _primitives((jax.make_jaxpr(fn)(*args), jax.make_jaxpr(gradient)(*args)))


@pytest.fixture
def separately(monkeypatch):
    """Lowers for every platform by itself, as where jax's tables are not found."""
    monkeypatch.setattr(platforms, "_rule_tables", lambda: None)


@pytest.fixture(scope="module")
def reused():
    columns = {}
    for probe in PROBES:
        both = lower_source(
            probe.python, probe.name, probe.in_avals, probe.argnums, ("cpu", "cuda")
        )
        columns[probe.name] = both.columns
    return columns


def test_reuse_gives_the_bytes_of_lowering_separately(reused, separately):
    for probe in PROBES:
        alone = lower_source(
            probe.python, probe.name, probe.in_avals, probe.argnums, ("cpu", "cuda")
        )
        assert alone.columns == reused[probe.name], probe.name


def test_which_probes_differ(reused):
    different = {
        name
        for name, text in reused.items()
        if text["cpu"].replace("backend=cpu", "backend=gpu", 1) != text["cuda"]
    }
    assert different == DIFFERENT


@pytest.mark.parametrize("name", EXTRA)
def test_other_uniform_primitives_give_the_same_bytes(name, monkeypatch):
    once = lower(EXTRA[name], X, N, name="extra")
    assert same_on_every_platform(jax.make_jaxpr(EXTRA[name])(X, N))
    monkeypatch.setattr(platforms, "_rule_tables", lambda: None)
    assert lower(EXTRA[name], X, N, name="extra") == once


def test_a_cumsum_is_lowered_for_each_platform_where_jax_does_not_say_that_it_is_the_same(
    monkeypatch,
):
    jaxpr = jax.make_jaxpr(jnp.cumsum)(X)
    assert same_on_every_platform(jaxpr)
    monkeypatch.setattr(platforms, "_find_special_cumsum", lambda: lambda aval, **params: True)
    assert not same_on_every_platform(jaxpr)
    monkeypatch.setattr(platforms, "_find_special_cumsum", lambda: None)
    assert not same_on_every_platform(jaxpr)


def test_every_uniform_primitive_is_in_a_tested_program():
    reached = set()
    for fn in EXTRA.values():
        reached |= _of_both_passes(fn, (X, N), (0,))
    for probe in PROBES:
        namespace = {"jax": jax, "jnp": jnp, "lax": lax}
        exec(probe.python, namespace)
        args = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in probe.in_avals]
        reached |= _of_both_passes(namespace[probe.name], args, probe.argnums)
    assert UNIFORM - reached == set()


def test_no_uniform_primitive_has_a_rule_for_a_platform():
    tables = platforms._rule_tables()
    assert tables is not None, "jax moved its table of lowering rules"
    special = {p.name for platform in ("cpu", "cuda") for p in tables[platform]}
    assert {"cholesky", "threefry2x32", "lu"} <= special
    assert UNIFORM & special == set()


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: jnp.linalg.inv(jnp.outer(x, x)),
        lambda x: lax.scan(lambda c, v: (c, jax.random.normal(jax.random.key(0))), 0, x)[1],
        lambda x: lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos),
        lambda x: jax.jit(lambda v: lax.cond(v[0] > 0, _invert, jnp.sum, v))(x),
        lambda x: lax.dot(x, x, precision=lax.DotAlgorithmPreset.F32_F32_F32),
        lambda x: jnp.abs(jnp.convolve(lax.complex(x, x), lax.complex(x, x))),
        lambda x: lax.complex(x, x).at[0].add(1.0).real,
    ],
    ids=[
        *("inv", "random in scan", "platform_dependent", "irfft2 in cond", "dot algorithm"),
        *("complex convolution", "complex scatter"),
    ],
)
def test_what_may_differ_is_never_reused(fn):
    assert not same_on_every_platform(jax.make_jaxpr(fn)(X))


def test_platform_dependent_code_is_lowered_for_each(reused):
    def fn(x):
        return lax.platform_dependent(x, cpu=jnp.sin, cuda=jnp.cos)

    text = lower(fn, X)
    assert "stablehlo.sine" in text["cpu"].split("## Backward")[0]
    assert "stablehlo.cosine" in text["cuda"].split("## Backward")[0]
