"""The shortcuts change no byte: what they give is what jax's public way gives."""

import re

import jax
import jax.numpy as jnp
import pytest
from functions import FUNCTIONS, WITH_EFFECTS, V
from jax.extend.core import Primitive
from jax.interpreters import mlir

from jax_ir_synth import kernels
from jax_ir_synth.lowering import fast, lower, lower_source, settings
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.dialects import DIALECTS

PLATFORMS = ("cpu", "cuda")


@pytest.fixture
def publicly(monkeypatch):
    """Calls a function without the shortcuts, and with nothing left of what was traced before."""

    def call(function, *args, **kwargs):
        jax.clear_caches()
        with monkeypatch.context() as patch:
            patch.setenv(fast.VARIABLE, "0")
            return function(*args, **kwargs)

    return call


def _lower_or_fail(function, args, platforms=PLATFORMS):
    """The columns, or the error."""
    try:
        return lower(function, *args, platforms=platforms, name="f")
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_from_elsewhere(name, publicly):
    function, args = FUNCTIONS[name]
    expected = publicly(_lower_or_fail, function, args)
    assert isinstance(expected, dict), expected
    jax.clear_caches()
    assert _lower_or_fail(function, args) == expected
    # Once more, with all that the shortcuts have kept.
    assert _lower_or_fail(function, args) == expected


@pytest.mark.parametrize("name", WITH_EFFECTS)
def test_functions_with_effects(name, publicly):
    function, args = WITH_EFFECTS[name]
    # The text has the address of a Python object.
    expected = publicly(_lower_or_fail, function, args, ("cpu",))
    assert isinstance(expected, dict), expected
    assert _hide(_lower_or_fail(function, args, ("cpu",))) == _hide(expected)


def _hide(columns):
    return {name: re.sub(r"\d{6,}", "0", text) for name, text in columns.items()}


def _lower(source):
    return lower_source(source.python, source.name, source.in_avals, source.argnums, PLATFORMS)


@pytest.mark.parametrize("category", CATEGORIES)
def test_drawn_programs(category, publicly):
    sources = [kernels.write(kernels.draw(category, 29, candidate)) for candidate in range(6)]
    kept = [_lower(source) for source in sources]
    assert [_lower(source) for source in reversed(sources)][::-1] == kept
    assert [publicly(_lower, source) for source in sources] == kept


@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if dialect != "asm"])
def test_every_dialect(dialect, publicly):
    """Those from HLO on have names that come from locations."""
    source = kernels.write(kernels.draw("multi_statement", 29, 0))

    def write():
        args = source.python, source.name, source.in_avals, source.argnums
        return lower_source(*args, ("cpu",), dialect)

    column = write()
    assert publicly(write) == column
    assert ("metadata={op_name=" in column.columns["cpu"]) == (dialect in ("hlo", "optimized_hlo"))


@jax.jit
def _halved(x):
    return x / 2


def test_functions_that_two_lowerings_call_are_merged(monkeypatch):
    """Though one was kept while jax had other caches, and so another jaxpr of the function."""

    def make(name, function):
        primitive = Primitive(name)
        primitive.def_abstract_eval(lambda x: x)
        mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
        return lambda x: primitive.bind(jax.lax.stop_gradient(x))

    first, second = make("first", _halved), make("second", lambda x: _halved(x) + 1)
    monkeypatch.setattr(settings, "_LOWERINGS_PER_EPOCH", 1)
    lower(lambda x: x * first(x), V)
    column = lower(lambda x: x * first(x) * second(x), V)["cpu"]
    assert "@_halved(" in column and "@_halved_0(" not in column


ERRORS = {
    "a branch on a value": lambda x: x if x.sum() > 0 else -x,
    "a shape that doesn't fit": lambda x: x + jnp.ones(3),
    "no such dtype": lambda x: x.astype("float33"),
    "its own": lambda x: {}["nothing"],
    "not differentiable": lambda x: jax.lax.while_loop(lambda c: c.sum() < 3, lambda c: c * 2.0, x),
    "an integer's power": lambda x: jnp.arange(3) ** -jnp.arange(3) * x[:3] + [].append,
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_the_same(name, publicly):
    expected = publicly(_lower_or_fail, ERRORS[name], (V,))
    assert isinstance(expected, tuple)
    assert _lower_or_fail(ERRORS[name], (V,)) == expected
