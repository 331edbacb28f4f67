"""Reference rows that every adapter must reproduce, and ways to run a fresh Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jax_ir_synth.config import Request
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import rows

_ROOT = Path(__file__).resolve().parents[2]
_PYTHONPATH = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="session")
def wanted() -> Request:
    """What `reference` holds: small, but each category has three rows."""
    return Request(seed=11, count=3 * len(CATEGORIES))


@pytest.fixture(scope="session")
def reference(wanted) -> list[dict]:
    """The rows of `wanted`, made in this process, in order."""
    return list(rows(wanted, plan_rows(wanted)))


@pytest.fixture(scope="session")
def python():
    """Run `python *arguments` in a process of its own; nothing is inherited but the environment.

    The repository's root is on the path, so that the package is found without being installed.
    """

    def run(*arguments, cwd=None, timeout=240, env=None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": _PYTHONPATH} | (env or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run
