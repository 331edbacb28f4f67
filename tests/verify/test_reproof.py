"""The command `python -m jax_ir_synth.verify` on real rows, with hostile ones among them."""

import json

import pytest

from jax_ir_synth.cli.main import main
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.lowering import hash_program
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import IrSection, read_section, write_sections

REQUEST = Request(seed=31, count=20, verify=False)
HOSTILE = {
    "an endless loop": """
    %c = stablehlo.constant dense<true> : tensor<i1>
    %0 = stablehlo.while(%i = %arg0) : tensor<4xf32>
     cond { stablehlo.return %c : tensor<i1> }
     do { stablehlo.return %i : tensor<4xf32> }""",
    "100 GB": """
    %c = stablehlo.constant dense<1.0> : tensor<f32>
    %1 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<f32>) -> tensor<25000x1000x1000xf32>
    %0 = stablehlo.negate %arg0 : tensor<4xf32>""",
    "an operation that the interpreter would abort on": """
    %0 = "stablehlo.all_reduce"(%arg0) ({
      ^bb0(%a: tensor<f32>, %b: tensor<f32>):
        %s = stablehlo.add %a, %b : tensor<f32>
        stablehlo.return %s : tensor<f32>
    }) {replica_groups = dense<[[0, 1]]> : tensor<1x2xi64>} : (tensor<4xf32>) -> tensor<4xf32>""",
    "a call of something else": """
    %0 = stablehlo.custom_call @xla_ffi_python_cpu_callback(%arg0) {api_version = 4 : i32,
      backend_config = {index = 0 : ui64}} : (tensor<4xf32>) -> tensor<4xf32>""",
}


@pytest.fixture(scope="module")
def good() -> list[dict]:
    return list(rows(REQUEST, plan_rows(REQUEST)))


def hostile(body: str, number: int) -> dict:
    """A row that is whole in each of its columns, whose modules have this body."""
    module = (
        "module @m {\n  func.func public @main(%arg0: tensor<4xf32>) -> tensor<4xf32> {"
        f"{body}\n    return %0 : tensor<4xf32>\n  }}\n}}"
    )
    return {
        "id": number,
        "kernel_name": "kernel_f",
        "python": "def kernel_f(x):\n    return -x\n",
        "cpp": write_sections(IrSection("cpu", "stablehlo", (0,), module, module)),
        "cuda": write_sections(IrSection("gpu", "stablehlo", (0,), module, module)),
        "type": "generate_unary",
        "in_avals": [{"name": "x", "shape": [4], "dtype": "float32", "low": 0.5, "high": 2.0}],
        "argnums": [0],
        "program_hash": hash_program(module, module),
        "skeleton_hash": "0" * 32,
        "jax_version": "0.10.2",
        "verified": "interpreter",
    }


def save(path, saved: list[dict]):
    path.write_text("".join(json.dumps(row) + "\n" for row in saved), encoding="utf-8")
    return str(path)


def test_rows_that_were_not_proven_are_proven_now(good, tmp_path, capsys):
    assert main(["verify", save(tmp_path / "rows.jsonl", good)]) == 0
    shown = capsys.readouterr().out
    assert "interpreter" in shown and "nested_branch" in shown
    assert "interpreter+arrays" not in shown


def test_arrays_execute_them_if_they_are_asked_for(good, tmp_path, capsys):
    saved = save(tmp_path / "rows.jsonl", good)
    figures = tmp_path / "figures.json"
    assert main(["verify", saved, "--executor", "arrays", "--json", str(figures)]) == 0
    proven = [part["proven"] for part in json.loads(figures.read_text())["categories"].values()]
    ways = {way: sum(each.get(way, 0) for each in proven) for each in proven for way in each}
    assert sum(ways.values()) == len(good)
    assert ways["interpreter+arrays"] > len(good) / 2
    capsys.readouterr()
    assert main(["verify", saved, "--executor", "numpy"]) == 2
    assert "'numpy' is not one of 'interpreter', 'arrays'" in capsys.readouterr().err


def test_each_bad_row_fails_alone_and_is_named_by_its_line(good, tmp_path, capsys):
    columns = read_section(good[3]["cpp"])
    forward = columns.forward.replace("stablehlo.add", "stablehlo.subtract").replace(
        "stablehlo.multiply", "stablehlo.add"
    )
    assert forward != columns.forward
    wrong = {**good[3], "cuda": None, "program_hash": hash_program(forward, columns.backward)}
    wrong["cpp"] = write_sections(columns._replace(forward=forward))
    # Rows of one dataset fill the same columns, but each is checked by itself.
    saved = [*good[:3], wrong]
    saved += [hostile(body, 100 + k) for k, body in enumerate(HOSTILE.values())] + good[4:6]
    found = tmp_path / "found.json"
    code = main(
        ["verify", save(tmp_path / "rows.jsonl", saved), "--timeout", "8", "--json", str(found)]
    )
    assert code == 1
    failures = json.loads(found.read_text())["failures"]
    said = {failure["where"].split(" of ")[0]: failure["reason"] for failure in failures}
    assert list(said) == [f"line {number}" for number in range(4, 9)]
    assert "cpp, forward" in said["line 4"]
    assert "a loop of it takes more than 10,000 turns" in said["line 5"]
    assert "steps, above 20,000,000" in said["line 6"]
    assert "stablehlo.all_reduce of several devices is not run here" in said["line 7"]
    assert "xla_ffi_python_cpu_callback" in said["line 8"]
    assert "line 5 of" in capsys.readouterr().err
