"""A folder as the output: only a dataset of ours is replaced, and what else is in it stays."""

import json
import shutil

import canned
import datasets
import pytest

from jax_ir_synth.schema.columns import SCHEMA
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import saved_folder
from jax_ir_synth.storage.outputs import OutputError
from jax_ir_synth.storage.writers import FOLDER, open_output


def _refused(write, capsys, *flags) -> str:
    assert write(*flags) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    return shown.err


def _saved(path, rows, **info) -> None:
    """What a user saves, with datasets alone."""
    parts = {split: datasets.Dataset.from_list(rows) for split in SPLITS}
    for part in parts.values():
        part.info.update(datasets.DatasetInfo(**info))
    datasets.DatasetDict(parts).save_to_disk(path)


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_somebody_elses_dataset_stays(tmp_path, write, listed, capsys, overwrite):
    _saved(tmp_path / "rows", [{"text": "mine"}])
    (tmp_path / "rows" / "notes.md").write_text("years of work")
    before = listed()
    # What datasets shows while it saves.
    capsys.readouterr()
    assert "something else" in _refused(write, capsys, "--output", "rows", *overwrite)
    assert listed() == before


def test_what_a_user_made_of_ours_stays(tmp_path, write, listed, capsys):
    """With a column more, with another split, one split alone, or under our splits' names."""
    assert write("--output", "rows") == 0
    loaded = datasets.load_from_disk(tmp_path / "rows")
    more = loaded.map(lambda row: {"answer": row["python"]})
    more.save_to_disk(tmp_path / "more")
    datasets.DatasetDict({**loaded, "hard": loaded["test"]}).save_to_disk(tmp_path / "another")
    loaded["train"].save_to_disk(tmp_path / "alone")
    loaded["train"].save_to_disk(tmp_path / "below" / "train")
    _saved(tmp_path / "plain", [canned.row(1)])
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / "dataset_dict.json").write_text(json.dumps({"splits": list(SPLITS)}))
    capsys.readouterr()
    before = listed()
    for name in ("more", "another", "alone", "below", "plain", "marked"):
        said = _refused(write, capsys, "--output", name, "--overwrite")
        assert "something else" in said and name in said
    assert listed() == before


def test_foreign_files_stay_where_ours_is_replaced(tmp_path, write, listed, ids):
    assert write("--output", "rows") == 0
    folder = tmp_path / "rows"
    theirs = ("notes.md", ".hidden", "train/notes.md", "mine/deep/notes.md", "train/cache-1.arrow")
    for name in theirs:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    # Of an earlier dataset in more files.
    (folder / "train" / "data-00007-of-00009.arrow").write_text("stale")
    assert write("--output", "rows", "--overwrite", "--seed", 10) == 0
    assert ids(folder) == list(range(10, 16))
    assert all((folder / name).read_text() == name for name in theirs)
    assert not (folder / "train" / "data-00007-of-00009.arrow").exists()
    fresh = write("--output", "fresh", "--seed", 10)
    assert fresh == 0
    found = listed()
    ours = {name: found[name] for name in found if name.removeprefix("rows/") not in theirs}
    for name, value in ours.items():
        if name.startswith("rows/") and value is not None:
            assert found[name.replace("rows", "fresh", 1)] == value


def test_one_saved_by_datasets_from_our_builder_is_ours(tmp_path, write, ids):
    from jax_ir_synth.storage.dataset_info import dataset_info

    parts = {
        split: datasets.Dataset.from_list(
            [canned.row(1)], features=dataset_info().features, info=dataset_info()
        )
        for split in SPLITS
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "rows")
    assert write("--output", "rows", "--overwrite") == 0
    assert ids(tmp_path / "rows") == list(range(6))


def test_one_of_an_earlier_version_is_ours(tmp_path, write, ids):
    assert write("--output", "rows") == 0
    for split in SPLITS:
        path = tmp_path / "rows" / split / "dataset_info.json"
        info = json.loads(path.read_bytes())
        del info["features"]["verified"]
        path.write_text(json.dumps(info))
    assert saved_folder.is_ours(tmp_path / "rows")
    assert set(info["features"]) == set(SCHEMA.names) - {"verified"}


