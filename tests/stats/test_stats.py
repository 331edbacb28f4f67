"""Figures of small datasets in every format, and the command that prints them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jax_ir_synth.cli.main import main
from jax_ir_synth.cli.stats import summarise
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.stats import tables
from jax_ir_synth.stats.audit import CHECKS, audit
from jax_ir_synth.stats.figures import Figures
from jax_ir_synth.storage.writers import FOLDER, JSONL, PARQUET, open_output


@pytest.fixture
def save(tmp_path):
    def saved(rows, kind) -> Path:
        path = tmp_path / {JSONL: "rows.jsonl", PARQUET: "rows.parquet", FOLDER: "rows"}[kind]
        with open_output(path, kind) as write:
            for row in rows:
                write(row)
        return path

    return saved


def _summary(rows) -> dict:
    figures = Figures()
    for row in rows:
        figures.add(RowView(row))
    return figures.summary()


@pytest.mark.parametrize("kind", [JSONL, PARQUET, FOLDER])
def test_every_format_has_the_same_figures(good, save, kind):
    found, expected = summarise(save(good, kind)), _summary(good)
    # A folder stores the rows in another order.
    assert sorted(map(str, found.pop("faults"))) == sorted(map(str, expected.pop("faults")))
    assert found == expected
    assert found["rows"] == len(good)


def test_one_split_saved_by_itself(good, save, tmp_path):
    import datasets

    rows = datasets.load_from_disk(save(good, FOLDER))["train"]
    rows.save_to_disk(tmp_path / "train")
    assert summarise(tmp_path / "train")["rows"] == len(rows)


def test_a_folder_with_other_splits(good, save, tmp_path):
    import datasets

    rows = datasets.load_from_disk(save(good, FOLDER))["train"]
    datasets.DatasetDict(test=rows).save_to_disk(tmp_path / "moved")
    assert summarise(tmp_path / "moved")["audit"]["leaks"] == len(rows)


def test_a_folder_with_a_split_without_rows(good, save, tmp_path):
    import datasets

    rows = datasets.load_from_disk(save(good, FOLDER))["train"]
    splits = datasets.DatasetDict(train=rows, test=rows.select([]).flatten_indices())
    splits.save_to_disk(tmp_path / "saved")
    assert summarise(tmp_path / "saved")["rows"] == len(rows)


def test_figures_of_rows_that_are_known(make):
    rows = [
        make(
            'def kernel_a(x):\n    """Doc."""\n\n    return jnp.sin(x).sum(), x * 2.0\n',
            (4,), id=1, split="test",
        ),
        make(
            "def kernel_b(x):\n    return jnp.linalg.inv(x) * 3.0\n",
            (4, 4), id=2, category="compound",
        ),
        make(
            "def kernel_b(y):\n    return jnp.linalg.inv(y) * 4.0\n",
            (8, 8), id=3, category="compound",
        ),
    ]  # fmt: skip
    found = _summary(rows)
    assert found["rows"] == 3
    assert found["rows_by_category"] == {
        "unary": {"train": 0, "validation": 0, "test": 1},
        "compound": {"train": 2, "validation": 0, "test": 0},
    }
    assert found["distinct"] == {
        "python": 3, "ir": 3, "program_hash": 3,
        "masked_python": 2, "masked_ir": 2, "skeleton_hash": 2,
    }  # fmt: skip
    assert found["cpu_cuda_differ"] == {
        "unary": {"rows": 0, "of": 1},
        "compound": {"rows": 2, "of": 2},
    }
    assert found["operations"]["stablehlo.sine"] == 1
    assert found["operations_by_category"]["compound"]["stablehlo.custom_call"] == 2
    # Only CUDA's text has this operation.
    assert found["operations_by_category"]["compound"]["stablehlo.triangular_solve"] == 2
    assert found["functions"] == {"jax.numpy.linalg.inv": 2, "jax.numpy.sin": 1}
    assert found["functions_by_library"] == {"jax.numpy": 2}
    assert found["methods"] == {"sum": 1}
    assert found["survey"]["used"] == 808 + 193 + 86 + 14  # sum, linalg, sin, linalg.inv
    assert found["sizes"]["source_lines"] == {"median": 2, "p95": 3, "max": 3}
    lengths = sorted(len(row["cuda"]) for row in rows)
    assert list(found["sizes"]["cuda_bytes"].values()) == [lengths[1], lengths[2], lengths[2]]
    assert found["sizes"]["row_bytes"]["max"] == max(
        sum(len(value) for value in row.values() if isinstance(value, str)) for row in rows
    )
    assert found["arguments"] == {1: 3} and found["dtypes"] == {"float32": 3}
    assert found["ranks"] == {1: 1, 2: 2}
    assert found["traits"] == {
        "several_outputs": 1, "docstring": 1, "annotations": 0, "inner_function": 0, "lambda": 0,
    }  # fmt: skip
    # The first row has two outputs, so its category isn't unary.
    assert found["audit"] == {check: int(check == "category_mismatch") for check in CHECKS}
    assert [fault["id"] for fault in found["faults"]] == [1]


def test_a_dataset_for_one_device(good):
    found = _summary([row | {"cpp": None} for row in good])
    assert set(found["sizes"]) == {"source_lines", "cuda_bytes", "row_bytes"}
    assert {part["of"] for part in found["cpu_cuda_differ"].values()} == {0}
    assert found["operations"] and "CPU and CUDA text differ" not in tables.format_main_figures(
        found
    )


def test_what_is_shown(good, save, capsys, tmp_path):
    paths = [str(save(good, JSONL)), str(save(good, PARQUET))]
    code = main(["stats", *paths, "-v", "--json", str(tmp_path / "figures.json")])
    assert code == int(bool(audit(good)))
    shown = capsys.readouterr().out
    listed = ("survey", "audit: leaks", "stablehlo.add", "jax.numpy.")
    for word in (*paths, *CATEGORIES, *SPLITS, *listed):
        assert word in shown
    assert "\x1b" not in shown
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == paths
    for found in figures.values():
        assert found["rows"] == len(good)
        assert len(found["faults"]) == sum(found["audit"].values())
        for category, splits in found["rows_by_category"].items():
            for split, count in splits.items():
                here = [row for row in good if row["type"] == f"generate_{category}"]
                assert count == sum(split_of(row["skeleton_hash"]) == split for row in here)


def test_a_table_for_the_readme(good, save, capsys):
    paths = [str(save(good[:5], JSONL)), str(save(good, PARQUET))]
    main(["stats", *paths, "--markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"| figure | {paths[0]} | {paths[1]} |"
    assert lines[2] == f"| rows | 5 | {len(good)} |"
    assert {line.count("|") for line in lines} == {4}


def test_a_share_is_never_rounded_up(good):
    found = _summary(good)
    found |= {"rows": 3000, "distinct": found["distinct"] | {"python": 2999, "ir": 3000}}
    figures = tables.format_main_figures(found)
    assert figures["distinct Python texts"] == "2,999 (99.9%)"
    assert figures["distinct IR texts"] == "3,000 (100.0%)"


def test_faults_are_told_and_are_exit_code_1(good, save, capsys):
    rows = [*good[:4], good[2] | {"id": 1000}]
    assert main(["stats", str(save(rows, JSONL))]) == 1
    shown = capsys.readouterr().out
    assert f"duplicates: row 1000: its program_hash is that of row {good[2]['id']}\n" in shown


def test_a_malformed_row_counts_as_a_fault_alone(good):
    found = _summary([*good[:3], good[3] | {"cpp": None}, {"id": 7}])
    assert found["rows"] == 3
    assert found["audit"]["inconsistent"] == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none", None, "doesn't exist"),
        ("rows.csv", "id\n1\n", "must be a .jsonl or .parquet file, or a folder of save_to_disk"),
        ("empty.jsonl", "", "has no complete row"),
        ("words.jsonl", "hello\n", "line 1 of "),
        ("number.jsonl", "3\n", "is not a row: '3\\n'"),
        (
            "others.jsonl",
            '{"text": "x"}\n',
            "has no complete row: it has no column id, kernel_name",
        ),
        ("rows.parquet", "PAR1", "is not a complete Parquet file"),
        ("folder/file", "", "is a folder, but none of save_to_disk"),
    ],
)
def test_what_is_no_dataset_is_one_line_and_exit_code_2(tmp_path, capsys, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    given = path.parent if name.startswith("folder") else path
    code = main(["stats", str(given)])
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    (line,) = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    assert line.startswith("jax-ir-synth stats: error: ")
    assert str(given) in line and said in line


def test_a_cut_off_file(good, save, capsys):
    path = save(good[:4], JSONL)
    path.write_bytes(path.read_bytes()[:-50])
    code = main(["stats", str(path)])
    assert code == 2
    assert f"line 4 of {path} is not a complete row" in capsys.readouterr().err.splitlines()[-1]


def test_figures_that_cant_be_written(good, save, capsys, tmp_path):
    code = main(
        ["stats", str(save(good[:2], JSONL)), "--json", str(tmp_path / "none" / "figures.json")]
    )
    assert code == 2
    assert "must be a file in a folder that exists" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("module", ["jax_ir_synth.stats", "jax_ir_synth.samples"])
def test_help_and_wrong_arguments_load_nothing_heavy(module):
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    for arguments, code in ((["--help"], 0), (["--wat"], 2)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", module, *arguments],
            env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code
        loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
        assert not loaded & {"jax", "datasets", "pyarrow", "rich", "pandas"}
