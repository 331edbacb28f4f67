"""A row of a function of one's own: proven, unproven with a reason, forward alone, trees, ranges."""

import functools
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jax_ir_synth
from jax_ir_synth.errors import UsageError
from jax_ir_synth.functions.cutting import NotSelfContained
from jax_ir_synth.functions.provenance import find_origin
from jax_ir_synth.functions.row import Origin
from jax_ir_synth.lowering import lower
from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.verification import RUN_BY, UNPROVEN
from jax_ir_synth.stats.audit import audit
from jax_ir_synth.verify import prove

SCALE = 0.5


class Moments(NamedTuple):
    mean: jax.Array
    count: jax.Array


def _squash(x):
    return jnp.tanh(x) * SCALE


def gated(x, weights):
    """Gates its input."""
    return _squash(x @ weights) * jax.nn.sigmoid(x)


def counts(n):
    return jnp.cumsum(n * 2)


def halve(x):
    return lax.while_loop(lambda c: jnp.max(c) > 0.25, lambda c: c * 0.5, x)


def step(params, grads, lr=0.1, *, decay):
    return jax.tree.map(lambda p, g: p * decay - lr * g, params, grads)


def update(state, x):
    count = state.count + 1
    return Moments(state.mean + (x - state.mean) / count, count)


def root(x):
    return jnp.sqrt(x - 0.1)


def noise(key, x):
    return x + jax.random.normal(key, x.shape)


class Layer:
    """A layer whose class can't be cut, since its base is of another kind."""

    def __init__(self, weights, inner=None):
        self.weights, self.inner, self.log = weights, inner, open

    def __init_subclass__(cls):
        super().__init_subclass__()

    @property
    def doubled(self):
        return self.weights * 2

    def _apply(self, x):
        # Of the inner layer first.
        return x if self.inner is None else self.inner(x)

    def __call__(self, x):
        return self._apply(x) @ self.doubled

    def norm(self, x, power=2):
        return jnp.sum(self(x) ** power)


def struct(*shape, dtype="float32"):
    return jax.ShapeDtypeStruct(shape, dtype)


def _check(row):
    assert list(row) == [*SCHEMA.names, *Origin._fields]
    json.dumps(row, allow_nan=False)
    assert audit([row]) == []
    return row


def test_a_row_is_proven_and_has_the_functions_own_ir():
    row = _check(jax_ir_synth.row(gated, struct(4, 3), struct(3, 3)))
    assert row["type"] == "own" and row["kernel_name"] == "gated"
    assert row["verified"] in RUN_BY
    assert prove(row) in RUN_BY
    assert [aval["name"] for aval in row["in_avals"]] == ["x", "weights"]
    assert row["argnums"] == [0, 1]
    assert "SCALE = 0.5" in row["python"] and '"""Gates its input."""' in row["python"]
    texts = lower(gated, struct(4, 3), struct(3, 3))
    assert (row["cpp"], row["cuda"]) == (texts["cpu"], texts["cuda"])


def test_a_row_is_a_pure_function():
    made = [jax_ir_synth.row(gated, struct(4, 3), struct(3, 3)) for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("fn", "shape", "dtype", "told"),
    [(counts, (5,), "int32", 0), (halve, (4,), "float32", 1)],
)
def test_a_function_without_a_gradient_is_forward_alone(caplog, fn, shape, dtype, told):
    row = _check(jax_ir_synth.row(fn, struct(*shape, dtype=dtype)))
    assert row["argnums"] == []
    assert read_section(row["cpp"]).backward == "" and "## Backward" not in row["cuda"]
    assert row["verified"] in RUN_BY
    assert len(caplog.messages) == told
    assert all(each.startswith("halve has no gradient, its row") for each in caplog.messages)
    assert not any("\n" in each for each in caplog.messages)


def test_a_row_can_be_refused_for_its_length():
    made = jax_ir_synth.row(gated, struct(4, 3), struct(3, 3), prove=False)
    length = sum(len(made[name]) for name in ("python", "cpp", "cuda"))
    options = {"prove": False, "max_bytes": length}
    assert jax_ir_synth.row(gated, struct(4, 3), struct(3, 3), **options) == made
    options["max_bytes"] -= 1
    with pytest.raises(ValueError, match=f"have {length:,} bytes, more than {length - 1:,}"):
        jax_ir_synth.row(gated, struct(4, 3), struct(3, 3), **options)


