"""Families: each one's programs are sound, mean what their IR computes, and read as people write."""

import ast
import subprocess
import sys

import pytest

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import Rejected
from jax_ir_synth.kernels.style.draw import draw_family
from jax_ir_synth.kernels.style.family import FamilyError, list_all, list_families, read_array
from jax_ir_synth.kernels.validation.program import require_sound
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.masking import mask_module
from jax_ir_synth.schema.verification import RUN_BY
from jax_ir_synth.verify import prove

FAMILIES = list_all()
# So many programs are drawn of a family, and so many of them must be sound.
DRAWN, SOUND = 6, 2


def draw(family, candidate, dtype="float32"):
    return draw_family(family, Stream(17, family.name, candidate), dtype)


def make_row(source):
    lowered = lower_source(
        source.python, source.name, source.in_avals, source.argnums, ("cpu", "cuda")
    )
    return {
        "kernel_name": source.name,
        "python": source.python,
        "cpp": lowered.columns["cpu"],
        "cuda": lowered.columns["cuda"],
        "in_avals": [aval.described() for aval in source.in_avals],
        "argnums": list(source.argnums),
    }


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_programs_of_a_family_are_sound_and_proven(family):
    sound = []
    for candidate in range(DRAWN):
        source = draw(family, candidate)
        check_text(source)
        try:
            require_sound(source)
        except Rejected:
            continue
        sound.append(source)
    assert len(sound) >= SOUND
    row = make_row(sound[0])
    assert prove(row, "arrays") in RUN_BY
    structures = {mask_module(read_section(make_row(each)["cpp"]).forward) for each in sound}
    assert len(structures) > 1 or len(sound) < 4


def check_text(source):
    """What must hold for any text: it parses, and has no parameter or helper without a use."""
    tree = ast.parse(source.python)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert functions[-1].name == source.name
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for function in functions:
        read = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        parameters = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
        assert not set(parameters) - read, f"{parameters}\n{source.python}"
        assert function is functions[-1] or function.name in names, source.python
        documented = (ast.get_docstring(function) or "").partition("Args:")[2]
        for line in documented.split("\n"):
            if line.startswith("    ") and ": " in line and not line.startswith("     "):
                assert line.strip().partition(":")[0] in parameters, source.python
    given = functions[-1].args.args[: len(source.in_avals)]
    assert [each.arg for each in given] == [aval.name for aval in source.in_avals]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_a_program_is_a_function_of_its_stream(family):
    assert draw(family, 1) == draw(family, 1)


def test_no_program_reads_a_name_that_it_lacks(tmp_path):
    for family in FAMILIES:
        for number in range(4):
            python = draw(family, number).python
            if "import " not in python:
                python = f"import jax\nimport jax.numpy as jnp\nfrom jax import lax\n\n\n{python}"
            (tmp_path / f"{family.label}_{number}.py").write_text(python, encoding="utf-8")
    # Names that aren't there, are there twice, or are read too early.
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F811,F821,F823"]
    found = subprocess.run([*ruff, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[:2000]


def test_the_fitted_weights_are_of_families_that_there_are():
    names = {family.label for family in FAMILIES}
    listed = {category: list_families(category) for category in CATEGORIES}
    for category, weights in listed.items():
        assert len(weights) > 10 and min(weights.values()) > 0, category
        assert {family.label for family in weights} <= names


def test_there_is_no_family_twice():
    labels = [family.label for family in FAMILIES]
    assert len(set(labels)) == len(labels) > 500


@pytest.mark.parametrize(
    "text", ["n, d", "n d in 1..", "n d in 0..x", "n d int", "? n d bool in 0..1"]
)
def test_what_declares_no_array_is_refused(text):
    with pytest.raises(FamilyError, match="must be as"):
        read_array(text)
