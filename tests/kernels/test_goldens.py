"""Recorded rows, one a category: the same text again, and the same results when it is executed.

With `--record-goldens` they are written anew, after a change that is meant to change rows; with
`-k "[NAME]"` too, that of one category alone, as for a new one. A recorded row holds the jax version that lowered it: under another one its
IR may differ, and then only its source is compared.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.request import categories
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.interpreter import Program

FOLDER = Path(__file__).parent / "goldens"
SEED, INPUTS = 2026, 1


def fresh(category: str) -> dict:
    request = Request(category=category, seed=SEED, count=1)
    (planned,) = plan_rows(request)
    return make_row(request, planned)


def results(row: dict) -> list:
    with open_module(read_section(row["cpp"]).forward) as module:
        computed = Program(module)(draw_inputs(row["in_avals"], INPUTS))
    return [np.round(np.float64(x), 6).tolist() for x in computed]


def read_golden(category: str) -> dict:
    path = FOLDER / f"{category}.json"
    if not path.exists():
        pytest.fail(
            f"{category} has no recorded row. Record it, and no other: "
            f'python -m pytest tests/kernels/test_goldens.py -k "[{category}]" --record-goldens'
        )
    return json.loads(path.read_text())


@pytest.mark.parametrize("category", categories.CATEGORIES)
def test_a_recorded_row_comes_out_the_same(category, request):
    row = fresh(category)
    if request.config.getoption("--record-goldens"):
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps({"row": row, "results": results(row)}, indent=1) + "\n"
        (FOLDER / f"{category}.json").write_text(text)
    recorded = read_golden(category)["row"]
    if recorded["jax_version"] == version("jax"):
        assert row == recorded
        return
    lowered = ("cpp", "cuda", "program_hash", "jax_version")
    assert {k: v for k, v in row.items() if k not in lowered} == {
        k: v for k, v in recorded.items() if k not in lowered
    }


@pytest.mark.parametrize("category", categories.CATEGORIES)
def test_a_recorded_row_computes_the_same(category):
    recorded = read_golden(category)
    computed = results(fresh(category))
    for ours, theirs in zip(computed, recorded["results"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_missing_golden_is_reported_with_the_command_that_records_it(monkeypatch, tmp_path):
    monkeypatch.setitem(globals(), "FOLDER", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r'-k "\[loop\]" --record-goldens'):
        read_golden("loop")
