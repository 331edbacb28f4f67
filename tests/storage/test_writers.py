"""Every format holds the same rows. An output is either complete or absent."""

import json

import datasets
import pyarrow.parquet
import pytest

from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.splits import SPLITS, split_of
from jax_ir_synth.storage.outputs import OutputError
from jax_ir_synth.storage.writers import FOLDER, JSONL, PARQUET, choose_format, open_output

NAMES = {JSONL: "rows.jsonl", PARQUET: "rows.parquet", FOLDER: "rows"}


def _write(path, kind, rows, overwrite=True):
    with open_output(path, kind, overwrite) as write:
        for row in rows:
            write(row)


def _read(path, kind) -> list[dict]:
    if kind == JSONL:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if kind == PARQUET:
        return pyarrow.parquet.read_table(path).to_pylist()
    saved = datasets.load_from_disk(path)
    assert list(saved) == list(SPLITS)
    for split, rows in saved.items():
        assert all(split_of(digest) == split for digest in rows["skeleton_hash"])
        assert rows.features.arrow_schema.remove_metadata() == SCHEMA
    return sorted((row for rows in saved.values() for row in rows), key=lambda row: row["id"])


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("count", [None, 1])
def test_every_format_holds_the_rows(tmp_path, reference, kind, count):
    path = tmp_path / "new" / "folder" / NAMES[kind]
    _write(path, kind, reference[:count])
    assert _read(path, kind) == reference[:count]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", NAMES)
def test_more_rows_than_a_batch(tmp_path, reference, kind):
    rows = [reference[number % len(reference)] | {"id": number} for number in range(600)]
    _write(tmp_path / NAMES[kind], kind, rows)
    assert _read(tmp_path / NAMES[kind], kind) == rows


@pytest.mark.parametrize("kind", NAMES)
def test_an_earlier_result_is_replaced(tmp_path, reference, kind):
    path = tmp_path / NAMES[kind]
    _write(path, kind, reference[:5])
    _write(path, kind, reference[5:9])
    assert _read(path, kind) == reference[5:9]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing_new(tmp_path, reference, kind, failure):
    path = tmp_path / NAMES[kind]
    _write(path, kind, reference[:5])
    with pytest.raises(failure), open_output(path, kind, overwrite=True) as write:
        write(reference[6])
        raise failure
    assert _read(path, kind) == reference[:5]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_jsonl_line_is_a_complete_row_in_column_order(tmp_path, reference):
    _write(tmp_path / "a.jsonl", JSONL, reference)
    lines = (tmp_path / "a.jsonl").read_bytes().split(b"\n")
    assert lines[-1] == b"" and len(lines) == len(reference) + 1
    assert all(list(json.loads(line)) == SCHEMA.names for line in lines[:-1])


def test_json_without_nan(tmp_path, reference):
    with pytest.raises(ValueError, match="JSON compliant"):
        _write(tmp_path / "a.jsonl", JSONL, [reference[0] | {"id": float("nan")}])
    assert list(tmp_path.iterdir()) == []


def test_datasets_reads_the_files(tmp_path, reference):
    _write(tmp_path / "a.parquet", PARQUET, reference)
    _write(tmp_path / "a.jsonl", JSONL, reference)
    for name, file in (("parquet", "a.parquet"), ("json", "a.jsonl")):
        rows = datasets.load_dataset(
            name, data_files=str(tmp_path / file), split="train", cache_dir=tmp_path / "cache"
        )
        assert list(rows) == reference


def test_the_parquet_schema_is_plain(tmp_path, reference):
    """Otherwise datasets 3.6.0 reads features there that datasets 4 and 5 wrote, and fails."""
    _write(tmp_path / "a.parquet", PARQUET, reference[:2])
    assert not pyarrow.parquet.read_schema(tmp_path / "a.parquet").metadata


@pytest.mark.parametrize(
    ("name", "jsonl", "kind"),
    [
        ("a.jsonl", False, JSONL),
        ("a.JSONL", False, JSONL),
        ("a.parquet", False, PARQUET),
        ("a", False, FOLDER),
        ("b/.hidden", False, FOLDER),
        ("a", True, JSONL),
        ("a.txt", True, JSONL),
    ],
)
def test_the_format_of_a_path(tmp_path, name, jsonl, kind):
    assert choose_format(tmp_path / name, jsonl) == kind


@pytest.mark.parametrize(
    ("name", "jsonl"), [("a.csv", False), ("a.json", False), ("a.parquet", True)]
)
def test_a_path_without_a_format(tmp_path, name, jsonl):
    with pytest.raises(ValueError, match=r"must end in \.jsonl or \.parquet"):
        choose_format(tmp_path / name, jsonl)


def test_foreign_files_are_never_replaced(tmp_path, reference):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("years of work")
    for name, kind, said in (
        ("folder", JSONL, "is a folder"),
        ("folder", PARQUET, "is a folder"),
        ("folder", FOLDER, "holds something else"),
        ("file", FOLDER, "must be a dataset folder"),
    ):
        with pytest.raises(OutputError, match=said):
            _write(tmp_path / name, kind, reference[:1])
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "years of work"
    assert len(list(tmp_path.iterdir())) == 2
