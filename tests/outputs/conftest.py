"""The command line with canned rows, in this process, in another, and with mounts of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The helper module is found by its name.
sys.path.insert(0, str(HERE))
import canned  # noqa: E402

_ENVIRONMENT = os.environ | {"PYTHONPATH": str(HERE.parents[1])}


@pytest.fixture
def write(monkeypatch, tmp_path):
    """`write(*flags)`: the command's exit code, in `tmp_path`; without `--count`, six rows."""
    from jax_ir_synth.cli import generate
    from jax_ir_synth.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generate, "_run", canned.run)

    def written(*flags) -> int:
        return main(["generate", "--count", "6", *map(str, flags)])

    return written


@pytest.fixture
def started(tmp_path):
    """`started(*flags, **popen)`: the same as a process of its own, which `by` may start."""

    def start(*flags, by=(), **popen) -> subprocess.Popen:
        return subprocess.Popen(
            [*by, sys.executable, HERE / "canned.py", "--count", "6", *map(str, flags)],
            **{"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            | popen
            | {"env": _ENVIRONMENT | popen.get("env", {})},
        )

    return start


@pytest.fixture
def mounted(tmp_path):
    """`mounted(setup, *flags)`: the same with mounts that nobody else sees, and that end with it.

    `setup` is shell, run in `tmp_path`, and so is what is done `after`, while the mounts are there.
    Skips where they aren't permitted.
    """

    def run(setup: str, *flags, after: str = ":") -> subprocess.CompletedProcess:
        if shutil.which("unshare") is None:
            pytest.skip("there is no unshare")
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
        tried = subprocess.run(
            [*command, f"set -e\n{setup}"], cwd=tmp_path, capture_output=True, text=True
        )
        if tried.returncode:
            pytest.skip(f"mounts aren't permitted: {tried.stderr.strip()}")
        # What the trial made, its mounts are gone.
        script = f'set -e\n{setup}\ncode=0; "$@" || code=$?\n{after}\nexit $code'
        words = [sys.executable, HERE / "canned.py", "--count", "6", *map(str, flags)]
        return subprocess.run(
            [*command, script, "sh", *words],
            cwd=tmp_path, env=_ENVIRONMENT, capture_output=True, text=True, timeout=240,
        )  # fmt: skip

    return run


@pytest.fixture
def ids():
    """`ids(path)`: the ids of the rows saved there, whatever it is."""
    from jax_ir_synth.storage.dataset_reader import open_saved

    return lambda path: sorted(row["id"] for row, _ in open_saved(path).rows)


@pytest.fixture
def listed(tmp_path):
    """What is in `tmp_path`: each file's bytes, and where each link points."""

    def found() -> dict:
        return {
            str(path.relative_to(tmp_path)): os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
            for path in sorted(tmp_path.rglob("*"))
        }

    return found


@pytest.fixture
def jsonl():
    """`jsonl(text)`: the ids of JSON lines."""
    return lambda text: [json.loads(line)["id"] for line in text.splitlines()]
