"""Outputs on mounts, where a rename can't work: written all the same, or refused before any row."""

import json

import pytest

TMPFS = "mkdir -p made; mount -t tmpfs -o size=64m none made"
BIND_FILE = """
mkdir -p real; : > rows.jsonl; : > real/target
mount --bind real/target rows.jsonl
"""


def _ids(text: str) -> list[int]:
    return sorted(json.loads(line)["id"] for line in text.splitlines())


def test_a_bind_mounted_file_is_written_into(mounted, tmp_path):
    done = mounted(BIND_FILE, "--output", "rows.jsonl", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert _ids((tmp_path / "real" / "target").read_text()) == list(range(6))
    assert (tmp_path / "rows.jsonl").read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real", "rows.jsonl"]


def test_what_was_longer_in_a_bind_mounted_file_is_gone(mounted, tmp_path):
    longer = BIND_FILE + "head -c 100000 /dev/zero > real/target"
    done = mounted(longer, "--output", "rows.jsonl", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert _ids((tmp_path / "real" / "target").read_text()) == list(range(6))


def test_a_bind_mounted_file_needs_the_word_too(mounted, tmp_path):
    done = mounted(BIND_FILE, "--output", "rows.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "exists already" in done.stderr


@pytest.mark.parametrize("source", ["none", "real"])
def test_a_mount_point_as_the_folder(mounted, tmp_path, ids, source):
    mount = "mount --bind real rows"
    if source == "none":
        mount = "mount -t tmpfs none real; mount --bind real rows"
    setup = f"mkdir -p real rows; {mount}"
    done = mounted(setup, "--output", "rows", after="cp -r rows taken")
    assert done.returncode == 0, done.stderr
    assert ids(tmp_path / "taken") == list(range(6))
    assert not list(tmp_path.rglob(".*"))


def test_a_mount_point_for_a_split(mounted, write, tmp_path, ids):
    """Where each file has to be copied to the split's own disk."""
    assert write("--output", "rows") == 0
    setup = """
mkdir -p disk; mount -t tmpfs none disk; cp -r rows/train disk; mount --bind disk/train rows/train
"""
    flags = ("--output", "rows", "--overwrite", "--seed", 10)
    done = mounted(setup, *flags, after="cp -r rows taken")
    assert done.returncode == 0, done.stderr
    assert ids(tmp_path / "taken") == list(range(10, 16))
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("name", ["made/rows.jsonl", "made/new/rows.parquet", "made/rows", "made"])
def test_a_read_only_mount_is_refused(mounted, name):
    done = mounted(f"{TMPFS}; mount -o remount,ro none made", "--output", name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Read-only file system" in done.stderr


def test_a_read_only_bind_mount_of_a_file_is_refused(mounted):
    setup = BIND_FILE + "mount -o remount,bind,ro rows.jsonl"
    done = mounted(setup, "--output", "rows.jsonl", "--overwrite")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "Read-only file system" in done.stderr


def test_the_lower_layer_of_an_overlay(mounted, write, tmp_path, ids):
    """A folder that is there cannot be renamed, and a file is copied up."""
    assert write("--output", "lower/rows") == 0
    (tmp_path / "lower" / "rows" / "notes.md").write_text("mine")
    assert write("--output", "lower/rows.jsonl") == 0
    (tmp_path / "lower" / "empty").mkdir()
    setup = """
mkdir -p layers over; mount -t tmpfs none layers; mkdir layers/upper layers/work
mount -t overlay -o lowerdir=lower,upperdir=layers/upper,workdir=layers/work none over
"""
    for name in ("rows", "rows.jsonl", "empty"):
        flags = ("--output", f"over/{name}", "--overwrite", "--seed", 10)
        done = mounted(setup, *flags, after="rm -rf taken; cp -r over taken")
        assert done.returncode == 0, done.stderr
        assert ids(tmp_path / "taken" / name) == list(range(10, 16))
        assert not list((tmp_path / "taken").rglob(".*"))
    assert (tmp_path / "taken" / "rows" / "notes.md").read_text() == "mine"


def test_a_full_disk_in_the_last_step(mounted, tmp_path, ids):
    """The bind-mounted file is on a disk without room: the output is kept beside it."""
    setup = """
mkdir -p small; mount -t tmpfs -o size=16k none small; : > small/target; : > rows.jsonl
mount --bind small/target rows.jsonl
"""
    done = mounted(setup, "--output", "rows.jsonl", "--overwrite", "--count", 300)
    assert done.returncode == 1, done.stderr
    assert "No space left on device; the output is kept in " in done.stderr
    kept = done.stderr.strip().split("kept in ")[1]
    assert ids(tmp_path / kept) == list(range(300))
