"""Outputs that are pipes and devices: written to, or refused; who reads them may leave."""

import os
import stat
import threading
from pathlib import Path

import pytest
from nodes import leave_at_once, make_node


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl", "pipe.parquet"])
def test_a_pipe_is_written_to(tmp_path, write, name, ids):
    os.mkfifo(tmp_path / name)
    taken = []
    reader = threading.Thread(target=lambda: taken.append((tmp_path / name).read_bytes()))
    reader.start()
    assert write("--output", name) == 0
    reader.join(60)
    (tmp_path / "read").write_bytes(taken[0])
    assert ids(tmp_path / "read") == list(range(6))
    assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)


def test_the_null_device_is_written_to(tmp_path, write):
    make_node(tmp_path / "null", stat.S_IFCHR, 1, 3)
    assert write("--output", "null", "--jsonl") == 0
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


NAMES_OF_STREAMS = ["x", "x.jsonl", "x.parquet", "x.jsonl.gz", "x.jsonl.zst"]


@pytest.mark.parametrize("name", NAMES_OF_STREAMS)
def test_a_full_device_is_told(tmp_path, write, capsys, name):
    make_node(tmp_path / name, stat.S_IFCHR, 1, 7)
    assert write("--output", name, "--count", 600) == 74
    said = capsys.readouterr().err
    assert said == f"jax-ir-synth generate: {name} can't be written: No space left on device\n"
    assert stat.S_ISCHR((tmp_path / name).stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES_OF_STREAMS)
def test_a_reader_of_a_pipe_that_left_is_nobodys_fault(tmp_path, write, capsys, name):
    reader = leave_at_once(tmp_path / name)
    # More than a pipe holds, compressed too.
    assert write("--output", name, "--count", 60_000) == 141
    reader.join(60)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_open_file_that_is_full_is_told(tmp_path, write, capsys):
    make_node(tmp_path / "full", stat.S_IFCHR, 1, 7)
    with open(tmp_path / "full", "wb") as full:
        name = f"/dev/fd/{full.fileno()}"
        assert write("--output", name) == 74
        # It is left to its owner.
        assert os.fstat(full.fileno()).st_rdev == os.makedev(1, 7)
    assert capsys.readouterr().err.endswith(f" {name} can't be written: No space left on device\n")


@pytest.mark.parametrize("name", ["disk", "disk.jsonl", "disk.parquet"])
def test_a_disk_is_refused(tmp_path, write, capsys, name):
    # Of a major number for local use, which nothing has.
    make_node(tmp_path / name, stat.S_IFBLK, 240, 7)
    assert write("--output", name, "--overwrite") == 2
    assert "device or a socket" in capsys.readouterr().err
    assert stat.S_ISBLK((tmp_path / name).stat().st_mode)


@pytest.mark.parametrize("name", ["full", "pipe"])
def test_a_small_output_that_takes_no_more(tmp_path, monkeypatch, capsys, name):
    from jax_ir_synth.cli import levels
    from jax_ir_synth.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(levels, "page", lambda: "the page\n" * 100_000)
    if name == "pipe":
        reader = leave_at_once(Path(name))
    else:
        make_node(Path(name), stat.S_IFCHR, 1, 7)
    code = main(["levels", "--output", name])
    said = capsys.readouterr().err
    if name == "pipe":
        reader.join(60)
        assert (code, said) == (141, "")
    else:
        reason = "full can't be written: No space left on device"
        assert (code, said) == (74, f"jax-ir-synth levels: {reason}\n")
    assert not list(tmp_path.rglob(".*"))
