"""A process that was started for rows ends with the one that started it, whatever it is at."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from process_table import is_running

from jax_ir_synth.runtime.helper import Helper, answer_questions

ROOT = Path(__file__).parents[2]

# Native code that keeps the interpreter, as a library that is being loaded or a compiler does.
STUCK = """
import ctypes, os, pathlib, sys
def stay():
    pathlib.Path(__file__).with_name(f"{os.getpid()}.pid").touch()
    ctypes.PyDLL(None).sleep(600)
"""
BUSY = "stay()"
IN_A_QUESTION = """
def answer(question): stay()
def serve():
    from jax_ir_synth.runtime.helper import answer_questions
    answer_questions(answer, lambda: None)
"""
# What the caller does, by who starts the process.
HELPER = """
from jax_ir_synth.runtime.helper import Helper
Helper("stuck").ask(0)
"""
FORK_SERVER = """
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.runtime.sandbox.sandbox import Question, Sandbox
from jax_ir_synth.runtime.sandbox.fork_server import Work
with Sandbox(Work("stuck:check", Limits(600, 4)), 1) as sandbox:
    list(sandbox.replies([(0, Question(({},)))]))
"""
# Where the kernel can't be asked, a process that is not stuck notices by itself.
ELSEWHERE = """
import os, pathlib, sys, time
sys.platform = "elsewhere"
from jax_ir_synth.runtime import orphans
orphans.end_with_parent(os.getppid())
pathlib.Path(f"{os.getpid()}.pid").touch()
while True:
    time.sleep(0.1)
"""


def _until(condition):
    for _ in range(1200):
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("not within a minute")


def _orphan(folder: Path, code: str) -> None:
    """Run `code`, kill it once a process has said that it is there, and wait for its end."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=os.environ | {"PYTHONPATH": path},
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        (started,) = _until(lambda: list(folder.glob("*.pid")))
        pid = int(started.stem)
        assert pid != caller.pid and is_running(pid)
    finally:
        caller.kill()
        caller.wait()
    _until(lambda: not is_running(pid))


linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked on Linux alone")


@linux
@pytest.mark.parametrize(
    ("code", "when"),
    [
        pytest.param(HELPER, BUSY, id="a helper, importing"),
        pytest.param(HELPER, IN_A_QUESTION, id="a helper, at work"),
        # What it forks is in tests/evaluate: that can't say where it is.
        pytest.param(FORK_SERVER, BUSY, id="a fork server, importing"),
    ],
)
def test_one_that_is_stuck_ends_with_its_parent(tmp_path, code, when):
    (tmp_path / "stuck.py").write_text(STUCK + when)
    _orphan(tmp_path, code)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks into /proc")
def test_one_that_no_kernel_ends_notices_by_itself(tmp_path):
    (tmp_path / "child.py").write_text(ELSEWHERE)
    code = "import subprocess, sys; subprocess.run([sys.executable, 'child.py'])"
    _orphan(tmp_path, code)


def test_one_whose_parent_is_gone_already_does_not_begin(python):
    code = (
        "from jax_ir_synth.runtime import orphans; orphans.end_with_parent(1 << 30); print('begun')"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout) == (1, "")


def serve() -> None:
    answer_questions(lambda number: number + 1, lambda: None)


def test_one_outlives_the_thread_that_asked_for_it(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    made = []
    thread = threading.Thread(target=lambda: made.append(Helper("test_orphans")))
    thread.start()
    thread.join()
    try:
        assert [made[0].ask(number) for number in range(3)] == [1, 2, 3]
    finally:
        made[0].close()


def test_a_fork_starts_its_own():
    code = f"""
import os, sys
sys.path[:0] = {[*map(str, Path(__file__).parents[:2])]}
from jax_ir_synth.runtime.helper import Helper
first = Helper("test_orphans")
child = os.fork()
if child == 0:
    helper = Helper("test_orphans")
    os._exit(0 if helper.ask(1) == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
assert first.ask(2) == 3
first.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=100
    )
    assert done.returncode == 0


def test_what_is_started_while_ctrl_c_comes_is_ended():
    from jax_ir_synth.runtime import orphans

    undone = threading.Event()
    begun = threading.Event()

    def start():
        begun.set()
        time.sleep(0.3)
        return "process"

    def undo(process):
        assert process == "process"
        undone.set()

    threading.Thread(
        target=lambda: (begun.wait(), signal.raise_signal(signal.SIGINT)), daemon=True
    ).start()
    with pytest.raises(KeyboardInterrupt):
        orphans.start_for_good(start, undo)
    assert undone.wait(60)