def test_the_gradient_can_be_left_out():
    row = _check(jax_ir_synth.row(gated, struct(4, 3), struct(3, 3), gradient=False, prove=False))
    assert row["argnums"] == [] and row["verified"] == "none"


def test_trees_and_values_that_stay_are_rebuilt_in_a_wrapper():
    params = {"w": struct(3), "b": struct()}
    row = _check(jax_ir_synth.row(step, params, params, kwargs={"decay": 0.9}))
    assert row["kernel_name"] == "kernel_step"
    assert [aval["name"] for aval in row["in_avals"]] == [
        "params_b", "params_w", "grads_b", "grads_w"
    ]  # fmt: skip
    assert row["python"].endswith(
        "def kernel_step(params_b, params_w, grads_b, grads_w):\n"
        '    return step({"b": params_b, "w": params_w}, {"b": grads_b, "w": grads_w}, decay=0.9)\n'
    )
    assert row["verified"] in RUN_BY


def test_a_named_tuple_is_rebuilt():
    row = _check(jax_ir_synth.row(update, Moments(struct(3), struct()), struct(3), ranges=(1, 2)))
    assert "Moments(mean=state_mean, count=state_count)" in row["python"]
    assert row["verified"] in RUN_BY


def test_partial_and_lambda_have_a_wrapper():
    row = _check(jax_ir_synth.row(functools.partial(step, decay=0.5), struct(2), struct(2)))
    assert row["kernel_name"] == "kernel_step" and "decay=0.5" in row["python"]
    row = _check(jax_ir_synth.row(lambda x: x * 2, struct(2)))
    assert row["kernel_name"] == "kernel_function"
    row = _check(jax_ir_synth.row(lambda x: x * 3, struct(2), name="triple"))
    assert row["kernel_name"] == "kernel_triple"


def test_a_method_has_a_stand_in_of_its_object():
    inner = Layer(np.ones((3, 3), np.float32))
    layer = Layer(jnp.eye(3) / 2, inner)
    row = _check(jax_ir_synth.row(layer, struct(3)))
    assert row["kernel_name"] == "kernel_Layer"
    assert [aval["name"] for aval in row["in_avals"]] == ["weights", "x"]
    assert "# Of the inner layer first." in row["python"] and "open" not in row["python"]
    assert "norm" not in row["python"]
    row = _check(jax_ir_synth.row(layer.norm, struct(3), kwargs={"power": 4}, prove=False))
    assert row["kernel_name"] == "kernel_Layer_norm" and "power=4" in row["python"]


def test_a_key_is_given_by_its_data():
    row = _check(jax_ir_synth.row(noise, jax.random.key(0), struct(3), prove=False))
    assert row["in_avals"][0]["dtype"] == "uint32" and row["in_avals"][0]["shape"] == [2]
    assert "jax.random.wrap_key_data(key)" in row["python"]


def test_ranges_are_given_or_those_of_examples_or_tried_in_turn():
    def ranges(*args, **options):
        row = jax_ir_synth.row(*args, **options)
        return [(aval["low"], aval["high"]) for aval in row["in_avals"]], row["verified"]

    assert ranges(gated, struct(4, 3), struct(3, 3))[0] == [(-1, 1), (-1, 1)]
    found, verified = ranges(root, struct(3))
    assert found == [(0.2, 0.9)] and verified in RUN_BY
    assert ranges(root, struct(3), ranges=(2, 3))[0] == [(2, 3)]
    given = {"weights": (0, 0.5)}
    assert ranges(gated, struct(4, 3), struct(3, 3), ranges=given)[0] == [(-1, 1), (0, 0.5)]
    example = np.array([0.25, 0.75, 0.5], np.float32)
    assert ranges(root, example)[0] == [(0.25, 0.75)]
    assert ranges(counts, jnp.array([2, 7, 3]))[0] == [(2, 7)]


