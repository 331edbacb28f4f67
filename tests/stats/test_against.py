"""Two datasets compared: planted differences, figures by hand, and the command's outputs."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from scipy.spatial.distance import jensenshannon

from jax_ir_synth.cli.main import main
from jax_ir_synth.stats.against import compare
from jax_ir_synth.stats.against_tables import make_sheets
from jax_ir_synth.stats.divergence import Distribution, measure_divergence, measure_parts
from jax_ir_synth.stats.pairs import count_module
from jax_ir_synth.stats.profile import PASSES, choose_half, collect_profile

_HEADER = "# JAX compiler IR (backend=cpu, dialect=stablehlo)\n"
_MODULE = """module {
  func.func public @main(%arg0: tensor<4xf32>, %arg1: tensor<4xf32>) -> (tensor<4xf32>, tensor<i1>) {
    %cst = stablehlo.constant dense<0.0> : tensor<f32>
    %0 = stablehlo.sine %arg0 : tensor<4xf32>
    %1 = stablehlo.multiply %0, %0 : tensor<4xf32>
    %2 = stablehlo.reduce(%1 init: %cst) applies stablehlo.add across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
    %3 = stablehlo.compare LT, %2, %cst : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %4 = chlo.erf %arg1 : tensor<4xf32> -> tensor<4xf32>
    %5 = call @f(%4) : (tensor<4xf32>) -> tensor<4xf32>
    %6:2 = stablehlo.while(%iterArg = %5, %iterArg_0 = %3) : tensor<4xf32>, tensor<i1>
    cond {
      stablehlo.return %iterArg_0 : tensor<i1>
    } do {
      %7 = stablehlo.add %iterArg, %1 : tensor<4xf32>
      stablehlo.return %7, %iterArg_0 : tensor<4xf32>, tensor<i1>
    }
    return %6#0, %6#1 : tensor<4xf32>, tensor<i1>
  }
  func.func private @f(%arg0: tensor<4xf32>) -> tensor<4xf32> {
    %0 = stablehlo.negate %arg0 : tensor<4xf32>
    return %0 : tensor<4xf32>
  }
}"""


def _chain(*operations: str) -> str:
    """A module that applies unary operations one after the other."""
    lines = [
        f"    %{number + 1} = stablehlo.{kind} %{number or 'arg0'} : tensor<4xf32>"
        for number, kind in enumerate(operations)
    ]
    text = "\n".join(lines).replace("%0", "%arg0")
    return (
        "module {\n  func.func public @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {\n"
        f"{text}\n    return %{len(operations)} : tensor<4xf32>\n  }}\n}}"
    )


def _row(number, *operations, backward=("negate",), python="def kernel_a(x):\n    return x\n"):
    text = f"{_HEADER}## Forward\n{_chain(*operations)}\n"
    if backward:
        text += f"\n## Backward (jax.grad of scalar loss, argnums=(0,))\n{_chain(*backward)}\n"
    return {"program_hash": f"{number:032x}", "python": python, "cpp": text, "cuda": None}


def _compare(one, other) -> dict:
    return compare(collect_profile(one), collect_profile(other))


def test_pairs_of_a_module_by_hand():
    counts = count_module(_MODULE)
    assert counts.pairs == {
        "argument -> sine": 1, "sine -> multiply": 2, "multiply -> reduce": 1,
        "constant -> reduce": 1, "element -> add": 2, "reduce -> compare": 1,
        "constant -> compare": 1, "argument -> chlo.erf": 1, "chlo.erf -> call": 1,
        "call -> while": 1, "compare -> while": 1, "carried -> add": 1, "multiply -> add": 1,
        "parameter -> negate": 1,
    }  # fmt: skip
    assert counts.operations == {
        "constant": 1, "sine": 1, "multiply": 1, "reduce": 1, "add": 2, "compare": 1,
        "chlo.erf": 1, "call": 1, "while": 1, "negate": 1,
    }  # fmt: skip
    assert counts.ranks == {"0": 5, "1": 7}
    assert counts.dtypes == {"f32": 10, "i1": 2}
    assert +counts.regions == {"reduce": 1, "while": 1}
    assert counts.nesting == 1


def test_modules_that_jax_does_not_print():
    declaration = "module { func.func private @f(tensor<f32>) -> tensor<f32> }"
    assert not count_module(declaration).operations
    text = _chain("sine").replace(
        "  }\n}",
        "  ^bb1:\n    %2 = stablehlo.negate %3 : tensor<4xf32>\n"
        "    %3 = stablehlo.abs %2 : tensor<4xf32>\n    return %3 : tensor<4xf32>\n  }\n}",
    )
    assert count_module(text).pairs == {
        "argument -> sine": 1, "unreachable -> negate": 1, "negate -> abs": 1,
    }  # fmt: skip


def test_a_divergence_by_hand():
    one, other = {"a": 0.5, "b": 0.5}, {"a": 0.25, "c": 0.75}
    parts = measure_parts(one, other)
    shared = (0.5 * math.log2(0.5 / 0.375) + 0.25 * math.log2(0.25 / 0.375)) / 2
    assert parts == pytest.approx({"a": shared, "b": 0.25, "c": 0.375})
    found = measure_divergence(one, other)
    assert found == pytest.approx(jensenshannon([0.5, 0.5, 0], [0.25, 0, 0.75], base=2) ** 2)
    assert measure_divergence(one, {}) is None


def test_each_count_weighs_the_same_whatever_the_order():
    counts = [Counter(a=1), Counter(a=1, b=2), Counter(b=7, c=3), Counter(), Counter(a=2, c=11)]
    found = []
    for order in (counts, counts[::-1]):
        distribution = Distribution()
        for each in order:
            distribution.add(each)
        found.append(distribution.shares())
    assert found[0] == found[1] and list(found[0]) == ["a", "b", "c"]
    assert found[0]["a"] == pytest.approx((1 + 1 / 3 + 2 / 13) / 4)
    assert sum(found[0].values()) == pytest.approx(1)


def test_a_set_against_itself_in_another_order(good):
    found = _compare(good, good[::-1])
    assert found["dataset"] == found["against"]
    for aspects in found["divergence"].values():
        for measured in aspects.values():
            assert measured["between"] == 0.0
            assert measured["halves"]["dataset"] == measured["halves"]["against"]
            assert measured["across"] == pytest.approx(measured["halves"]["dataset"])
    assert found["divergence"]["forward"]["pairs"]["halves"]["dataset"] > 0


def test_the_order_of_rows_does_not_matter(good):
    found = _compare(good[:9], good[9:])
    assert found == _compare(good[8::-1], good[:8:-1])
    assert 0 < found["divergence"]["forward"]["pairs"]["between"] < 1


def test_disjoint_operations_are_one_bit_apart():
    one = [_row(number, "sine", "cosine") for number in range(4)]
    other = [_row(number, "tanh", "negate", "abs") for number in range(4)]
    found = _compare(one, other)
    for aspect in ("pairs", "operations"):
        assert found["divergence"]["forward"][aspect]["between"] == pytest.approx(1)
        assert found["divergence"]["backward"][aspect]["between"] == 0
        assert found["divergence"]["forward"][aspect]["halves"] == {"dataset": 0, "against": 0}
    assert found["divergence"]["source"]["constructs"]["between"] == 0
    assert {part["name"]: part["bits"] for part in found["parts"]["forward"]["pairs"]} == (
        pytest.approx({
            "argument -> sine": 0.25, "sine -> cosine": 0.25, "argument -> tanh": 1 / 6,
            "tanh -> negate": 1 / 6, "negate -> abs": 1 / 6,
        })
    )  # fmt: skip


def test_a_small_difference_is_found_by_its_weight():
    # Half of the rows have a cosine where the others' have a tanh.
    one = [_row(number, "sine", "cosine") for number in range(6)]
    other = [_row(number, "sine", "tanh" if number % 2 else "cosine") for number in range(6)]
    found = _compare(one, other)
    (first, second, *rest) = found["parts"]["forward"]["operations"]
    assert (first["name"], first["dataset"], first["against"]) == ("tanh", 0.0, 0.25)
    assert first["bits"] == pytest.approx(0.125)
    assert (second["name"], second["dataset"], second["against"]) == ("cosine", 0.5, 0.25)
    assert [part["bits"] for part in rest] == [0.0]
    between = found["divergence"]["forward"]["operations"]["between"]
    assert between == pytest.approx(jensenshannon([0.5, 0.5, 0], [0.5, 0.25, 0.25], base=2) ** 2)


def test_halves_are_by_the_program():
    rows = [_row(number, "sine") for number in range(200)]
    halves = [choose_half(row) for row in rows]
    assert 60 < sum(halves) < 140
    # Nothing else in the row matters.
    assert halves == [choose_half({"program_hash": row["program_hash"]}) for row in rows]
    assert choose_half({"python": "def f(x): ..."}) in (0, 1)
    # One half has only sine, the other has only tanh.
    planted = [_row(number, "tanh" if half else "sine") for number, half in enumerate(halves)]
    measured = _compare(planted, planted)["divergence"]["forward"]["operations"]
    assert measured["between"] == 0
    assert measured["halves"] == {"dataset": pytest.approx(1), "against": pytest.approx(1)}


def test_what_is_left_out_is_counted():
    jaxpr = _row(1, "sine")["cpp"].replace("dialect=stablehlo", "dialect=jaxpr")
    broken = _row(2, "sine")["cpp"].replace("stablehlo.sine", "stablehlo.no")
    rows = [
        _row(0, "sine"),
        {"program_hash": "1", "python": "def f(x): return x", "cpp": jaxpr},
        {"program_hash": "2", "python": "def f(x) return", "cpp": broken},
        _row(3, "sine", backward=()),
        {"python": "x = 3"},
        _row(4, "sine", python=f"def f(x):\n    return {'-' * 100_000}x\n"),
    ]
    profile = collect_profile(rows)
    assert profile.left_out == {
        "no_ir": 1, "no_stablehlo": 1, "one_pass": 1,
        "unreadable_modules": 1, "unreadable_sources": 3,
    }  # fmt: skip
    summary = profile.summary()
    assert summary["rows"] == 6
    assert (summary["forward"]["modules"], summary["backward"]["modules"]) == (3, 3)
    shown = {
        row[0]: row[1:] for row in make_sheets(_compare(rows, rows[:1]), ("a", "b"))[1].groups[0]
    }
    assert shown["rows with one pass only"] == ("1", "0")
    assert shown["rows without StableHLO"] == ("1", "0")


def test_names_and_sizes():
    python = (
        "def kernel_ab(x, scale):\n\n    def f(y):\n        return y\n    return f(x) * scale\n"
    )
    summary = collect_profile([_row(0, "sine", "abs", python=python)]).summary()
    assert summary["names"]["arguments"] == {
        "count": 3, "mean": pytest.approx(7 / 3), "median": 1, "p95": 5, "max": 5,
        "one_letter": pytest.approx(2 / 3),
    }  # fmt: skip
    assert (summary["names"]["functions"]["max"], summary["names"]["functions"]["count"]) == (9, 2)
    assert summary["source"]["lines"]["max"] == 4
    assert summary["forward"]["operations"] == {"median": 2, "p95": 2, "max": 2}
    assert summary["forward"]["lines"]["max"] == _chain("sine", "abs").count("\n") + 1
    assert summary["forward"]["shares"]["regions"] == 0


@pytest.fixture
def files(tmp_path):
    def write(**rows_by_name) -> list[str]:
        paths = []
        for name, rows in rows_by_name.items():
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            paths.append(str(path))
        return paths

    return write


def test_the_command(files, capsys, tmp_path):
    one, other = files(
        one=[_row(number, "sine", "cosine") for number in range(4)],
        other=[_row(number, "sine", "tanh") for number in range(4)],
    )
    figures = tmp_path / "figures.json"
    assert main(["stats", one, "--against", other, "--json", str(figures)]) == 0
    shown = capsys.readouterr().out
    assert "Jensen-Shannon divergence in bits" in shown and "sine -> tanh" in shown
    found = json.loads(figures.read_text())
    assert found["datasets"] == {"dataset": one, "against": other} and found["unit"] == "bits"
    assert found["divergence"]["forward"]["pairs"]["between"] == pytest.approx(0.5)
    rows = [
        [json.loads(line) for line in Path(path).read_text().splitlines()] for path in (one, other)
    ]
    expected = _compare(*rows)
    assert {key: found[key] for key in expected} == expected


def test_markdown(files, capsys):
    one, other = files(one=[_row(0, "sine")], other=[_row(0, "tanh")])
    assert main(["stats", one, "--against", other, "--markdown", "-v"]) == 0
    shown = capsys.readouterr().out
    assert "| forward: pairs | 1.0000 |  |  |  |\n" in shown
    assert "| argument -> tanh |  | 100.00% | 0.5000 |\n" in shown
    for part in PASSES:
        assert f"**{part}: dtypes**" in shown


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_picture(files, tmp_path, ending):
    pytest.importorskip("matplotlib")
    one, other = files(one=[_row(0, "sine", backward=())], other=[_row(0, "tanh")])
    paths = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in paths:
        assert main(["stats", one, "--against", other, "--plot", str(path)]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size > 5000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--against", "none.jsonl"], "`--against` (=none.jsonl) doesn't exist"),
        (["--against", "words.jsonl"], "line 1 of words.jsonl is not a complete row"),
        (["--against", "jaxpr.jsonl"], "the rows have no StableHLO (they have jaxpr)"),
        (["--against", "others.jsonl"], "has no row whose StableHLO can be read"),
        (["rows.jsonl", "--against", "rows.jsonl"], "`--against` (=rows.jsonl) needs one DATASET"),
        (["--plot", "p.svg"], "`--plot` (=p.svg) needs `--against`"),
        (["--against", "rows.jsonl", "--plot", "p.gif"], "must end in .svg, .png, .pdf"),
        (["--against", "rows.jsonl", "--json", "rows.jsonl", "--overwrite"], "`--json`"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    row = _row(0, "sine")
    jaxpr = row | {"cpp": row["cpp"].replace("stablehlo", "jaxpr", 1)}
    for name, content in {
        "rows": json.dumps(row), "words": "hello", "jaxpr": json.dumps(jaxpr),
        "others": '{"text": "x"}',
    }.items():  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text(content + "\n")
    assert main(["stats", "rows.jsonl", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    assert line.startswith("jax-ir-synth stats: error: ") and said in line
