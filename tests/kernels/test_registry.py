"""An eleventh category is one new file and one line: configs, plan and command follow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax_ir_synth

GRAMMAR = '''"""Category `halves`: a value and its half."""

from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.productions import common

SIGNATURE = Signature(requires={"several_results"}, forbids={"vec3", "iteration", "compound"})


def draw(d):
    x = common.array(d, common.shape(d, 1, 2))
    y = common.one_unary(d, common.one_unary(d, x))
    return y, d.apply("mul", 0.5, y)
'''


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )


def test_one_file_and_one_line_add_a_category(tmp_path):
    package = tmp_path / "jax_ir_synth"
    shutil.copytree(
        Path(jax_ir_synth.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "kernels" / "halves.py").write_text(GRAMMAR)
    registry = package / "request" / "categories.py"
    registry.write_text(
        registry.read_text().replace('    "compound",\n', '    "compound",\n    "halves",\n')
    )

    run(
        tmp_path,
        "-m",
        "jax_ir_synth",
        "--config",
        "halves",
        "--count",
        "3",
        "--output",
        "rows.jsonl",
    )
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["type"] for row in rows] == ["generate_halves"] * 3
    assert [row["id"] for row in rows] == [10, 21, 32]

    names = run(
        tmp_path,
        "-c",
        "import jax_ir_synth, datasets\nprint(datasets.get_dataset_config_names('./jax_ir_synth'))",
    )
    assert "'halves'" in names.stdout
