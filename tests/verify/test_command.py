"""The command `python -m jax_ir_synth.verify`, with a stub in the place of the real check."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from jax_ir_synth.cli.main import main
from jax_ir_synth.schema.columns import SCHEMA

CHECK = "stub_checks:obey"
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _stubs(monkeypatch):
    # Helpers take over the path.
    monkeypatch.syspath_prepend(str(HERE))


def _row(number, order="interpreter", category="unary") -> dict:
    empty = dict.fromkeys(SCHEMA.names)
    return empty | {"id": number, "python": order, "type": f"generate_{category}"}


def _lines(path, *lines) -> str:
    texts = (json.dumps(line) if isinstance(line, dict) else line for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return str(path)


def _parquet(path, rows, columns=SCHEMA.names) -> str:
    schema = pyarrow.schema([SCHEMA.field(name) for name in columns])
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path)
    return str(path)


def _verify(words, check=CHECK) -> int:
    """The command, with a stub in the place of the check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jax_ir_synth.verify.reproof.CHECK", check)
        return main(["verify", *words])


def _one_line(capsys) -> str:
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    return line


def _refused(capsys, *arguments) -> str:
    code = _verify(arguments)
    assert code == 2
    line = _one_line(capsys)
    start = "jax-ir-synth verify: error: "
    assert line.startswith(start)
    return line.removeprefix(start)


def test_all_rows_proven(tmp_path, capsys):
    rows = [_row(0), _row(1, "interpreter+numpy"), _row(2, "interpreter+numpy", "loop")]
    for path in (_lines(tmp_path / "a.jsonl", *rows), _parquet(tmp_path / "a.parquet", rows)):
        assert _verify([path]) == 0
        shown = capsys.readouterr()
        table = [line.split() for line in shown.out.replace("│", " ").splitlines()]
        assert ["unary", "2", "1", "1", "0"] in table
        assert ["loop", "1", "0", "1", "0"] in table
        assert ["all", "3", "1", "2", "0"] in table
        assert shown.err.splitlines()[-1] == "3/3 rows"
        assert "\x1b" not in shown.out + shown.err


def test_a_folder_and_a_hub_dataset(tmp_path, capsys, monkeypatch):
    import datasets

    table = pyarrow.Table.from_pylist([_row(0), _row(1, "disagree")], SCHEMA)
    loaded = datasets.DatasetDict(test=datasets.Dataset(table))
    loaded.save_to_disk(tmp_path / "rows")
    capsys.readouterr()
    assert _verify([str(tmp_path / "rows")]) == 1
    assert f"row 2 of {tmp_path}/rows, split test: id 1, unary: it d" in capsys.readouterr().err
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *given: asked.append(given) or loaded)
    assert _verify(["user/name"]) == 1
    assert _verify(["user/name", "--config", "loop"]) == 1
    assert asked == [("user/name", "all"), ("user/name", "loop")]
    assert "row 2 of user/name, split test: id 1, unary: it differs" in capsys.readouterr().err


def test_bad_lines_are_named_and_the_others_proven(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    whole = json.dumps(_row(7))
    _lines(path, _row(0), whole[:-20], "[1]", "", "[" * 10**5, _row(0), _row(1, "disagree"))
    path.write_bytes(path.read_bytes() + b'{"id": "\xff"}\n' + whole.encode() + b"\n" + b'{"id"')
    assert _verify([str(path), "--json", str(tmp_path / "out.json")]) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if not line.endswith(" rows")]
    expected = [
        "line 2 of {}: unknown: is not a complete row: ",
        "line 3 of {}: unknown: is not a row: '[1]",
        "line 4 of {}: unknown: is not a complete row: Expecting value",
        "line 5 of {}: unknown: is not a row: its values are nested too deeply",
        "line 6 of {}: id 0, unary: its id (=0) is that of line 1 of {} too",
        "line 7 of {}: id 1, unary: it differs",
        "line 8 of {}: unknown: is not UTF-8: byte 9 is 0xff",
        "line 10 of {}: unknown: is not a complete row: ",
    ]
    for line, start in zip(told, expected, strict=True):
        assert line.startswith(start.replace("{}", str(path)))
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["path"], found["rows"], found["failed"]) == (str(path), 10, 8)
    assert found["categories"] == {
        "unary": {"proven": {"interpreter": 2}, "failed": 2},
        "unknown": {"proven": {}, "failed": 6},
    }
    assert found["failures"][5] == {
        "where": f"line 7 of {path}",
        "id": 1,
        "category": "unary",
        "reason": "it differs\nat 3: 1.0 is not 2.0",
    }


