"""The consistency check finds each planted fault."""

import copy

import pytest

from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.ir_section import read_sections, write_sections
from jax_ir_synth.stats.audit import find_faults


def _one_reason(rows):
    (fault,) = find_faults("inconsistent", rows)
    return fault.reason


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_missing_column(good, column):
    del good[1][column]
    assert _one_reason(good) == f"it has no column {column}"


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_null(good, column):
    good[1][column] = None
    assert _one_reason(good) == f"its {column} is null"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "1"), ("id", 1.5), ("python", 3), ("cpp", ["module"]), ("in_avals", "x"),
        ("argnums", [0.5]), ("type", b"\xff"), ("program_hash", 12),
    ],
)  # fmt: skip
def test_a_wrong_type(good, column, value):
    good[1][column] = value
    assert _one_reason(good).startswith(f"its {column} (={value!r}) is not of type ")


def test_a_device_that_was_not_requested_is_no_fault(good):
    for row in good:
        row["cuda"] = None
    assert find_faults("inconsistent", good) == []
    good[1]["cuda"] = good[1]["cpp"]
    assert _one_reason(good) == "its cuda is filled, the first row's is null"
    good[1]["cpp"] = good[1]["cuda"] = None
    reasons = [fault.reason for fault in find_faults("inconsistent", good)]
    assert reasons == ["its cpp is null", "it has no IR column that is filled"]


def test_a_repeated_id(good):
    good[4]["id"] = good[2]["id"]
    assert _one_reason(good) == f"its id (={good[2]['id']}) is an earlier row's too"


def _set(column, value):
    return lambda row: row.update({column: value})


def _edit(column, old, new):
    def edit(row):
        assert old in row[column]
        row[column] = row[column].replace(old, new, 1)

    return edit


def _aval(**changes):
    return lambda row: row["in_avals"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set("type", "generate_sorting"), "its type (='generate_sorting')"),
        (_set("type", "unary"), "its type (='unary')"),
        (_set("kernel_name", "kernel_other"), "doesn't begin with def kernel_"),
        (_edit("python", "def ", "import jax\ndef "), "doesn't begin with def kernel_"),
        (_edit("python", "return", "retrun"), "its python doesn't parse"),
        (_edit("python", "(x", "(z"), "its python takes ('z',), its in_avals are ('x',)"),
        (_edit("python", "(x", "(x, y"), "its python takes ('x', 'y'), its in_avals are"),
        (_set("argnums", []), "its argnums (=[]) are not its floating-point arguments [0]"),
        (_set("argnums", [0, 1]), "its argnums (=[0, 1])"),
        (_aval(dtype="int32"), "its argnums (=[0]) are not its floating-point arguments []"),
        (_aval(dtype="float64"), "x: float64[4,5] is of no dtype"),
        (_aval(shape=[4, 0]), "x: float32[4,0] is of no dtype and shape"),
        (_aval(shape=[4]), "its cpp takes [['4x5xf32'], ['4x5xf32']], its in_avals are ['4xf32']"),
        (_aval(low=None), "incomplete"),
        (_aval(low=2.0), "no range (low=2.0, high=1.0)"),
        (_aval(high=float("inf")), "no range"),
        (_set("program_hash", "0" * 32), "is not that of its IR"),
        (_set("program_hash", "xyz"), "is not 32 hex digits"),
        (_set("skeleton_hash", "A" * 32), "is not 32 hex digits"),
        (_edit("cpp", "backend=cpu", "backend=gpu"), "its cpp is headed backend=gpu"),
        (_edit("cuda", "argnums=(0,)", "argnums=(1,)"), "its cuda is headed argnums=(1,)"),
        (_edit("cpp", "## Backward", "## Gradient"), "its IR can't be read"),
        (_edit("cpp", "stablehlo.tanh", "stablehlo.thanh"), "its IR can't be read"),
        (_edit("cuda", "stablehlo.tanh", "stablehlo.thanh"), "its IR can't be read"),
        (_edit("cpp", "_loss attributes {", "_loss attributes {{"), "its IR can't be read"),
        (_set("verified", "surely"), "its verified (='surely') is none of"),
        (_edit("cpp", "stablehlo.tanh", "stablehlo.sine"), "is not that of its IR"),
    ],
)  # fmt: skip
def test_columns_that_contradict_each_other(make, change, reason):
    row = make("def kernel_a(x):\n    return jnp.tanh(x) * 2.0\n", (4, 5))
    assert find_faults("inconsistent", [copy.deepcopy(row)]) == []
    change(row)
    assert reason in find_faults("inconsistent", [row])[0].reason


