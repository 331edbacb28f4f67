"""`jax-ir-synth harvest`: the rows, what is beside them, the table, and what is refused."""

import json

import pytest
from pyarrow import parquet

from jax_ir_synth.cli.main import main


@pytest.fixture(scope="module")
def ran(toy, tmp_path_factory):
    """The folder in which the command has run, on the file with the functions."""
    folder = tmp_path_factory.mktemp("ran")
    words = [
        "harvest",
        str(toy / "toyjax" / "functions.py"),
        *("--script", str(toy / "script.py")),
        *("--output", str(folder / "rows.parquet")),
        *("--json", str(folder / "counts.json")),
        "--no-guess",
    ]
    assert main(words) == 0
    return folder


def test_the_rows_and_what_is_beside_them(ran):
    rows = parquet.read_table(ran / "rows.parquet").to_pylist()
    assert [row["id"] for row in rows] == list(range(len(rows)))
    names = {row["qualname"] for row in rows}
    assert names >= {"sum_tanh", "affine", "make_power.<locals>.power"}
    assert {(row["type"], row["license"]) for row in rows} == {("real", "MIT")}
    left_out = (ran / "rows.parquet.left_out.jsonl").read_text().splitlines()
    assert {"log_ratio", "only_texts"} <= {json.loads(line)["qualname"] for line in left_out}
    (license,) = (ran / "LICENSES").iterdir()
    assert "Permission is hereby granted" in license.read_text()
    assert not (ran / "rows.parquet.journal").exists()
    counts = json.loads((ran / "counts.json").read_text())
    assert counts["total"]["rows"] == len(rows)


def test_the_rows_are_read_by_other_commands(ran, capsys):
    assert main(["stats", str(ran / "rows.parquet")]) == 0
    assert "real" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "`PACKAGE` is missing"),
        (["no_such_package_here"], "`PACKAGE` (=no_such_package_here) must be a package"),
        (["math"], "`PACKAGE` (=math) must be a package"),
        (["./nowhere"], "`PACKAGE` (=./nowhere) must be a folder or a .py file that exists"),
        (["jax", "--real"], "`PACKAGE` (=jax) must not be given with --real"),
        (["jax", "--renew"], "`--renew` is for --real with --lock"),
        (["jax", "--licenses", "mine"], "`--licenses` (=mine) has no name of SPDX: mine"),
        (["jax", "--script", "none.py"], "`--script` (=none.py) must be a .py file that exists"),
        (["jax", "--output", "rows"], "`--output` (=rows) must be a .jsonl or .parquet file"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["harvest", *words]) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.count("\n") == 1 and not shown.out
    assert not list(tmp_path.iterdir())
