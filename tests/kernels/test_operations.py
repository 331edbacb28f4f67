"""Every operation's record, held against what JAX makes of its examples."""

import ast
import dataclasses
import functools
import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.builder.values import FLOATS, InAval
from jax_ir_synth.kernels.ops import CONSTRUCTS, OPS, RECORDS, drawn_by, index_by_name
from jax_ir_synth.kernels.ops.base import LISTS
from jax_ir_synth.kernels.ops.examples import array
from jax_ir_synth.kernels.printer import names
from jax_ir_synth.kernels.printer.calls import all_calls, argument_array
from jax_ir_synth.kernels.printer.constructs import CONSTRUCTS as WRITERS
from jax_ir_synth.kernels.productions import cumulative
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.categories import CATEGORIES

KERNELS = Path(kernels.__file__).parent
CALLS = list(all_calls())
# Compiled in a sixth of the time; the numbers are the same.
QUICK = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
# Ranges that say what a drawer knows of an operand, which an example's operand isn't: the caller
# gives them, and a logarithm of negative numbers is left out by a choice.
CLAIMED = {"log_or_nan", "masked_softmax"}


def _floats(call) -> list[str]:
    return [name for name, operand in call.arguments.items() if operand.dtype == "float32"]


DIFFERENTIABLE = [call for call in CALLS if call.value.dtype in FLOATS and _floats(call)]


def evaluate(text, arrays):
    return eval(text, {"jax": jax, "jnp": jnp, "lax": lax, **arrays})


def _arrays(calls) -> dict[str, np.ndarray]:
    return {
        name: argument_array(name, operand)
        for call in calls
        for name, operand in call.arguments.items()
    }


# One operation at a time: a test of one operation compiles that alone.
@functools.cache
def results(name: str) -> dict[str, np.ndarray]:
    """What JAX makes of each call of an operation."""
    calls = [call for call in CALLS if call.op.name == name]
    texts = [call.text for call in calls]
    run = jax.jit(lambda arrays: [evaluate(t, arrays) for t in texts], compiler_options=QUICK)
    return dict(zip(texts, map(np.asarray, run(_arrays(calls))), strict=True))


@functools.cache
def gradients(name: str) -> dict[str, list[np.ndarray]]:
    """Of each call of an operation that gives floats, the gradients of its sum by its floats."""
    calls = [call for call in DIFFERENTIABLE if call.op.name == name]

    def of(call, arrays):
        own = {name: arrays[name] for name in _floats(call)}
        return jax.grad(lambda own: evaluate(call.text, arrays | own).sum())(own)

    run = jax.jit(lambda arrays: [of(call, arrays) for call in calls], compiler_options=QUICK)
    return {
        call.text: [np.asarray(x) for x in own.values()]
        for call, own in zip(calls, run(_arrays(calls)), strict=True)
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.text)
def test_a_result_has_the_shape_dtype_and_range_that_the_record_says(call):
    result, value = results(call.op.name)[call.text], call.value
    assert (result.shape, str(result.dtype)) == (value.shape, value.dtype)
    if call.op.name in CLAIMED:
        return
    slack = 1e-5 * max(1.0, value.bound)
    assert result.min() >= value.low - slack
    assert result.max() <= value.high + slack


@pytest.mark.parametrize("call", DIFFERENTIABLE, ids=lambda call: call.text)
def test_a_derivative_is_as_the_record_says(call):
    found = gradients(call.op.name)[call.text]
    assert call.op.name in CLAIMED or all(np.isfinite(gradient).all() for gradient in found)
    if not call.op.smooth:
        assert not any(gradient.any() for gradient in found)
    elif not call.op.select and not call.op.centred:
        assert any(gradient.any() for gradient in found)


@pytest.mark.parametrize("call", [c for c in CALLS if c.op.centred], ids=lambda call: call.text)
def test_what_is_centred_sums_to_a_constant(call):
    for gradient in gradients(call.op.name)[call.text]:
        assert np.abs(gradient).max() < 1e-5


@pytest.mark.parametrize("call", [c for c in DIFFERENTIABLE if c.op.linear], ids=lambda c: c.text)
def test_what_is_linear_doubles_with_its_operands(call):
    arrays = _arrays([call])
    twice = {name: 2 * jnp.asarray(arrays[name]) for name in _floats(call)}
    doubled = evaluate(call.text, arrays | twice)
    np.testing.assert_allclose(doubled, 2 * results(call.op.name)[call.text], rtol=1e-5, atol=1e-6)