def test_a_row_that_is_not_proven_says_why():
    row = _check(jax_ir_synth.row(root, struct(3), ranges=(-2, -1)))
    assert row["verified"].startswith(UNPROVEN)
    assert len(row["verified"]) > len(UNPROVEN) and "\n" not in row["verified"]


def test_an_origin_adds_columns():
    origin = Origin("thing", "1.2", "thing.losses", "gated", "MIT", "thing/losses.py:3-5")
    row = jax_ir_synth.row(
        gated, struct(2, 3), struct(3, 3), origin=origin, type="real", prove=False
    )
    assert list(row) == [*SCHEMA.names, *Origin._fields]
    assert row["license"] == "MIT" and row["type"] == "real"
    assert audit([row]) == []


def test_one_platform_leaves_the_other_column_null():
    row = _check(jax_ir_synth.row(gated, struct(2, 3), struct(3, 3), platforms=("cuda",)))
    assert row["cpp"] is None and row["cuda"]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: jax_ir_synth.row(3, struct(2)), "must be callable"),
        (lambda: jax_ir_synth.row(gated, 2.0, 3.0), "must hold an array"),
        (lambda: jax_ir_synth.row(root, struct(2, dtype="complex64")), "dtype complex64"),
        (lambda: jax_ir_synth.row(root, struct(2), ranges=(2, 1)), "low <= high"),
        (lambda: jax_ir_synth.row(root, struct(2), ranges={"y": (0, 1)}), "the arguments are x"),
        (lambda: jax_ir_synth.row(root, struct(2), platforms=("tpu",)), "platforms"),
        (lambda: jax_ir_synth.row(root, struct(2), type="loop"), "own, real"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(call, reason):
    with pytest.raises(UsageError, match=reason) as told:
        call()
    assert "\n" not in str(told.value)


def test_a_cut_that_means_something_else_is_refused(load):
    # The module's text says what the array was at first.
    module = load("import numpy as np\nW = np.zeros(3)\nW.fill(5)\n\ndef f(x):\n    return x * W\n")
    with pytest.raises(NotSelfContained, match="other StableHLO"):
        jax_ir_synth.row(module.f, struct(3))


def test_the_callers_settings_do_not_matter(load):
    module = load("import jax.numpy as jnp\nW = jnp.ones(3) / 3\n\ndef f(x):\n    return x * W\n")
    wanted = jax_ir_synth.row(module.f, np.full(3, 0.5, np.float32), prove=False)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        assert jax_ir_synth.row(module.f, np.full(3, 0.5), prove=False) == wanted


# As an import of this module finds it.
_FILE = f"{__name__.replace('.', '/')}.py"


class Scaled:
    """A callable object with a method."""

    def __call__(self, x):
        return x * 2.0

    def method(self, x):
        return x * 3.0


@pytest.mark.parametrize(
    ("function", "module", "qualname", "file"),
    [
        (gated, __name__, "gated", _FILE),
        (Scaled(), __name__, "Scaled.__call__", _FILE),
        (Scaled().method, __name__, "Scaled.method", _FILE),
        (jax.jit(gated), __name__, "gated", _FILE),
        (jax.nn.relu, "jax._src.nn.functions", "relu", "jax/_src/nn/functions.py"),
    ],
    ids=["function", "object", "method", "jitted", "of jax"],
)
def test_where_a_function_comes_from(function, module, qualname, file):
    found = find_origin(function)
    assert (found.module, found.qualname) == (module, qualname)
    place, _, lines = found.source.partition(":")
    first, last = map(int, lines.split("-"))
    assert place == file and 0 < first <= last
    assert found.package == ("jax" if module.startswith("jax.") else "")
    assert bool(found.version) == bool(found.package)


def test_what_has_no_text_has_no_place():
    assert find_origin(len)._replace(package="", version="") == Origin(
        module="builtins", qualname="len"
    )
    space = {}
    exec("def made(x):\n    return x\n", space)
    assert find_origin(space["made"]).source == ""


def test_a_row_says_where_its_function_comes_from():
    made = jax_ir_synth.row(gated, struct(2, 3), struct(3, 3), prove=False)
    assert {name: made[name] for name in Origin._fields} == find_origin(gated)._asdict()
    assert made["source"].startswith(f"{_FILE}:")
