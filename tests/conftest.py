"""Surroundings of every test: a Hugging Face home of its own, no network, a fresh Python."""

import atexit
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

# Tests are imported by path, so the modules that they share need an entry here.
sys.path.insert(0, str(Path(__file__).parent))

# How fast a machine is, a benchmark says; no test fails for it.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

_ROOT = Path(__file__).resolve().parents[1]
_PYTHONPATH = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])

# Before datasets is imported anywhere: it reads these once.
_HOME = tempfile.mkdtemp(prefix="jax_ir_synth_tests_")
os.environ["HF_HOME"] = _HOME
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["JAX_IR_SYNTH_CACHE"] = os.path.join(_HOME, "expectations")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so all that they
# start, which some of them interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_OWNER = os.getpid()


@atexit.register
def _remove_home():
    # Not when a process ends that was forked off this one.
    if os.getpid() == _OWNER:
        shutil.rmtree(_HOME, ignore_errors=True)


def pytest_addoption(parser):
    parser.addoption("--record-goldens", action="store_true", help="write the recorded rows anew")
    parser.addoption(
        "--record-screenshot", metavar="DATASET", help="take the picture of a page of its rows anew"
    )


def pytest_collection_modifyitems(items):
    # The long sweeps come first, so that no worker is left alone with one at the end.
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """A folder that is made once, for all of pytest's workers: `made_once(name, make)`.

    `make` is called with the folder to fill, which has another name until it is whole.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def made(name, make) -> Path:
        folder, partial = shared / name, shared / f"{name}.partial.{os.getpid()}"
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                partial.mkdir()
                make(partial)
                partial.rename(folder)
        return folder

    return made


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


@pytest.fixture(scope="session")
def wanted():
    """The request of `reference`. It is small, but each category has three rows."""
    from row_ids import THREE_EACH

    from jax_ir_synth.request.config import Request

    return Request(seed=11, count=THREE_EACH)


@pytest.fixture(scope="session")
def reference(wanted) -> list[dict]:
    """The rows of `wanted`, made in this process, in order. Every adapter must give the same."""
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows

    return list(rows(wanted, plan_rows(wanted)))


class _Strict(logging.Handler):
    """Fails the test in which a row is left out unasked."""

    def emit(self, record):
        raise AssertionError(record.getMessage())


@pytest.fixture(autouse=True)
def strict(request):
    """Without it a defect of the package would only make a test's rows fewer."""
    if "caplog" in request.fixturenames:
        yield
        return
    logger, handler = logging.getLogger("jax_ir_synth"), _Strict(logging.WARNING)
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
