"""The features of real programs of every category, and of programs with a fault planted."""

import jax
import pytest
from lowering_probes import PROBES, V8, Aval

from jax_ir_synth.lowering import lower, lower_source
from jax_ir_synth.lowering.op_counts import FEATURES, find_features
from jax_ir_synth.schema.ir_section import read_section


def _features(python, name, in_avals, argnums=(0,), platform="cpu"):
    lowered = lower_source(python, name, in_avals, argnums, (platform,))
    column = read_section(lowered.columns[platform])
    return find_features(column.forward, column.backward)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_expected_features(probe):
    found = _features(probe.python, probe.name, probe.in_avals, probe.argnums)
    assert found == set(probe.expected.split())


def test_every_feature_is_expected_somewhere():
    assert {word for probe in PROBES for word in probe.expected.split()} == FEATURES


@pytest.mark.parametrize("name", ["kernel_random_key", "kernel_cholesky", "kernel_nested_cond"])
def test_the_cuda_text_has_the_same_features(name):
    probe = next(probe for probe in PROBES if probe.name == name)
    found = _features(probe.python, probe.name, probe.in_avals, probe.argnums, "cuda")
    assert found == set(probe.expected.split())


@pytest.mark.parametrize(
    ("stray", "feature"),
    [
        ("jnp.where(x > 0, x, y)", "branch"),
        ("jnp.sum(x)", "reduction"),
        ("jnp.cumsum(x)", "iteration"),
        ("lax.map(jnp.sin, x)", "iteration"),
        ("jax.random.uniform(jax.random.PRNGKey(0), (8,))", "random"),
        ("jnp.linalg.inv(jnp.outer(x, y) + jnp.eye(8))[0]", "linalg"),
        ("jax.checkpoint(lambda v: jnp.sin(jnp.cos(v)))(x)", "checkpoint"),
    ],
)
def test_a_stray_operation_shows(stray, feature):
    plain = "def kernel_e(x, y):\n    return x * y"
    assert _features(plain, "kernel_e", (V8, V8)) == {"several_arrays"}
    assert feature in _features(f"{plain} + {stray}\n", "kernel_e", (V8, V8))


@pytest.mark.parametrize(
    ("expression", "nested"),
    [
        ("jnp.where(x > 0, w, y)", False),
        ("jnp.where(x > 0, w.reshape(2, 4).reshape(8), y)", False),
        ("jnp.where(x > 0, w + 1.0, y)", True),
        ("jnp.where(w > 0, x, y)", True),
        ("lax.cond(w[0] > 0, jnp.sin, jnp.cos, x)", True),
        ("w + jnp.where(x > 1, x, y)", False),
    ],
)
def test_nesting_is_by_operands(expression, nested):
    python = f"def kernel_n(x, y):\n    w = jnp.where(y > 0, y, x)\n    return {expression}\n"
    found = _features(python, "kernel_n", (V8, V8))
    assert "branch" in found and ("nested_branch" in found) is nested


@pytest.mark.parametrize(
    "expression",
    [
        "x[jnp.array([0, 9])]",
        "jnp.take(x, jnp.array([0, 9]))",
        "x.at[jnp.array([0, 2])].get(mode='fill')",
        "jnp.tril(jnp.outer(x, x))",
        "jnp.nan_to_num(x) + jnp.heaviside(x, 0.5)",
        "jax.nn.selu(x) + jax.nn.celu(x) + jax.nn.hard_tanh(x) + jax.nn.silu(x)",
        "jnp.logaddexp2(x, 2 * x)",
        "jnp.fmax(x, 1.0) + jnp.copysign(x, -1.0)",
    ],
)
def test_what_jnp_does_inside_is_no_branch(expression):
    found = _features(f"def kernel_l(x):\n    return {expression}\n", "kernel_l", (V8,))
    assert "branch" not in found and "iteration" not in found


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_guards_are_known_in_every_float(dtype):
    python = "def kernel_g(x):\n    return jax.nn.logsumexp(x) + x.at[9].get(mode='fill')\n"
    found = _features(python, "kernel_g", (Aval((8,), dtype),))
    assert found == {"reduction", "shrinks", "single_argument"}


def test_tokens_are_no_arguments():
    """A program with ordered effects takes and returns one."""

    def shown(x):
        jax.debug.print("{}", x, ordered=True)
        return x.sum()

    x = jax.ShapeDtypeStruct((8,), "float32")
    section = read_section(lower(shown, x, platforms=("cpu",))["cpu"])
    assert "!stablehlo.token" in section.forward
    features = find_features(section.forward, section.backward)
    assert features == {"single_argument", "shrinks", "reduction"}
