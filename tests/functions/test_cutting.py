"""A cut stands alone, lowers to the function's own StableHLO, and is the same each time."""

import subprocess
import sys

import jax
import pytest
from constructs import CONSTRUCTS, HEAD, REFUSED

from jax_ir_synth.functions.cutting import NotSelfContained, cut
from jax_ir_synth.functions.cutting.public import _LOADED
from jax_ir_synth.lowering import lower
from jax_ir_synth.schema.identity import canonicalize_module
from jax_ir_synth.schema.ir_section import read_passes


def _lower(function, shapes):
    args = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    text = lower(function, *args, platforms=("cpu",), name="f")["cpu"]
    return [canonicalize_module(each) for each in read_passes(text)["stablehlo"].values()]


@pytest.mark.filterwarnings("ignore:old")
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_a_cut_stands_alone_and_means_the_same(load, name):
    construct = CONSTRUCTS[name]
    module = load(HEAD + construct.text)
    found = cut(module.f)
    assert cut(module.f) == found
    assert module.__name__ not in found.python
    space = {"__name__": "alone"}
    exec(compile(found.python, "alone", "exec"), space)
    wanted = _lower(module.f, construct.shapes)
    assert _lower(space[found.name], construct.shapes) == wanted
    for text in construct.has:
        assert text in found.python
    for text in construct.lacks:
        assert text not in found.python
    assert found.packages == (module.__name__,)
    assert found.python.rstrip().count("\n\n\n\n") == 0
    assert found.lines == sum(bool(line.strip()) for line in found.python.split("\n"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_cut_is_refused_in_one_line(load, name):
    text, reason = REFUSED[name]
    with pytest.raises(NotSelfContained, match=reason) as refused:
        cut(load(HEAD + text).f)
    message = str(refused.value)
    assert "\n" not in message and " at 0x" not in message and len(message) < 200


def test_a_function_of_another_module_comes_with_its_own_constants(load):
    other = load(HEAD + "K = 2.0\n\ndef g(x):\n    return x * K\n")
    module = load(
        HEAD + f"import {other.__name__} as other\nK = 3.0\n\n"
        "def f(x):\n    return other.g(x) * K * other.K\n"
    )
    found = cut(module.f)
    space = {}
    exec(found.python, space)
    assert _lower(space["f"], ((3,),)) == _lower(module.f, ((3,),))
    assert found.packages == tuple(sorted({other.__name__, module.__name__}))
    assert "K_2" in found.python


def test_a_function_without_a_text_is_refused():
    space = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(NotSelfContained, match="the text of f can't be found"):
        cut(space["f"])


def test_what_import_jax_loads_needs_no_import_of_its_own():
    names = sorted(name for name in _LOADED if name.startswith(("jax.", "numpy.")))
    done = subprocess.run(
        [sys.executable, "-c", f"import jax, numpy\n{'; '.join(names)}"],
        capture_output=True,
        text=True,
    )
    assert not done.stderr, done.stderr
