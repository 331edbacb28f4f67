"""Files of predictions: read piece by piece, and refused as a whole before anything is judged."""

import json
import tracemalloc

import pyarrow
import pytest
from pyarrow import parquet
from scored_rows import write

from jax_ir_synth.evaluate import predictions
from jax_ir_synth.evaluate.predictions import PredictionsError, from_mapping, open_predictions


def _all(given) -> dict:
    with given:
        found = {id: list(given.completions(id)) for id in given.counts}
        assert {id: len(several) for id, several in found.items()} == given.counts
        return found


def _errors(path) -> list[str]:
    with pytest.raises(PredictionsError) as raised:
        open_predictions(path)
    return str(raised.value).splitlines()


def test_one_several_and_several_lines_of_an_id(tmp_path):
    path = write(
        tmp_path / "p.jsonl",
        [
            {"id": 5, "completion": "a"},
            {"id": 2, "completions": ["b", "c"]},
            "",
            {"id": 5, "completion": "é\ud800", "model": "ignored"},
            {"id": 5, "completions": [""]},
        ],
    )
    given = open_predictions(path)
    assert list(given.counts) == [5, 2]
    assert given.locate_id(2) == f"line 2 of {path}"
    assert _all(given) == {5: ["a", "é\ud800", ""], 2: ["b", "c"]}


def test_the_last_line_may_lack_its_end(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"id": 1, "completion": "a"}\r\n{"id": 2, "completion": "b"}')
    assert _all(open_predictions(path)) == {1: ["a"], 2: ["b"]}


def test_the_other_containers(tmp_path):
    records = [{"id": 1, "completion": "a"}, {"id": 0, "completions": ["b", "c"]}]
    (tmp_path / "p.json").write_text(json.dumps(records))
    table = pyarrow.Table.from_pylist(
        records,
        pyarrow.schema(
            [
                ("id", pyarrow.int64()),
                ("completion", pyarrow.string()),
                ("completions", pyarrow.list_(pyarrow.string())),
            ]
        ),
    )
    parquet.write_table(table, tmp_path / "p.parquet")
    for name in ("p.json", "p.parquet"):
        assert _all(open_predictions(tmp_path / name)) == {1: ["a"], 0: ["b", "c"]}
    assert _all(from_mapping({1: "a", 0: ["b", "c"]})) == {1: ["a"], 0: ["b", "c"]}


def test_each_error_is_a_line_that_names_the_place(tmp_path):
    path = write(
        tmp_path / "p.jsonl",
        [
            {"id": 0, "completion": "fine"},
            {"completion": "a"},
            {"id": "7", "completion": "a"},
            {"id": True, "completion": "a"},
            {"id": 1, "completion": None},
            {"id": 1, "completion": "a", "completions": ["a"]},
            {"id": 1, "completions": "a"},
            {"id": 1, "completions": []},
            {"id": 1, "completions": ["a", 3]},
            "[1]",
            '{"id": 1, "compl',
        ],
    )
    right = predictions._RIGHT
    assert _errors(path) == [
        f"line 2 of {path} has no id; it must be {right}",
        f'line 3 of {path} has an id (="7") that must be an integer, a row\'s `id`',
        f"line 4 of {path} has an id (=true) that must be an integer, a row's `id`",
        f"line 5 of {path} (id 1) has a completion (=null) that must be a string",
        f"line 6 of {path} (id 1) must have one of completion and completions: {right}",
        f'line 7 of {path} (id 1) has completions (="a") that must be a list of strings, one at '
        "least",
        f"line 8 of {path} (id 1) has completions (=[]) that must be a list of strings, one at "
        "least",
        f"line 9 of {path} (id 1) has completions (=3) that must be a string",
        f"line 10 of {path} is no object; it must be {right}",
        f"line 11 of {path} is no JSON: Unterminated string starting at: line 1 column 11 "
        f"(char 10); it must be {right}",
    ]
    path.write_bytes(b'{"id": "\xff"}\n' * 12)
    lines = _errors(path)
    assert lines[0].startswith(f"line 1 of {path} is no JSON: 'utf-8' codec can't decode")
    assert lines[1:] == ["... and 11 more errors in the predictions"]
    write(path, [{"id": 0, "completion": number} for number in range(12)])
    lines = _errors(path)
    assert len(lines) == 11 and lines[-1] == "... and 2 more errors in the predictions"


def test_a_wrong_file_is_described_once(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"id": id, "python": "…"} for id in range(12)])
    assert _errors(path) == [
        f"line 1 of {path} (id 0) must have one of completion and completions: "
        f"{predictions._RIGHT}",
        "... and 11 more errors in the predictions",
    ]


def test_nesting_that_python_cant_follow(tmp_path):
    (line,) = _errors(write(tmp_path / "p.jsonl", ["[" * 10**6]))
    assert line.startswith(f"line 1 of {tmp_path}/p.jsonl is nested too deeply")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", b"", "`--predictions` (={}) must be a .jsonl, .json or .parquet"),
        ("p.jsonl", None, "`--predictions` (={}) doesn't exist"),
        ("p.jsonl", b"\n", "{} holds no predictions: a line must be "),
        ("p.json", b"[", "{} is no JSON: "),
        ("p.json", b"{}", "{} must hold a list of "),
        ("p.parquet", b"PAR1", "{} is not a complete Parquet file: "),
    ],
)
def test_what_is_no_file_of_predictions(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    (line,) = _errors(path)
    assert line.startswith(said.replace("{}", str(path)))


def test_what_is_no_mapping_of_predictions():
    for wrong in ({1: None}, {1: [b"a"]}, {1: []}, {"1": "a"}, {None: "a"}):
        with pytest.raises(PredictionsError, match="entry 1 of the predictions"):
            from_mapping(wrong)
    with pytest.raises(PredictionsError, match="holds no predictions"):
        from_mapping({})


def test_a_line_without_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "_MAX_LINE_BYTES", 100)
    monkeypatch.setattr(predictions, "_BLOCK_BYTES", 7)
    path = write(tmp_path / "p.jsonl", [{"id": 0, "completion": "x" * 500}, {"id": 1}])
    first, second = _errors(path)
    assert first == f"line 1 of {path} is longer than 100 bytes"
    assert second.startswith(f"line 2 of {path} (id 1) must have one of")


def test_texts_are_not_held(tmp_path):
    # A completion of 100 MB is one at a time, and nothing of it once its turn is over.
    records = ({"id": id, "completion": "x" * 10**6} for id in range(64))
    path = write(tmp_path / "p.jsonl", records)
    tracemalloc.start()
    try:
        with open_predictions(path) as given:
            for id in given.counts:
                (text,) = given.completions(id)
                assert len(text) == 10**6
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * 10**6


def test_the_digest_is_of_the_lines(tmp_path):
    records = [{"id": 0, "completion": "a"}]
    first = write(tmp_path / "a.jsonl", records)
    second = write(tmp_path / "b.jsonl", records)
    third = write(tmp_path / "c.jsonl", [{"id": 0, "completion": "b"}])
    digests = []
    for path in (first, second, third):
        with open_predictions(path) as given:
            digests.append(given.digest)
    assert digests[0] == digests[1] != digests[2]
