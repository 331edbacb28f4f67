"""Each kind of mutant makes the change that it says, and that one alone."""

import numpy as np
import pytest
from edits import EDITS, edited
from mutants import KINDS, Mutant, mutants, signature
from oracle import differs, largest_difference

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.schema.ir_section import IrSection, read_section, write_sections

SEEDS = range(40)


def _module(arguments: str, results: str, *lines: str, name: str = "m") -> str:
    body = "\n".join(f"    {line}" for line in lines)
    text = f"module @{name} {{\n  func.func public @main({arguments}) -> {results} {{\n{body}\n  }}\n}}"
    with open_module(text) as module:
        return str(module).strip()


def _lines(module: str, kind: str) -> set[tuple[str, ...]]:
    """For every edit that turns up, the lines that it made."""
    found = set()
    for seed in SEEDS:
        text = edited(module, kind, np.random.default_rng(seed))
        if text is not None:
            before, after = module.split("\n"), text.split("\n")
            assert len(before) == len(after)
            found.add(tuple(b.strip() for a, b in zip(before, after, strict=True) if a != b))
    return found


def _unary(line: str) -> str:
    return _module("%arg0: tensor<2x2xf32>, %arg1: tensor<2x2xf32>", "tensor<2x2xf32>", line,
                   "return %0 : tensor<2x2xf32>")  # fmt: skip


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("%0 = stablehlo.sine %arg0 : tensor<2x2xf32>", {"stablehlo.cosine"}),
        (
            "%0 = stablehlo.add %arg0, %arg1 : tensor<2x2xf32>",
            {"stablehlo.subtract", "stablehlo.multiply"},
        ),
        ("%0 = stablehlo.rsqrt %arg0 : tensor<2x2xf32>", {"stablehlo.sqrt"}),
        ("%0 = stablehlo.exponential %arg0 : tensor<2x2xf32>", {"stablehlo.exponential_minus_one"}),
        ("%0 = chlo.erf %arg0 : tensor<2x2xf32> -> tensor<2x2xf32>", {"chlo.erfc"}),
        ("%0 = chlo.cosh %arg0 : tensor<2x2xf32> -> tensor<2x2xf32>", {"chlo.sinh"}),
        (
            "%0 = stablehlo.transpose %arg0, dims = [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>",
            set(),
        ),
    ],
)
def test_an_operation_becomes_its_neighbour(line, wanted):
    old = line.split()[2]
    assert _lines(_unary(line), "operation") == {
        (line.replace(f"{old} ", f"{new} "),) for new in wanted
    }


def test_a_reduction_applies_another_operation():
    line = ("%0 = stablehlo.reduce(%arg0 init: %cst) applies stablehlo.add across dimensions = [1] : "
            "(tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>")  # fmt: skip
    module = _module("%arg0: tensor<2x3xf32>", "tensor<2xf32>",
                     "%cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>", line,
                     "return %0 : tensor<2xf32>")  # fmt: skip
    wanted = {
        (line.replace("stablehlo.add", f"stablehlo.{new}"),) for new in ("multiply", "maximum")
    }
    assert _lines(module, "operation") == wanted


@pytest.mark.parametrize(
    ("kind", "type_", "value", "wanted"),
    [
        ("float constant", "f32", "2.000000e+00", {"2.200000e+00", "1.000000e+00", "-2.000000e+00"}),
        ("float constant", "f32", "0.000000e+00", {"1.000000e+00"}),
        ("float constant", "f32", "0xFF800000", {"0.000000e+00"}),
        ("float constant", "2xf32", "[1.000000e+00, 0.000000e+00]",
         {"[1.100000e+00, 0.000000e+00]", "[5.000000e-01, 0.000000e+00]", "[-1.000000e+00, 0.000000e+00]",
          "1.000000e+00"}),
        ("float constant", "bf16", "9.99999974E-5", {"1.101490e-04", "5.006790e-05", "-1.001360e-04"}),
        ("float constant", "i32", "2", set()),
        ("integer constant", "i32", "2", {"1", "3"}),
        ("integer constant", "i32", "0", {"1"}),
        ("integer constant", "2xi32", "[4, -7]", {"[3, -7]", "[5, -7]", "[4, -6]"}),
        ("integer constant", "i1", "true", {"false"}),
        ("integer constant", "f32", "2.000000e+00", set()),
    ],
)  # fmt: skip
def test_a_number_of_a_constant_is_changed(kind, type_, value, wanted):
    module = _module("", f"tensor<{type_}>", f"%x = stablehlo.constant dense<{value}> : tensor<{type_}>",
                     f"return %x : tensor<{type_}>")  # fmt: skip
    made = {line.split("dense<")[1].split(">")[0] for (line,) in _lines(module, kind)}
    assert made == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("%0 = stablehlo.subtract %arg0, %arg1 : tensor<2x2xf32>", {"%arg1, %arg0 :"}),
        ("%0 = stablehlo.atan2 %arg0, %arg1 : tensor<2x2xf32>", {"%arg1, %arg0 :"}),
        ("%0 = stablehlo.add %arg0, %arg1 : tensor<2x2xf32>", set()),
        ("%0 = stablehlo.subtract %arg0, %arg0 : tensor<2x2xf32>", set()),
    ],
)
def test_operands_change_places_where_order_matters(line, wanted):
    made = _lines(_unary(line), "operand order")
    assert made == {(line.replace("%arg0, %arg1 :", new),) for new in wanted}


