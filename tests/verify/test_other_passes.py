"""Rows with other passes than the forward and the backward one are proven, each pass for itself."""

import numpy as np
import pytest
from rowmaking import aval, row, scaled

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.reference.second_differences import differentiate_twice
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.passes import PASSES
from jax_ir_synth.schema.ir_section import read_section, write_sections
from jax_ir_synth.verify import NotProven, prove

OTHERS = ("vjp", "jvp", "hessian_vp", "vmap")
# Programs whose passes all differ, of several results and dtypes. Each curves in every argument.
PROGRAMS = {
    "one result": ("jnp.sin(x) * y", (aval("x", (3,)), aval("y"))),
    "a matrix": ("jnp.exp(x @ y) / 9.0", (aval("x", (2, 3)), aval("y", (3, 2)))),
    "two results": ("(x ** 3, jnp.sum(x * x) * y)", (aval("x", (4,)), aval("y"))),
    "an integer": ("x * x * n", (aval("x", (2,)), aval("n", (2,), "int32", 1, 5))),
    "an integer result": ("(jnp.argmax(x * x), jnp.cos(x))", (aval("x", (5,)),)),
    "bfloat16": ("jnp.sin(x) * x", (aval("x", (3,), "bfloat16"),)),
    "a loop": (
        "lax.fori_loop(0, 3, lambda k, z: z * jnp.sin(z) + 1.0, x)",
        (aval("x", (2,)),),
    ),
}


def _row(name: str, passes=PASSES) -> dict:
    text, avals = PROGRAMS[name]
    names = ", ".join(each.name for each in avals)
    return row(f"def kernel_f({names}):\n    return {text}\n", *avals, passes=passes)


def _with(original: dict, kind: str, module: str) -> dict:
    """The row with the module of a pass replaced."""
    changed = dict(original)
    for name in ("cpp", "cuda"):
        section = read_section(original[name])
        others = tuple(
            (heading, module if given == section.passes[kind] else given)
            for heading, given in section.others
        )
        changed[name] = write_sections(section._replace(others=others))
    return changed


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("executor", ["interpreter", "arrays"])
def test_all_passes_are_proven(name, executor):
    assert prove(_row(name), executor).startswith("interpreter")


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "bfloat16"])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_result_that_is_a_hundredth_off_is_refused(name, kind):
    sound = _row(name)
    faulty = scaled(read_section(sound["cpp"]).passes[kind], 1.01)
    assert faulty, "the pass has a float32 result"
    for _, module in faulty:
        with pytest.raises(NotProven, match=f"{kind}: its results are wrong"):
            prove(_with(sound, kind, module))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_pass_in_place_of_another_is_refused(kind):
    sound = _row("two results")
    section = read_section(sound["cpp"])
    for other, module in section.passes.items():
        if other != kind:
            with pytest.raises(NotProven, match=kind):
                prove(_with(sound, kind, module))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_pass_of_another_program_is_refused(kind):
    sound = _row("one result")
    twin = row("def kernel_f(x, y):\n    return jnp.cos(x) * y\n", *PROGRAMS["one result"][1],
               passes=PASSES)  # fmt: skip
    with pytest.raises(NotProven, match=f"{kind}: its results are wrong"):
        prove(_with(sound, kind, read_section(twin["cpp"]).passes[kind]))


@pytest.mark.parametrize("passes", [("forward",), ("forward", "vjp", "vmap")])
@pytest.mark.parametrize("name", PROGRAMS)
def test_rows_without_a_backward_pass_are_proven(name, passes):
    made = _row(name, passes)
    assert tuple(read_section(made["cuda"]).passes) == passes
    assert prove(made).startswith("interpreter")
    if name == "bfloat16":
        return
    for _, module in scaled(read_section(made["cpp"]).forward, 1.01):
        section = read_section(made["cpp"])._replace(forward=module)
        with pytest.raises(NotProven, match="cpp, forward: output"):
            prove({**made, "cpp": write_sections(section)})


def test_a_heading_without_a_module_is_no_pass():
    made = _row("one result", ("forward", "backward"))
    section = read_section(made["cpp"])._replace(backward="")
    with pytest.raises(NotProven, match="it has no backward|its cpp has no backward module"):
        prove({**made, "cpp": write_sections(section)})


def test_drawn_rows_of_each_category_are_proven():
    request = Request(seed=20261130, count=20, passes=PASSES, strict=True)
    for planned in plan_rows(request):
        made = make_row(request, planned)
        section = read_section(made["cpp"])
        assert tuple(section.passes) == PASSES
        assert made["verified"] != "none"


def test_the_default_passes_are_the_same_bytes_with_others_beside_them():
    few = Request(seed=3, count=10)
    many = Request(seed=3, count=10, passes=PASSES)
    for planned, again in zip(plan_rows(few), plan_rows(many), strict=True):
        short, long = make_row(few, planned), make_row(many, again)
        for name in ("cpp", "cuda"):
            section = read_section(long[name])
            assert write_sections(section._replace(others=())) == short[name]
        assert {**long, **dict.fromkeys(("cpp", "cuda", "verified"))} == {
            **short, **dict.fromkeys(("cpp", "cuda", "verified"))}  # fmt: skip


def test_second_differences_are_those_of_calculus():
    avals = [{"name": "x", "shape": [3], "dtype": "float32", "low": 0.5, "high": 2.0}]
    program = ReferenceProgram("def kernel_f(x):\n    return jnp.sin(x) * x\n", "kernel_f", avals)
    inputs = draw_inputs(avals, 1)
    outputs = program.outputs(inputs)
    one, other = np.array([0.5, -0.4, 0.3]), np.array([-0.6, 0.2, 0.7])
    found = differentiate_twice(program, inputs, outputs, ([one], [other]))
    x = inputs[0].astype(np.float64)
    parts = (2 * np.cos(x) - x * np.sin(x)) * one * other
    np.testing.assert_allclose(found.value, parts.sum(), rtol=1e-5)
    np.testing.assert_allclose(found.scale, np.abs(parts).sum(), rtol=1e-5)


def test_a_kink_has_no_second_difference():
    avals = [{"name": "x", "shape": [], "dtype": "float32", "low": -1.0, "high": 1.0}]
    program = ReferenceProgram("def kernel_f(x):\n    return jnp.abs(x)\n", "kernel_f", avals)
    inputs = [np.float32(1e-6)]
    move = [np.float64(1.0)]
    assert differentiate_twice(program, inputs, program.outputs(inputs), (move, move)) is None