def test_no_table_outside_the_records_is_keyed_by_operations():
    """At a module's top, what names three operations would be a field of their records.

    A production's policy isn't: names to draw from, alike likely or with integer weights.
    """
    for path in KERNELS.rglob("*.py"):
        if path.parent.name == "ops" or path.name == "names.py":  # which has names by role
            continue
        draws = path.parent.name == "productions" or path.stem in CATEGORIES
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
                continue
            for node in ast.walk(statement):
                named = _list_operations(node)
                policy = draws and not isinstance(node, ast.Set) and _weighs_only(node)
                assert len(named) < 3 or policy, f"{path.name}:{node.lineno}: {named}"


def _list_operations(node: ast.AST) -> list[str]:
    """The operations that a table in the source is keyed by, or lists."""
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None]
    elif isinstance(node, (ast.Set, ast.Tuple, ast.List)):
        keys = node.elts
    else:
        return []
    return [key.value for key in keys if isinstance(key, ast.Constant) and key.value in OPS]


def _weighs_only(node: ast.AST) -> bool:
    values = node.values if isinstance(node, ast.Dict) else []
    return all(isinstance(x, ast.Constant) and type(x.value) is int for x in values)


@pytest.mark.parametrize(
    ("table", "policy"),
    [
        ('{"exp": 3, "sin": 2, "tanh": 1}', True),
        ('("exp", "sin", "tanh")', True),
        ('{"exp": 0.5, "sin": 2.0, "tanh": 1.0}', False),
        ('{"exp": "positive", "sin": "odd", "tanh": "odd"}', False),
    ],
)
def test_a_policy_is_told_from_a_table_of_facts(table, policy):
    node = ast.parse(table, mode="eval").body
    assert len(_list_operations(node)) == 3 and _weighs_only(node) is policy


# Methods that look at the beginning or the end of a text.
_OF_PARTS = ("startswith", "endswith", "removeprefix", "removesuffix")


def test_no_code_reads_a_part_of_an_operations_name():
    """What a part of the name would say is a field of the record, which another name can have."""
    for path in KERNELS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            read = _list_name_parts(node)
            assert not read, f"{path.name}:{node.lineno}: {read}"


def _list_name_parts(node: ast.AST) -> list[str]:
    """The texts in an expression that are tested as a part of an operation's name."""
    method = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
    if method in _OF_PARTS:
        texts = _list_texts(*node.args)
        if not texts:
            return [ast.unparse(node)]
        return [text for text in texts if text and any(_is_end(text, name) for name in RECORDS)]
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if isinstance(node.ops[0], ast.In) and _is_name(sides[1]):
            return _list_texts(sides[0])
        if any(_is_name(getattr(side, "value", None)) for side in sides if _is_slice(side)):
            return _list_texts(*(side for side in sides if not _is_slice(side)))
    return []


def _list_texts(*nodes: ast.AST) -> list[str]:
    found = (part for node in nodes for part in ast.walk(node))
    return [part.value for part in found if isinstance(getattr(part, "value", None), str)]


def _is_end(text: str, name: str) -> bool:
    return name.startswith(text) or name.endswith(text)


def _is_name(node: ast.AST | None) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) in ("op", "name")


def _is_slice(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ('v.op.startswith("cum")', ["cum"]),
        ('name.endswith(("_reverse", "_twice"))', ["_reverse"]),
        ('op.removeprefix("int_")', ["int_"]),
        ("value.op.startswith(prefix)", ["value.op.startswith(prefix)"]),
        ('op[:3] == "cum"', ["cum"]),
        ('"random" in value.op', ["random"]),
        ('value.op in ("cumsum", "cumprod")', []),
        ('line.endswith(":") or text.startswith("lambda")', []),
        ('"slice" in node.params or op == "sin"', []),
    ],
)
def test_a_test_of_a_part_of_a_name_is_found(code, read):
    nodes = ast.walk(ast.parse(code, mode="eval"))
    assert [text for node in nodes for text in _list_name_parts(node)] == read