@pytest.mark.parametrize(
    "line",
    [
        "%0 = stablehlo.concatenate %arg0, %arg1, dim = 0 : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<2x2xf32>",
        "%0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [0] x [0] : (tensor<1x2xf32>, tensor<1x2xf32>) "
        "-> tensor<2x2xf32>",
    ],
)
def test_operands_of_other_operations_change_places(line):
    module = _module("%arg0: tensor<1x2xf32>, %arg1: tensor<1x2xf32>", "tensor<2x2xf32>", line,
                     "return %0 : tensor<2x2xf32>")  # fmt: skip
    assert _lines(module, "operand order") == {(line.replace("%arg0, %arg1", "%arg1, %arg0"),)}


def test_branches_of_a_select_change_places():
    line = "%0 = stablehlo.select %arg0, %arg1, %arg2 : tensor<2xi1>, tensor<2xf32>"
    module = _module("%arg0: tensor<2xi1>, %arg1: tensor<2xf32>, %arg2: tensor<2xf32>", "tensor<2xf32>", line,
                     "return %0 : tensor<2xf32>")  # fmt: skip
    assert _lines(module, "operand order") == {(line.replace("%arg1, %arg2", "%arg2, %arg1"),)}


@pytest.mark.parametrize(
    ("now", "wanted"),
    [("LT", {"GT", "LE"}), ("GT", {"LT", "GE"}), ("LE", {"GE", "LT"}), ("GE", {"LE", "GT"}), ("EQ", {"NE"}),
     ("NE", {"EQ"})],
)  # fmt: skip
def test_a_comparison_gets_another_direction(now, wanted):
    line = f"%0 = stablehlo.compare {now}, %arg0, %arg1, FLOAT : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xi1>"
    module = _module(
        "%arg0: tensor<2xf32>, %arg1: tensor<2xf32>",
        "tensor<2xi1>",
        line,
        "return %0 : tensor<2xi1>",
    )
    assert _lines(module, "comparison") == {
        (line.replace(f" {now},", f" {new},"),) for new in wanted
    }


@pytest.mark.parametrize(
    ("line", "old", "wanted"),
    [
        ("%0 = stablehlo.transpose %arg0, dims = [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>", "[1, 0]", {"[0, 1]"}),
        ("%0 = stablehlo.iota dim = 0 : tensor<2x2xf32>", "dim = 0", {"dim = 1"}),
        ("%0 = stablehlo.reverse %arg0, dims = [0] : tensor<2x2xf32>", "[0]", {"[1]"}),
        ("%0 = stablehlo.reverse %arg0, dims = [0, 1] : tensor<2x2xf32>", "", set()),
        ("%0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0] : (tensor<2x2xf32>, tensor<2x2xf32>) "
         "-> tensor<2x2xf32>", "[1] x [0]", {"[0] x [0]", "[1] x [1]"}),
    ],
)  # fmt: skip
def test_a_dimension_is_another_one(line, old, wanted):
    assert _lines(_unary(line), "dimension") == {(line.replace(old, new),) for new in wanted}