@pytest.mark.parametrize("column", ["cpp", "cuda"])
@pytest.mark.parametrize("kept", [0, 0.4, 0.99])
def test_a_text_that_was_cut_off(good, column, kept):
    for row in good:
        cut = row | {column: row[column][: int(kept * len(row[column]))]}
        assert "its IR can't be read" in _one_reason([cut])


def _sections(row, column, change):
    """Rewrite an IR column after `change` has changed the list of its sections."""
    row[column] = write_sections(*change(read_sections(row[column])))


def _replaced(number, **changes):
    return lambda columns: [
        column._replace(**changes) if k == number else column for k, column in enumerate(columns)
    ]


@pytest.mark.parametrize(
    ("column", "change", "reason"),
    [
        ("cpp", lambda columns: columns[:1] + columns[2:], "different dialects"),
        ("cuda", lambda columns: columns[::-1], "its cpp and cuda are in different dialects"),
        ("cpp", _replaced(0, dialect="onnx"), "its cpp is headed dialect=onnx"),
        ("cpp", _replaced(1, target="sm_90"), "its cpp is headed dialect=stablehlo, target=sm_90"),
        ("cuda", _replaced(2, target=""), "its cuda is headed dialect=asm, target="),
        ("cuda", _replaced(2, backward=""), "its cuda has an empty section of asm"),
        ("cpp", _replaced(0, forward=" "), "its cpp has an empty section of jaxpr"),
        ("cpp", _replaced(2, argnums=(1,)), "its cpp is headed argnums=(1,)"),
        ("cuda", _replaced(0, backend="cpu"), "its cuda is headed backend=cpu"),
    ],
)  # fmt: skip
def test_sections_that_contradict_each_other(make, column, change, reason):
    row = make("def kernel_a(x):\n    return jnp.tanh(x) * 2.0\n", (4, 5))
    for name, target in (("cpp", "x86-64-v3+gfni:znver4"), ("cuda", "sm_90")):
        (own,) = read_sections(row[name])
        jaxpr = own._replace(dialect="jaxpr", forward="{ lambda }", backward="{ lambda }")
        asm = own._replace(dialect="asm", forward="ret", backward="ret", target=target)
        row[name] = write_sections(jaxpr, own, asm)
    assert find_faults("inconsistent", [copy.deepcopy(row)]) == []
    _sections(row, column, change)
    assert reason in find_faults("inconsistent", [row])[0].reason


def test_a_row_without_stablehlo(make):
    row = make("def kernel_a(x):\n    return jnp.tanh(x) * 2.0\n", (4, 5))
    for name in ("cpp", "cuda"):
        _sections(row, name, _replaced(0, dialect="jaxpr"))
    assert find_faults("inconsistent", [row])[0].reason == (
        "the rows have no StableHLO (they have jaxpr): make them with --dialect stablehlo,jaxpr"
    )


def test_a_parameter_with_a_default_is_no_argument(make):
    row = make("def kernel_a(x):\n    return x * 2.0\n", (4,))
    row["python"] = "def kernel_a(x, scale=2.0):\n    return x * scale\n"
    assert find_faults("inconsistent", [row]) == []


def test_a_main_that_returns_nothing(good):
    (section,) = read_sections(good[1]["cpp"])
    main = "func.func public @main(%arg0: tensor<f32>) {\n    return\n  }"
    module = f"module @m {{\n  {main}\n}}\n"
    good[1]["cpp"] = write_sections(section._replace(forward=module))
    assert any(
        "a module whose main returns nothing" in fault.reason
        for fault in find_faults("inconsistent", good)
    )