def test_the_working_folder(tmp_path, write, monkeypatch, capsys, ids):
    for kept in ((), ("notes.md",)):
        here = tmp_path / f"here{len(kept)}"
        here.mkdir()
        for name in kept:
            (here / name).write_text("years of work")
        # `write` goes to tmp_path itself.
        monkeypatch.setattr("os.getcwd", lambda here=here: str(here))
        monkeypatch.chdir(here)
        try:
            with open_output(type(tmp_path)("."), FOLDER) as add:
                add(canned.row(3))
        except OutputError as error:
            assert kept and "something else" in str(error)
        else:
            assert not kept and ids(here) == [3]


def test_a_failing_last_step_keeps_all_rows(tmp_path, write, monkeypatch, capsys, ids):
    """At each of its steps; the next run goes on, and nothing is left half."""
    steps = 0
    real = saved_folder._replace_file

    def failing(source, target):
        nonlocal steps
        if steps == after:
            raise OSError(28, "No space left on device")
        steps += 1
        real(source, target)

    monkeypatch.setattr(saved_folder, "_replace_file", failing)
    for after in range(0, 10, 3):  # noqa: B007, as `failing` reads it
        (tmp_path / "rows").mkdir()
        steps = 0
        assert write("--output", "rows") == 1
        said = capsys.readouterr().err.strip()
        assert "No space left on device; the output is kept in " in said
        kept = tmp_path / said.split("kept in ")[1]
        assert ids(kept) == list(range(6))
        steps = 99
        # Also after a run that ended in the middle of its rows.
        with pytest.raises(ZeroDivisionError), open_output(tmp_path / "rows", FOLDER):
            raise ZeroDivisionError
        assert write("--output", "rows", "--seed", 10) == 0
        assert ids(tmp_path / "rows") == list(range(10, 16))
        assert not list(tmp_path.rglob(".*"))
        shutil.rmtree(kept)
        shutil.rmtree(tmp_path / "rows")


def test_rows_that_cant_be_saved_are_kept(tmp_path, write, monkeypatch, capsys):
    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.DatasetDict, "save_to_disk", full)
    assert write("--output", "rows") == 1
    kept = tmp_path / capsys.readouterr().err.strip().split("kept in ")[1]
    parts = (datasets.Dataset.from_file(str(kept / f"{split}.arrow")) for split in SPLITS)
    assert sorted(row["id"] for part in parts for row in part) == list(range(6))


def test_killed_while_it_is_put_in_place(tmp_path, started, ids):
    """Whatever is there then is no dataset, and the same command goes on."""
    code = """
import os, signal, sys
sys.path.insert(0, {here!r})
import canned
from jax_ir_synth.cli import generate
from jax_ir_synth.cli.main import main
from jax_ir_synth.storage import saved_folder
generate._run = canned.run
real, left = saved_folder._replace_file, [int(sys.argv[1])]
def link(source, target):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    real(source, target)
saved_folder._replace_file = link
sys.exit(main(["generate", "--count", "6", *sys.argv[2:]]))
"""
    import subprocess
    import sys
    from pathlib import Path

    here = Path(__file__).parent
    (tmp_path / "rows").mkdir()
    for left in (0, 4, 9):
        done = subprocess.run(
            [sys.executable, "-c", code.format(here=str(here)), str(left), "--output", "rows"],
            cwd=tmp_path, env={"PYTHONPATH": str(here.parents[1])}, capture_output=True,
        )  # fmt: skip
        assert done.returncode == -9, done.stderr
        assert not (tmp_path / "rows" / "dataset_dict.json").exists()
    process = started("--output", "rows")
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    assert ids(tmp_path / "rows") == list(range(6))
    assert not list(tmp_path.rglob(".*"))