def test_a_broadcast_goes_along_another_dimension():
    line = (
        "%0 = stablehlo.broadcast_in_dim %arg0, dims = [0] : (tensor<3xf32>) -> tensor<3x3x4xf32>"
    )
    module = _module(
        "%arg0: tensor<3xf32>", "tensor<3x3x4xf32>", line, "return %0 : tensor<3x3x4xf32>"
    )
    assert _lines(module, "dimension") == {(line.replace("[0]", "[1]"),)}


def test_a_slice_is_shifted_within_bounds():
    line = "%0 = stablehlo.slice %arg0 [1:3, 0:2] : (tensor<4x2xf32>) -> tensor<2x2xf32>"
    module = _module(
        "%arg0: tensor<4x2xf32>", "tensor<2x2xf32>", line, "return %0 : tensor<2x2xf32>"
    )
    assert _lines(module, "bounds") == {(line.replace("1:3", new),) for new in ("0:2", "2:4")}


def test_padding_moves_from_one_side_to_the_other():
    line = ("%0 = stablehlo.pad %arg0, %arg1, low = [1, 0], high = [2, 0], interior = [0, 0] : "
            "(tensor<2x2xf32>, tensor<f32>) -> tensor<5x2xf32>")  # fmt: skip
    module = _module("%arg0: tensor<2x2xf32>, %arg1: tensor<f32>", "tensor<5x2xf32>", line,
                     "return %0 : tensor<5x2xf32>")  # fmt: skip
    wanted = {("[0, 0]", "[3, 0]"), ("[2, 0]", "[1, 0]")}
    assert _lines(module, "bounds") == {
        (line.replace("low = [1, 0], high = [2, 0]", f"low = {low}, high = {high}"),)
        for low, high in wanted
    }


def test_results_of_the_same_type_change_places():
    kinds = "tensor<2xf32>, tensor<2xf32>, tensor<f32>"
    module = _module("%arg0: tensor<2xf32>, %arg1: tensor<2xf32>, %arg2: tensor<f32>", f"({kinds})",
                     f"return %arg0, %arg1, %arg2 : {kinds}")  # fmt: skip
    assert _lines(module, "results swapped") == {(f"return %arg1, %arg0, %arg2 : {kinds}",)}


def test_an_operand_is_another_value_in_scope_of_the_same_type():
    module = _module("%arg0: tensor<2xf32>, %arg1: tensor<2xf32>, %arg2: tensor<f32>", "tensor<2xf32>",
                     "%0 = stablehlo.add %arg0, %arg0 : tensor<2xf32>", "return %0 : tensor<2xf32>")  # fmt: skip
    assert _lines(module, "other operand") == {
        ("%0 = stablehlo.add %arg1, %arg0 : tensor<2xf32>",),
        ("%0 = stablehlo.add %arg0, %arg1 : tensor<2xf32>",),
        ("return %arg0 : tensor<2xf32>",),
        ("return %arg1 : tensor<2xf32>",),
    }


def test_frequent_operations_dont_crowd_out_others():
    lines = [f"%{i + 1} = stablehlo.add %{i}, %{i} : tensor<2xf32>" for i in range(50)]
    module = _module("%arg0: tensor<2xf32>", "tensor<2xf32>", "%0 = stablehlo.sine %arg0 : tensor<2xf32>", *lines,
                     "return %50 : tensor<2xf32>")  # fmt: skip
    assert ("%0 = stablehlo.cosine %arg0 : tensor<2xf32>",) in _lines(module, "operation")


def _row(number: int, operation: str, cuda: str | None = None) -> dict:
    def text(backend, operation):
        forward, backward = (
            _module("%arg0: tensor<2xf32>, %arg1: tensor<2xf32>", result,
                    f"%0 = stablehlo.{operation} %arg0, %arg1 : tensor<2xf32>", returned, name=f"row{number}{part}")
            for part, result, returned in (
                ("", "tensor<2xf32>", "return %0 : tensor<2xf32>"),
                ("_loss", "(tensor<2xf32>, tensor<2xf32>)", "return %0, %arg1 : tensor<2xf32>, tensor<2xf32>"),
            )
        )  # fmt: skip
        return write_sections(IrSection(backend, "stablehlo", (0, 1), forward, backward))

    columns = {"cpp": text("cpu", operation), "cuda": text("gpu", cuda or operation)}
    in_avals = [
        {"name": name, "shape": [2], "dtype": "float32", "low": 1.0, "high": 2.0} for name in "xy"
    ]
    return {
        "id": number,
        "kernel_name": f"row{number}",
        "in_avals": in_avals,
        "argnums": [0, 1],
        **columns,
    }