def test_what_a_cumulative_operation_combines_is_an_operation_that_runs():
    found = [op for op in OPS.values() if op.cumulates]
    assert {op.name for op in found} >= set(drawn_by("cumulative"))
    assert all(OPS[op.cumulates].cumulated for op in found)


def test_a_cumulative_operation_of_any_name_is_drawn_as_what_it_is(monkeypatch):
    op = dataclasses.replace(OPS["cumsum"], name="total_so_far")
    monkeypatch.setitem(OPS, op.name, op)
    monkeypatch.setitem(RECORDS, op.name, op)
    monkeypatch.setattr(cumulative, "_CUMULATIVE", {op.name: 1})
    d = ProgramBuilder(Stream(0, "loop", 0))
    x = d.argument((64,), -1.0, 1.0)
    # Longer than any but a sum may be.
    value = cumulative.accumulate(d, x, sums=True)
    assert value.op == op.name
    assert cumulative._iterates(value) and not cumulative._iterates(x)


def _columns(call) -> set[str]:
    """The texts of a program that applies the operation, by platform, without their first lines."""
    avals = [
        InAval(name, o.shape, o.dtype, float(o.low), float(o.high))
        for name, o in (*call.arguments.items(), ("gain", array(low=0.5)))
    ]
    names = ", ".join(aval.name for aval in avals)
    python = f"def kernel_f({names}):\n    return ({call.text}).astype(jnp.float32) * gain\n"
    argnums = tuple(i for i, aval in enumerate(avals) if aval.dtype == "float32")
    lowered = lower_source(python, "kernel_f", tuple(avals), argnums, ("cpu", "cuda"))
    return {text.split("\n", 1)[1] for text in lowered.columns.values()}


@pytest.mark.parametrize("name", [op.name for op in OPS.values() if op.role != "key"])
def test_platforms_differ_where_the_record_says_so(name):
    own = [call for call in CALLS if call.op.name == name]
    if OPS[name].uniform:
        assert len(_columns(own[0])) == 1
    else:
        assert any(len(_columns(call)) == 2 for call in own)


def test_every_operation_has_a_size():
    """`benchmarks/fit_costs.py` measures what has none."""
    unsized = [r.name for r in RECORDS.values() if r.ir_bytes is None and not r.sized_as]
    assert not unsized, "measure their `ir_bytes` by `PYTHONPATH=. python benchmarks/fit_costs.py`"


def test_names_and_other_operations_that_a_record_names_exist():
    for record in RECORDS.values():
        assert record.role in names.LOCALS, record.name
        assert not record.sized_as or record.sized_as in RECORDS, record.name
    for op in OPS.values():
        assert not op.skeleton or op.skeleton in OPS, op.name


def test_every_construct_is_written_by_a_function_of_its_own():
    assert set(WRITERS) == set(CONSTRUCTS)


def _applied(node: ast.AST) -> list[str]:
    """Names that an expression for an operation's name may have, as far as it spells them."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("choice", "weighted"):
        node = node.args[0]
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return [item.value for item in items if isinstance(item, ast.Constant)]


def test_operations_that_productions_apply_exist():
    """The first argument of `apply`, `claim` and `attempt` names an operation."""
    for path in KERNELS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") in ("apply", "claim", "attempt", "do")
                and node.args
            ):
                unknown = set(_applied(node.args[0])) - set(OPS)
                assert not unknown, f"{path.name}:{node.lineno}: {unknown}"


def test_the_records_share_no_code_with_the_reference():
    """The floors keep this room out of the reference's imports; here the other way round."""
    for path in (KERNELS / "ops").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not node.module.startswith("jax_ir_synth.reference"), path.name


def test_spellings_weigh_something():
    for op in OPS.values():
        assert op.spellings
        assert all(math.floor(weight) == weight > 0 for weight, *_ in op.spellings), op.name


def test_lists_are_those_that_operations_are_drawn_from():
    """Each is drawn from, or its weights would say nothing; and no record names another."""
    texts = [path.read_text(encoding="utf-8") for path in KERNELS.rglob("*.py")]
    drawn = {name for text in texts for name in re.findall(r'drawn_by\("([\w ]+)"', text)}
    assert drawn == LISTS
    op = dataclasses.replace(OPS["mean"], weights={"statistics": 1})
    with pytest.raises(ValueError, match=r"`weights` of 'mean' \(=\{'statistics'\}\)"):
        index_by_name([op])
