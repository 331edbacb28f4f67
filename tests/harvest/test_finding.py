"""Which modules and functions of a package are found, and how they are called."""

import importlib.util
import json
import sys

import jax.numpy as jnp
import pytest

from jax_ir_synth.harvest.arguments import read_call
from jax_ir_synth.harvest.denied import is_denied_function, is_denied_module
from jax_ir_synth.harvest.finding import find_functions, list_modules
from jax_ir_synth.harvest.guessing import guess_calls
from jax_ir_synth.harvest.recording import find_examples, record, run_example
from jax_ir_synth.harvest.tracing import NotTraced, check_traces


@pytest.fixture
def functions(toy, monkeypatch):
    """The module with the functions, imported here."""
    monkeypatch.syspath_prepend(str(toy))
    module = importlib.import_module("toyjax.functions")
    yield module
    for name in [name for name in sys.modules if name.partition(".")[0] == "toyjax"]:
        del sys.modules[name]


def test_modules_are_listed_without_tests(toy):
    names = ["toyjax", "toyjax.broken", "toyjax.functions", "toyjax.models"]
    assert list_modules(toy / "toyjax", "toyjax") == names
    assert list_modules(toy, "") == names


@pytest.mark.parametrize(
    "name, denied",
    [
        ("softmax", False),
        ("save_array", True),
        ("_plot", True),
        ("test_loss", True),
        ("latest_value", False),
        ("log_prob", False),
        ("loading_matrix", False),
        ("__call__", False),
        ("__init__", True),
    ],
)
def test_functions_that_do_something_else_are_denied(name, denied):
    assert is_denied_function(name) is denied


def test_modules_of_tests_and_plots_are_denied():
    assert all(map(is_denied_module, ("tests", "losses_test", "plotting", "conftest", "setup")))
    assert not any(map(is_denied_module, ("losses", "_src", "contest", "transforms")))


def test_functions_are_found_in_the_order_of_their_lines(functions):
    names = [found.qualname for found in find_functions(functions)]
    assert names == [
        "sum_tanh",
        "affine",
        "log_ratio",
        "twin_of_log_ratio",
        "outer_like",
        "make_power",
        "make_power.<locals>.power",
        "only_texts",
    ]


def test_calls_are_recorded_while_a_doctest_runs(functions):
    found = {each.qualname: each for each in find_functions(functions)}
    (test,) = find_examples(functions)
    recorder = record(found, lambda: run_example(test))
    assert recorder.calls == {
        "sum_tanh": [{"args": [{"array": "float32[2,3]", "low": -1.0, "high": 1.0}, 1]}]
    }


def test_a_recorded_call_of_an_inner_function_holds_the_function(functions):
    found = {each.qualname: each for each in find_functions(functions)}
    recorder = record(found, lambda: functions.make_power(3)(jnp.ones(2)))
    (call,) = recorder.calls["make_power.<locals>.power"]
    read = read_call(json.loads(json.dumps(call)))
    assert read.function(2) == 8


def test_what_was_recorded_before_an_error_stays(functions):
    found = {each.qualname: each for each in find_functions(functions)}

    def run():
        functions.log_ratio(jnp.ones(2), jnp.ones(2))
        raise SystemExit(1)

    recorder = record(found, run)
    assert set(recorder.calls) == {"log_ratio"} and "SystemExit" in recorder.unwritable[""]
    assert sys.getprofile() is None


def test_annotations_of_shapes_are_followed(functions):
    first = next(guess_calls(functions.outer_like))
    assert first == {"args": [{"array": "float32[5,3]"}, {"array": "float32[5]"}]}


def rank_one(v_tm1, r_t, discount_t, key):
    assert v_tm1.ndim == 1 and r_t.ndim == 0 and discount_t.ndim == 0
    return v_tm1 * r_t + discount_t


def keyword_only(logits, *, axis, eps: float, mask):
    return jnp.where(mask, logits, eps).sum(axis)


def tree_step(params, grads, learning_rate):
    return {name: params[name] - learning_rate * grads[name] for name in params}


def apply(fn, x, num_steps: int):
    for _ in range(num_steps):
        x = fn(x)
    return x


def pick(table, indices):
    return table[indices]


@pytest.mark.parametrize("function", [rank_one, keyword_only, tree_step, apply, pick])
def test_arguments_are_guessed_by_name(function):
    for call in guess_calls(function):
        try:
            return check_traces(function, read_call(call))
        except NotTraced:
            continue
    pytest.fail("no guess could be traced")


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda x: None, "returns no array"),
        (lambda x: x, "computes nothing"),
        (lambda x: jnp.zeros(3) + 1, "none of its arrays"),
        (lambda x: x.nothing, "AttributeError"),
    ],
)
def test_what_computes_nothing_is_no_call(function, reason):
    with pytest.raises(NotTraced, match=reason):
        check_traces(function, read_call({"args": [{"array": "float32[3]"}]}))