def test_each_kind_makes_a_valid_mutant_once():
    row, other = _row(0, "subtract"), _row(1, "power")
    assert signature(row) == signature(other)
    made = list(mutants(row, np.random.default_rng(0), [row, other]))
    assert sorted(mutant.kind for mutant in made) == [
        "another row's", "forward for backward", "operand order", "operation", "other operand", "results swapped",
    ]  # fmt: skip
    for mutant in made:
        before, after = read_section(row["cpp"]), read_section(mutant.row["cpp"])
        changed = [s for s in ("forward", "backward") if getattr(before, s) != getattr(after, s)]
        assert changed == list(mutant.sections)
        # Both columns alike, under their own headers.
        assert mutant.row["cpp"].replace("backend=cpu", "backend=gpu") == mutant.row["cuda"]
        for section in changed:
            text = getattr(after, section)
            assert text.split("\n")[0] == getattr(before, section).split("\n")[0]
            with open_module(text):
                pass
        assert {**mutant.row, "cpp": row["cpp"], "cuda": row["cuda"]} == row


@pytest.mark.parametrize(
    ("lines", "least", "most"),
    [
        (["%1 = stablehlo.negate %arg1 : tensor<2xf32>", "%0 = stablehlo.add %arg0, %1 : tensor<2xf32>"], 0, 0),
        (["%0 = stablehlo.subtract %arg1, %arg0 : tensor<2xf32>"], 2, 2),
        (["%c = stablehlo.constant dense<1.000001e+00> : tensor<2xf32>",
          "%1 = stablehlo.subtract %arg0, %arg1 : tensor<2xf32>",
          "%0 = stablehlo.multiply %1, %c : tensor<2xf32>"], 1e-7, 2e-6),
        (["%c = stablehlo.constant dense<0x7FC00000> : tensor<2xf32>",
          "%0 = stablehlo.add %arg0, %c : tensor<2xf32>"], np.inf, np.inf),
    ],
)  # fmt: skip
def test_meaning_is_compared_bit_for_bit(lines, least, most):
    row = _row(0, "subtract")
    forward = _module("%arg0: tensor<2xf32>, %arg1: tensor<2xf32>", "tensor<2xf32>", *lines,
                      "return %0 : tensor<2xf32>")  # fmt: skip
    changed = write_sections(read_section(row["cpp"])._replace(forward=forward))
    mutant = Mutant("", "", {**row, "cpp": changed}, "cpp", ("forward",))
    assert differs(row, mutant) == (most > 0)
    assert least <= largest_difference(row, mutant) <= most


def test_another_number_of_results_is_another_meaning():
    row = _row(0, "subtract")
    (mutant,) = mutants(row, np.random.default_rng(0), [], ["forward for backward"])
    assert largest_difference(row, mutant) == np.inf


def test_columns_that_differ_are_changed_one_at_a_time():
    row = _row(0, "subtract", cuda="power")
    columns = set()
    for seed in SEEDS:
        (mutant,) = mutants(row, np.random.default_rng(seed), [], ["operand order"])
        assert [c for c in ("cpp", "cuda") if mutant.row[c] != row[c]] == [mutant.column]
        columns.add(mutant.column)
    assert columns == {"cpp", "cuda"}


def test_a_row_of_one_device_stays_one():
    row = {**_row(0, "subtract"), "cuda": None}
    for mutant in mutants(row, np.random.default_rng(0), [_row(1, "power")]):
        assert mutant.row["cuda"] is None and mutant.row["cpp"] != row["cpp"]


def test_mutants_are_the_same_from_the_same_seed():
    row, other = _row(0, "subtract"), _row(1, "power")
    first, again, others = (
        list(mutants(row, np.random.default_rng(seed), [other])) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != others


def test_a_module_without_a_place_has_no_mutant():
    module = _module("%arg0: tensor<f32>", "tensor<f32>", "return %arg0 : tensor<f32>")
    for kind in EDITS:
        assert edited(module, kind, np.random.default_rng(0)) is None
    assert set(EDITS) < set(KINDS)
