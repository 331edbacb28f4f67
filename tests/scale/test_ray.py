"""The Ray executor, on a cluster of two nodes on this machine, of which one is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scale_run import Command, contents, environment, manifests, until

pytest.importorskip("datatrove", reason="the extra scale isn't installed")
# Not imported here: its warnings are no test's.
if subprocess.run([sys.executable, "-c", "import ray"], capture_output=True).returncode:
    pytest.skip("the extra scale-ray isn't installed", allow_module_level=True)


class _Cluster:
    """Two nodes of one CPU each, started by a process of their own, which takes commands."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("ray_cluster.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.address = self._said()["address"]

    def ask(self, command: str) -> dict:
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._said()

    def close(self) -> None:
        self._process.communicate("", timeout=60)

    def _said(self) -> dict:
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def cluster():
    cluster = _Cluster()
    yield cluster
    cluster.close()


def _command(folder, cluster, gigabytes=1):
    asked = ("--ray-address", cluster.address, "--mem-per-cpu", gigabytes)
    return Command(folder, *asked, executor="ray")


def test_a_node_that_is_lost_and_a_driver_that_is_killed(cluster, undisturbed, tmp_path):
    folder = tmp_path / "data"
    command = _command(folder, cluster)
    until(lambda: manifests(folder), "a shard is whole")
    assert cluster.ask("nodes") == {"nodes": 2}
    command.kill()
    whole = len(manifests(folder))

    command = _command(folder, cluster)
    until(lambda: len(manifests(folder)) > whole, "another shard is whole")
    assert cluster.ask("lose a node") == {"nodes": 1}
    code, out, errors = command.ended()
    assert code == 0, errors
    assert "24 rows in 6 shards, " in out
    assert contents(folder) == contents(undisturbed)


def test_a_task_that_fails_says_why(cluster, undisturbed, tmp_path):
    """Here: one of the folders is a file."""
    folder = tmp_path / "data"
    command = _command(folder, cluster)
    until(lambda: (folder / "config.json").exists(), "the folder is made")
    (folder / "train").write_text("")
    code, _, errors = command.ended()
    assert code == 1
    said = errors.splitlines()[-1]
    assert said.startswith(f"jax-ir-synth scale: {folder} is not complete: shard-0000")
    assert said.endswith(f"-of-00006 can't be written in {folder}: File exists")
    (folder / "train").unlink()


def test_no_cluster_there(tmp_path):
    folder = tmp_path / "data"
    code, _, errors = Command(folder, "--ray-address", "127.0.0.1:1", executor="ray").ended()
    assert code == 1
    assert "`--ray-address` (=127.0.0.1:1) can't be reached: " in errors.splitlines()[-1]


def test_tasks_that_no_node_has_room_for_are_told(cluster, tmp_path):
    command = _command(tmp_path / "data", cluster, gigabytes=500)
    try:
        assert command.process.stderr.readline() == (
            "waiting: no node of the cluster has 1 CPUs and 500 GB for a task (--cpus-per-task, "
            "--mem-per-cpu)\n"
        )
    finally:
        command.kill()
