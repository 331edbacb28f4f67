"""Partials: what dead writers left is removed, what live ones are at stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jax_ir_synth.storage import partials

ROOT = Path(__file__).parents[2]
WRITER = """
import sys, time
from pathlib import Path
from jax_ir_synth.storage import partials
make = getattr(partials, sys.argv[1])
with make(Path(sys.argv[2]), "rows.jsonl") as path:
    inside = path / "data" if path.is_dir() else path
    inside.write_text("half")
    print("at it", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["partial_file", "partial_folder"])
def writer(request, tmp_path):
    """A process that is at an output, and will be until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, request.param, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "at it\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _dead(process) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_what_a_live_writer_is_at_stays(tmp_path, writer):
    (path,) = partials.list_partials(tmp_path, "rows.jsonl")
    partials.remove_dead(tmp_path, "rows.jsonl")
    partials.remove_unlocked(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    _dead(writer)
    partials.remove_dead(tmp_path, "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_another_outputs_partial_is_not_touched(tmp_path, writer):
    _dead(writer)
    (tmp_path / ".rows.jsonl.notes.partial").write_text("the user's")
    left = sorted(tmp_path.iterdir())
    partials.remove_dead(tmp_path, "rows")
    partials.remove_dead(tmp_path, "jsonl")
    assert sorted(tmp_path.iterdir()) == left
    partials.remove_dead(tmp_path, "rows.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [".rows.jsonl.notes.partial"]


def test_another_machines_is_dead_once_it_was_silent_for_a_day(tmp_path, writer):
    _dead(writer)
    (path,) = partials.list_partials(tmp_path, "rows.jsonl")
    ours = partials._boot_id()
    theirs = path.rename(path.with_name(path.name.replace(ours, "0" * 8)))
    partials.remove_dead(tmp_path, "rows.jsonl")
    assert list(tmp_path.iterdir()) == [theirs]
    before = time.time() - 25 * 60 * 60
    for each in (*theirs.rglob("*"), theirs):
        os.utime(each, (before, before))
    partials.remove_dead(tmp_path, "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_never_met_twice_and_never_too_long(tmp_path):
    # As after SIGKILL in a container, where the next run has the same process id.
    (tmp_path / f".rows.jsonl.{os.getpid()}.partial").mkdir()
    for name in ("rows.jsonl", "ü" * 120 + ".jsonl"):
        with (
            partials.partial_file(tmp_path, name) as one,
            partials.partial_file(tmp_path, name) as other,
        ):
            assert one != other and one.exists() and other.exists()
            assert set(partials.list_partials(tmp_path, name)) == {one, other}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet", "rows.jsonl.gz", "rows"])
def test_a_killed_run_leaves_nothing_after_the_next(tmp_path, started, listed, name, ids):
    for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGTERM):
        process = started("--output", name, env={"CANNED_DEATH": str(int(number))})
        process.communicate(timeout=120)
        assert process.returncode == (-9 if number == signal.SIGKILL else 143)
        assert not (tmp_path / name).exists()
        assert bool(listed()) == (number == signal.SIGKILL)
        process = started("--output", name)
        _, shown = process.communicate(timeout=120)
        assert process.returncode == 0, shown
        assert ids(tmp_path / name) == list(range(6))
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert not list(tmp_path.rglob(".*"))
        subprocess.run(["rm", "-r", tmp_path / name], check=True)


def test_a_hangup_that_is_ignored_stays_so(tmp_path, started, ids):
    deaf = ("sh", "-c", 'trap "" HUP; exec "$0" "$@"')
    death = {"CANNED_DEATH": str(int(signal.SIGHUP))}
    process = started("--output", "rows.jsonl", by=deaf, env=death)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert ids(tmp_path / "rows.jsonl") == list(range(6))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows"])
def test_a_run_killed_once_all_is_in_place(tmp_path, write, name):
    """Its partial is still there; the next run, which is refused, removes it."""
    assert write("--output", name) == 0
    code = WRITER.replace("sys.argv[1]", "'partial_folder'").replace("rows.jsonl", name)
    process = subprocess.Popen(
        [sys.executable, "-c", code, "", tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "at it\n"
    _dead(process)
    process.stdout.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert write("--output", name) == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_killed_at_any_moment(tmp_path, started, ids):
    """Whatever the moment, the same command ends with the same bytes, and nothing else is left."""
    reference, times = tmp_path / "reference", []
    for name in ("rows.jsonl", "rows"):
        begun = time.monotonic()
        process = started("--output", reference / name, "--count", "3000")
        assert process.wait(120) == 0
        process.communicate()
        times.append(time.monotonic() - begun)
        for share in (0.5, 0.8, 0.9, 0.95, 1.0):
            process = started("--output", name, "--count", "3000")
            time.sleep(times[-1] * share)
            process.kill()
            process.communicate()
        process = started("--output", name, "--count", "3000")
        process.communicate(timeout=120)
        assert process.returncode in (0, 2)
        left = {path.name for path in tmp_path.rglob("*") if path.name.startswith(".")}
        assert not left
        for path in (reference / name, *(reference / name).rglob("*")):
            if path.is_file():
                assert (tmp_path / path.relative_to(reference)).read_bytes() == path.read_bytes()
