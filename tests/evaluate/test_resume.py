"""A run that was killed goes on where it stopped; the journal that it goes by."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scored_rows import right, rows, write

from jax_ir_synth.evaluate.journal import Journal, Judged
from jax_ir_synth.evaluate.judgement import Judgement
from jax_ir_synth.storage.line_journal import JournalError

HERE = Path(__file__).parent
OUTPUTS = ("--json", "out.json", "--judgements", "judged.jsonl", "--overwrite", "--k", "1")


@pytest.fixture
def files(tmp_path):
    """A folder with a dataset and predictions; the one for id 7 says `wait`."""
    write(tmp_path / "d.jsonl", rows())
    given = [
        {"id": row["id"], "completion": "wait" if row["id"] == 7 else right(row)} for row in rows()
    ]
    write(tmp_path / "p.jsonl", given)
    return tmp_path


def _started(folder, wait, *arguments) -> subprocess.Popen:
    named = ["--predictions", "p.jsonl", "--dataset", "d.jsonl"]
    return subprocess.Popen(
        [sys.executable, HERE / "scoring_run.py", str(int(wait)), *named, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def _until_seven(process) -> None:
    for line in process.stdout:
        if line == "at 7\n":
            return
    raise AssertionError(process.stderr.read())


def _ended(process) -> list[str]:
    """The ids that it judged."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [line.removeprefix("at ") for line in out.splitlines() if line.startswith("at ")]


def _result(folder) -> bytes:
    return (folder / "out.json").read_bytes() + (folder / "judged.jsonl").read_bytes()


def _journals(folder) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(".journal")]


def _kill(folder, signal_number=signal.SIGKILL, *arguments) -> tuple[int, str]:
    with _started(folder, True, *OUTPUTS, *arguments) as process:
        _until_seven(process)
        os.killpg(process.pid, signal_number)
        _, err = process.communicate(timeout=60)
    assert not (folder / "out.json").exists() and not (folder / "judged.jsonl").exists()
    return process.returncode, err


def test_killed_and_started_again(files):
    with _started(files, False, *OUTPUTS) as process:
        assert _ended(process) == [str(id) for id in range(12)]
    whole = _result(files)
    for name in ("out.json", "judged.jsonl"):
        (files / name).unlink()
    assert _kill(files)[0] == -signal.SIGKILL
    (journal,) = _journals(files)
    # As if it had been killed within a line.
    with open(journal, "ab") as file:
        file.write(b'{"id": 7, "sample": 0, "rung": "pa')
    with _started(files, False, *OUTPUTS, "--num-proc", "3") as process:
        assert _ended(process) == [str(id) for id in range(7, 12)]
    assert _result(files) == whole
    assert {path.name for path in files.iterdir()} == {
        "d.jsonl", "p.jsonl", "out.json", "judged.jsonl",
    }  # fmt: skip


def test_other_predictions_limits_or_tasks_begin_anew(files):
    _kill(files)
    for arguments in (("--timeout", "11"), ("--task", "backward"), ("--take", "first")):
        with _started(files, False, *OUTPUTS, *arguments) as process:
            assert _ended(process)[0] == "0"
    given = [{"id": row["id"], "completion": right(row)} for row in rows()]
    write(files / "p.jsonl", given)
    with _started(files, False, *OUTPUTS) as process:
        assert _ended(process) == [str(id) for id in range(12)]
    # The first run's is still there, for its predictions.
    assert len(_journals(files)) == 1


def test_other_figures_of_the_same_judgements_go_on(files):
    _kill(files)
    with _started(files, False, *OUTPUTS, "--plot", "p.svg", "--missing", "fail") as process:
        assert _ended(process) == [str(id) for id in range(7, 12)]


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_asked_to_stop(files, number, code, word):
    returned, err = _kill(files, number)
    assert returned == code
    lines = [line for line in err.splitlines() if not line.endswith(" completions")]
    assert lines == [
        f"jax-ir-synth evaluate: {word}, the evaluation is not complete: the same command goes on "
        "where it stopped"
    ]
    with _started(files, False, *OUTPUTS) as process:
        assert _ended(process) == [str(id) for id in range(7, 12)]


def test_two_at_once(files):
    with _started(files, True, *OUTPUTS) as first:
        _until_seven(first)
        with _started(files, False, *OUTPUTS) as second:
            _, err = second.communicate(timeout=120)
        os.killpg(first.pid, signal.SIGKILL)
    assert second.returncode == 2
    assert "error: another process is at this run: it writes " in err


def _made(id, sample=0, rung="pass") -> Judged:
    return Judged(id, sample, Judgement(rung, "why\ud800", "all", True, False, 0.1 + 0.2))


def _replayed(path, key="key", labels=((0, 0), (0, 1), (1, 0))) -> list[Judged]:
    with Journal(path, key) as journal:
        return list(journal.replay(labels))


@pytest.fixture
def kept(tmp_path) -> Path:
    """A journal of three judgements."""
    path = tmp_path / "j.journal"
    with Journal(path, "key") as journal:
        assert list(journal.replay([(0, 0)])) == []
        for made in (_made(0), _made(0, 1, "parse"), _made(1)):
            journal.add(made)
    return path


def test_a_journal_gives_back_what_it_got(kept):
    assert _replayed(kept) == [_made(0), _made(0, 1, "parse"), _made(1)]


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b"\n",
        b"null\n",
        b"{}\n",
        b"\xff\n",
        b'{"id": 1, "sample": 0, "rung": "pass"}\n',
        _made(1, 0, "sky").line().encode(),
        _made(2).line().encode(),
        _made(1).line().encode()[:-1],
    ],
)
def test_what_is_damaged_is_cut_off_and_written_anew(kept, end):
    lines = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[:-1]) + end)
    with Journal(kept, "key") as journal:
        assert list(journal.replay([(0, 0), (0, 1), (1, 0)])) == [_made(0), _made(0, 1, "parse")]
        journal.add(_made(1))
    assert kept.read_bytes() == b"".join(lines)


def test_another_key_or_no_journal_begins_anew(kept, tmp_path):
    assert _replayed(kept, "other") == []
    # It held nothing in the end.
    assert not kept.exists()
    (tmp_path / "text").write_text("something else")
    assert _replayed(tmp_path / "text") == []


def test_a_journal_that_cant_be_written(tmp_path):
    with pytest.raises(JournalError, match="can't be written: No such file"):
        _replayed(tmp_path / "none" / "j")
