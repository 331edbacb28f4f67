"""The command as tests run it, what it is asked for, and how the folders it makes are compared."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from jax_ir_synth.request.config import Request

# Small; verifying the rows is not what is tested here.
WANTED = Request(seed=5, count=24, verify=False)
SHARDS = 6
ROOT = Path(__file__).parents[2]


class Command:
    """`python -m jax_ir_synth.scale` for WANTED, into a folder."""

    def __init__(self, folder: Path, *more, executor="local", workers=2, before=(), **kwargs):
        asked = ("--output", folder, "--count", WANTED.count, "--seed", WANTED.seed, "--no-verify")
        how = ("--shards", SHARDS, "--executor", executor, "--workers", workers, *more)
        kwargs["env"] = environment() | kwargs.get("env", {})
        self.process = subprocess.Popen(
            [*map(str, (*before, sys.executable, "-m", "jax_ir_synth.scale", *asked, *how))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder.parent,
            **kwargs,
        )

    def ended(self) -> tuple[int, str, str]:
        """Wait: the exit code, stdout and stderr."""
        try:
            out, errors = self.process.communicate(timeout=200)
        finally:
            self.process.kill()
        return self.process.returncode, out, errors

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def environment() -> dict[str, str]:
    """For processes that find the package without its being installed, and tell nobody."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}


def until(condition, what: str, seconds: float = 120):
    """Wait for what `condition` gives, if it is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return value


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the logs, which tell times, by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != "logs"
    }


def manifests(folder: Path) -> list[Path]:
    """Of the shards that are whole."""
    return sorted((folder / "manifests").glob("*.json"))
