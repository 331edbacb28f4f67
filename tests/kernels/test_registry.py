"""A module and a line make one more category: configs, plan and command follow."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax_ir_synth
from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.lowering.features import find_features
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.ir_section import read_section

GRAMMAR = '''"""Category `halves`: a value and its half."""

from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.productions import common

SIGNATURE = Signature(
    requires={"several_results", "shrinks"},
    forbids={"vec3", "reduction", "iteration", "compound"},
)


def draw(d):
    x = d.argument((8,), 0.5, 2.0)
    y = common.one_unary(d, common.one_unary(d, x))
    half = d.apply("slice", y, axis=0, start=0, stop=2, step=1)
    return half, d.apply("mul", 0.5, half)
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


def categories_of(row: dict) -> list[str]:
    """The categories whose signature the row's IR has: its own alone."""
    space: dict = {"Signature": Signature}
    start = GRAMMAR.index("SIGNATURE")
    exec(GRAMMAR[start : GRAMMAR.index("def draw")], space)
    section = read_section(row["cpp"])
    has = find_features(section.forward, section.backward)
    signatures = {name: kernels.signature(name) for name in CATEGORIES}
    signatures["halves"] = space["SIGNATURE"]
    return [name for name, signature in signatures.items() if signature.holds(has)]


def test_one_file_and_one_line_add_a_category(tmp_path):
    package = tmp_path / "jax_ir_synth"
    shutil.copytree(
        Path(jax_ir_synth.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "kernels" / "halves.py").write_text(GRAMMAR)
    registry = package / "request" / "categories.py"
    last = f'    "{CATEGORIES[-1]}",\n'
    registry.write_text(registry.read_text().replace(last, f'{last}    "halves",\n'))

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
    # Its rows take turns with those of the others, whose number is that of its place.
    turn = len(CATEGORIES)
    assert [row["id"] for row in rows] == [turn, 2 * turn + 1, 3 * turn + 2]
    assert [categories_of(row) for row in rows] == [["halves"]] * 3

    names = run(
        tmp_path,
        "-c",
        "import jax_ir_synth, datasets\nprint(datasets.get_dataset_config_names('./jax_ir_synth'))",
    )
    assert "'halves'" in names.stdout