def test_a_line_without_an_end(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jax_ir_synth.storage.dataset_reader._MAX_LINE_BYTES", 2000)
    path = _lines(tmp_path / "a.jsonl", _row(0), "x" * 5000, _row(1))
    assert _verify([path]) == 1
    assert f"line 2 of {path}: unknown: is longer than 2000 bytes" in capsys.readouterr().err


def test_the_whole_of_a_failure(tmp_path, capsys):
    path = _lines(tmp_path / "a.jsonl", _row(3, "disagree"))
    _verify([path])
    assert "1.0 is not 2.0" not in capsys.readouterr().err
    _verify([path, "-v"])
    assert "it differs\n    at 3: 1.0 is not 2.0\n" in capsys.readouterr().err


def test_a_few_of_many_failures(tmp_path, capsys):
    path = _lines(tmp_path / "a.jsonl", *(_row(number, "disagree") for number in range(25)))
    assert _verify([path]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert sum(": it differs" in line for line in lines) == 20
    assert lines[-1] == "... and 5 more that failed"


def test_a_rows_text_cant_steer_the_terminal(tmp_path, capsys):
    row = {"id": 1, "python": "\x1b[2J\u202e", "type": "generate_\x1b[2J"}
    assert _verify([_lines(tmp_path / "a.jsonl", row), "-v"]) == 0
    shown = capsys.readouterr()
    assert "\\x1b[2J\\u202e" in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_text_in_parquet_that_is_not_utf8(tmp_path, capsys):
    bad = pyarrow.array([b"interpreter", b"\xff", b"parsed"]).cast("binary").view(pyarrow.string())
    table = pyarrow.Table.from_pylist([_row(number) for number in range(3)], SCHEMA)
    table = table.set_column(SCHEMA.get_field_index("python"), "python", bad)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert _verify([str(tmp_path / "a.parquet")]) == 1
    shown = capsys.readouterr()
    assert f"row 2 of {tmp_path}/a.parquet: unknown: has text that is not UTF-8" in shown.err
    assert "interpreter" in shown.out and "parsed" in shown.out


def test_a_parquet_file_that_breaks_off_inside(tmp_path, capsys):
    path = Path(_parquet(tmp_path / "a.parquet", [_row(number) for number in range(300)]))
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    assert _verify([str(path)]) == 1
    assert f"row 1 of {path}: unknown: can't be read, nor any after it: " in capsys.readouterr().err


def test_columns_that_a_container_lacks(tmp_path, capsys):
    columns = [name for name in SCHEMA.names if name not in ("cuda", "argnums", "verified")]
    path = _parquet(tmp_path / "a.parquet", [_row(0)], columns)
    assert _refused(capsys, path) == f"`DATASET` (={path}) has no column cuda, argnums"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "`DATASET` (=none.jsonl) doesn't exist"),
        (["empty.jsonl"], "`DATASET` (=empty.jsonl) holds no row"),
        (["rows.csv"], "must be a .jsonl or .parquet file, or a folder of save_to_disk"),
        (["no-one/nothing"], "doesn't exist here, and its config 'all' can't be loaded from the"),
        (["a.jsonl", "--config", "loop"], "`--config` (=loop) is for a Hub dataset"),
        (["a.jsonl", "--timeout", "0"], "`--timeout` (=0) must be a number of seconds above 0"),
        (["a.jsonl", "--timeout", "nan"], "`--timeout` (=nan) must be"),
        (
            ["a.jsonl", "--timeout", "soon"],
            "`--timeout` (=soon) must be a number of seconds above 0",
        ),
        (["a.jsonl", "--memory", "-1"], "`--memory` (=-1) must be a number of GB above 0"),
        (["a.jsonl", "--memory", "inf"], "`--memory` (=inf) must be"),
        (["a.jsonl", "--num-proc", "0"], "`--num-proc` (=0) must be an integer from 1 to 1024"),
        (["a.jsonl", "--json", "none/x"], "`--json` (=none/x) must be a file in a folder that"),
        ([], "`DATASET` is missing"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    _lines(tmp_path / "a.jsonl", _row(0))
    for name in ("empty.jsonl", "rows.csv"):
        (tmp_path / name).touch()
    assert said in _refused(capsys, *arguments)


def test_helpers_that_cant_start_are_one_line(tmp_path, capsys):
    code = _verify([_lines(tmp_path / "a.jsonl", _row(0))], "stub_checks:none")
    assert code == 2
    assert "a helper can't start within 4 GB: " in _one_line(capsys)


def _started(path, *arguments) -> subprocess.Popen:
    code = f"import sys\nfrom {main.__module__} import main\n"
    code += f"from jax_ir_synth.verify import reproof\nreproof.CHECK = {CHECK!r}\n"
    code += "sys.exit(main(['verify', *sys.argv[1:]]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, path, *arguments],
        env=os.environ | {"PYTHONPATH": f"{HERE}:{HERE.parents[1]}"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def test_ctrl_c(tmp_path):
    # The first eight go together, and are told of when all are done.
    path = _lines(tmp_path / "a.jsonl", *map(_row, range(8)), _row(8, "loop"))
    with _started(path) as process:
        for number in range(1, 9):
            assert process.stderr.readline() == f"{number}/9 rows\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err == "jax-ir-synth verify: interrupted\n"


def test_help_and_wrong_arguments_load_nothing_heavy():
    for arguments, code in ((["--help"], 0), (["--wat"], 2), (["x.jsonl", "--timeout", "0"], 2)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "jax_ir_synth.verify", *arguments],
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code
        loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
        assert not loaded & {"jax", "numpy", "datasets", "pyarrow", "rich"}
