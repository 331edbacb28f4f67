"""`benchmarks/fit_costs.py`: which files it edits, and when it edits none."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jax_ir_synth.kernels.ops import OPS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fit_costs.py"


@pytest.fixture(scope="module")
def fit_costs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fit_costs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def records(fit_costs, tmp_path) -> Path:
    """A copy of the records."""
    folder = tmp_path / "ops"
    shutil.copytree(fit_costs.RECORDS_FOLDER, folder)
    return folder


def _content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in folder.glob("*.py")}


def test_only_files_with_edits_are_written(fit_costs, records):
    before = _content(records)
    name = next(op.name for op in OPS.values() if op.ir_bytes and not op.sized_as)
    fit_costs.write_sizes({name: 123_450}, records)
    after = _content(records)
    (edited,) = (file for file in before if after[file] != before[file])
    text = after[edited][0].decode()
    assert "ir_bytes=123450" in text
    compile(text, edited, "exec")
    assert (
        text.replace("ir_bytes=123450", f"ir_bytes={OPS[name].ir_bytes}").encode()
        == (before[edited][0])
    )


def test_nothing_to_measure(fit_costs, monkeypatch, capsys):
    assert all(op.ir_bytes is not None for op in OPS.values() if not op.sized_as)
    monkeypatch.setattr(fit_costs, "write_sizes", lambda *_: pytest.fail("a record was written"))
    monkeypatch.setattr(sys, "argv", ["fit_costs.py"])
    fit_costs.main()
    assert "nothing to measure" in capsys.readouterr().out


def test_another_package_than_the_one_beside_it_is_refused(fit_costs, monkeypatch, tmp_path):
    monkeypatch.setattr(fit_costs.kernels, "__file__", str(tmp_path / "kernels" / "__init__.py"))
    monkeypatch.setattr(sys, "argv", ["fit_costs.py"])
    with pytest.raises(SystemExit, match="this would edit .*: run it with PYTHONPATH="):
        fit_costs.main()
