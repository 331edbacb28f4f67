"""The local executor: the builder's rows, whatever is killed while they are made."""

import errno
import os
import shutil
import signal
import subprocess

import datasets
import pyarrow.parquet
import pytest
from process_table import children, is_running
from scale_run import SHARDS, WANTED, Command, contents, manifests, until

from jax_ir_synth.generate.rows import rows
from jax_ir_synth.schema.splits import SPLITS

pytest.importorskip("datatrove", reason="the extra scale isn't installed")

from dying import Dying, Failing  # noqa: E402

from jax_ir_synth.scale import ScaleError  # noqa: E402
from jax_ir_synth.scale.local import LocalExecutor  # noqa: E402


def _workers(command: Command) -> list[int]:
    """The processes that a running command has its tasks done by."""
    return children(command.process.pid)


def test_the_rows_are_the_builders(undisturbed, planned):
    made = list(rows(WANTED, planned))
    for split in SPLITS:
        paths = sorted((undisturbed / split).glob("*.parquet"))
        held = [row for path in paths for row in pyarrow.parquet.read_table(path).to_pylist()]
        assert held == [
            row for row, entry in zip(made, planned, strict=True) if entry.split == split
        ]


def test_datasets_loads_it(undisturbed, planned, tmp_path):
    loaded = datasets.load_dataset(
        "parquet",
        data_dir=str(undisturbed),
        cache_dir=str(tmp_path),
    )
    for split in SPLITS:
        assert loaded[split]["id"][:] == [row.id for row in planned if row.split == split]


def test_nothing_is_left_but_the_result(undisturbed, planned):
    shards = [f"shard-{k:05d}-of-{SHARDS:05d}" for k in range(SHARDS)]
    # Each has as many rows, and a file for each split of them.
    of_one = WANTED.count // SHARDS
    files = {f"{row.split}/{shards[row.id // of_one]}.parquet" for row in planned}
    assert contents(undisturbed).keys() == {
        "config.json",
        "plan.json",
        "plan.npy",
        *files,
        *(f"manifests/{shard}.json" for shard in shards),
    }


def test_a_killed_worker_costs_its_shard_alone(undisturbed, tmp_path):
    command = Command(tmp_path / "data")
    # Rows are being made, by both.
    until(lambda: list((tmp_path / "data").glob("train/.*.partial")), "a shard is begun")
    victims = until(lambda: _workers(command), "there are workers")
    os.kill(victims[0], signal.SIGKILL)
    until(lambda: set(_workers(command)) - set(victims), "another takes its place")
    code, out, errors = command.ended()
    assert code == 0, errors
    assert f"{SHARDS} made now" in out
    assert contents(tmp_path / "data") == contents(undisturbed)


def test_a_driver_killed_twice_leaves_what_is_whole_and_no_process(undisturbed, tmp_path):
    folder = tmp_path / "data"
    command = Command(folder)
    until(lambda: list(folder.glob("draws/*.npy")), "a range is drawn")
    command.kill()
    assert not (folder / "plan.json").exists()

    command = Command(folder)
    until(lambda: manifests(folder), "a shard is whole")
    workers = _workers(command)
    assert workers
    command.kill()
    until(lambda: not any(map(is_running, workers)), "the workers end by themselves", seconds=20)

    whole = len(manifests(folder))
    assert 0 < whole < SHARDS
    # Whatever is under its name has its last bytes already.
    wanted = contents(undisturbed)
    for path, content in contents(folder).items():
        assert path.endswith(".partial") or content == wanted[path]

    code, out, errors = Command(folder).ended()
    assert code == 0, errors
    assert f"{SHARDS - whole} made now" in out
    assert contents(folder) == wanted


def test_sigterm_ends_it_in_one_line(tmp_path):
    folder = tmp_path / "data"
    command = Command(folder)
    workers = until(lambda: _workers(command), "there are workers")
    command.process.terminate()
    code, out, errors = command.ended()
    assert (code, out) == (143, "")
    assert errors.splitlines()[-1] == (
        f"jax-ir-synth scale: terminated, {folder} is not complete: the same command goes on"
    )
    assert not any(map(is_running, workers))


# What runs the command twice: on a disk that is too small, and on one that is not. The arguments
# are the disk's folder, its size in KB, and the command.
# In a namespace of its own anybody may mount.
TINY_DISK = """
set -e
mount -t tmpfs -o size=$2k tmpfs "$1"
"${@:3}" || echo "exit code $?"
find "$1" -name '*.partial'
mount -o remount,size=100m "$1"
"${@:3}"
cp -r "$1/data" "$1.copy"
"""
# Where that isn't allowed: a limit on the size of a file, which is met just alike.
TINY_FILES = """
(ulimit -f $2; "${@:3}" || echo "exit code $?")
find "$1" -name '*.partial'
set -e
"${@:3}"
cp -r "$1/data" "$1.copy"
"""


def test_a_full_disk_is_one_line_and_no_file(undisturbed, tmp_path):
    namespace = ("unshare", "--user", "--map-root-user", "--mount")
    disk, sizes = tmp_path / "disk", [len(content) for content in contents(undisturbed).values()]
    disk.mkdir()
    if shutil.which("unshare") and not subprocess.run([*namespace, "true"]).returncode:
        around, kilobytes, reason = (*namespace, "bash", "-c", TINY_DISK), sum(sizes), errno.ENOSPC
    else:
        around, kilobytes, reason = ("bash", "-c", TINY_FILES), max(sizes), errno.EFBIG
    command = Command(disk / "data", before=(*around, "bash", disk, kilobytes // 2 // 1024))
    code, out, errors = command.ended()
    assert code == 0, errors
    assert out.splitlines()[0] == "exit code 1"
    assert ".partial" not in out
    (said,) = (line for line in errors.splitlines() if line.startswith("jax-ir-synth scale:"))
    assert said.startswith(f"jax-ir-synth scale: {disk}/data is not complete: ")
    assert said.endswith(os.strerror(reason))
    assert contents(tmp_path / "disk.copy") == contents(undisturbed)


def test_a_task_whose_process_always_dies_ends_the_run(tmp_path):
    told = r"the process of task 0 died 4 times, at last with exit status -9: "
    with pytest.raises(ScaleError, match=told):
        LocalExecutor([Dying()], 1, 1, str(tmp_path)).run()


def test_a_task_that_raises_ends_the_run(tmp_path):
    with pytest.raises(ScaleError, match="^ZeroDivisionError: planted$"):
        LocalExecutor([Failing()], 3, 2, str(tmp_path)).run()
    log = (tmp_path / "logs" / "task_00002.log").read_text()
    assert "ZeroDivisionError: planted" in log and "Traceback" in log
