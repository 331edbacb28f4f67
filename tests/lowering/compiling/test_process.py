"""Helpers that die, callers that die, and what both leave behind: nothing."""

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import RowError, make_row, rows
from jax_ir_synth.lowering import compiling
from jax_ir_synth.lowering.compiling import CompileError, compile_module
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.targets import TARGETS

CPU = TARGETS["x86-64-v3"]
X = jax.ShapeDtypeStruct((8,), "float32")
TEXT = jax.jit(lambda x: x * 2.0).lower(X).as_text(debug_info=True)
ROOT = Path(__file__).resolve().parents[3]


def helper() -> compiling.Helper:
    """The one that compiles for the target now."""
    (found,) = compiling._find_pool(CPU).helpers
    return found


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    """Folders of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compiling.close()
    yield tmp_path
    compiling.close()


def test_a_helper_that_dies_is_replaced_and_the_module_compiled(own_folder):
    first = compile_module(TEXT, CPU, ["llvm"])
    killed = helper()
    os.kill(killed.pid, signal.SIGKILL)
    assert compile_module(TEXT, CPU, ["llvm"]) == first
    assert helper() is not killed
    assert len(list(own_folder.iterdir())) == 1


def test_one_that_dies_twice_stops_the_run_with_the_rows_coordinates(own_folder, monkeypatch):
    started = []

    class Dying(compiling._CompilingHelper):
        def ask(self, question):
            started.append(self.pid)
            os.kill(self.pid, signal.SIGKILL)
            return super().ask(question)

    monkeypatch.setattr(compiling, "_CompilingHelper", Dying)
    with pytest.raises(CompileError, match=r"for x86-64-v3 died twice \(exit status -9\)"):
        compile_module(TEXT, CPU, ["asm"])
    assert len(set(started)) == 2
    request = Request(category="unary", count=1, device="cpu", dialect="llvm", verify=False)
    (planned,) = plan_rows(request)
    with pytest.raises(
        RowError, match=r"row \d+ \(category='unary', seed=0, candidate=\d+\).*died"
    ):
        make_row(request, planned)


def test_what_xla_refuses_is_one_line_and_the_helper_goes_on(own_folder):
    wrong = TEXT.replace("stablehlo.multiply", "stablehlo.no_such_operation")
    with pytest.raises(CompileError, match="XLA doesn't compile it for x86-64-v3: ") as caught:
        compile_module(wrong, CPU, ["llvm"])
    assert "\n" not in str(caught.value)
    before = helper()
    assert compile_module(TEXT, CPU, ["llvm"]).texts["llvm"]
    assert helper() is before


def test_a_helper_is_replaced_after_so_many_modules(own_folder, monkeypatch):
    monkeypatch.setattr(compiling, "MODULES_A_HELPER", 2)
    used = []
    for _ in range(5):
        compile_module(TEXT, CPU, ["optimized_hlo"])
        used.append(helper().pid)
    assert [used.count(pid) for pid in dict.fromkeys(used)] == [2, 2, 1]
    assert len(list(own_folder.iterdir())) == 1


def test_an_interrupted_question_is_not_answered_in_the_place_of_the_next(own_folder):
    def interrupt(*_):
        raise KeyboardInterrupt

    other = TEXT.replace("jit__lambda", "jit_other")
    assert other != TEXT
    wanted = compile_module(other, CPU, ["optimized_hlo"])
    compiling.close()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        # It starts for longer than this.
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            compile_module(TEXT, CPU, ["optimized_hlo"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert compile_module(other, CPU, ["optimized_hlo"]) == wanted


def test_the_compilers_files_are_gone_after_each_module(own_folder):
    compile_module(TEXT, CPU, ["llvm", "asm"])
    (folder,) = own_folder.iterdir()
    assert [path.name for path in folder.iterdir()] == ["held"]
    compiling.close()
    assert not list(own_folder.iterdir())


USE = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import jax
from jax_ir_synth.lowering import compiling
from jax_ir_synth.request.targets import TARGETS
text = jax.jit(lambda x: x * 2.0).lower(jax.ShapeDtypeStruct((8,), "float32")).as_text()
compiling.compile_module(text, TARGETS["x86-64-v3"], ["llvm"])
"""


def run(code: str, folder: Path, **options) -> subprocess.Popen:
    environment = {**os.environ, "TMPDIR": str(folder), "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-c", USE + code, str(ROOT)], env=environment, **options
    )


def gone(folder: Path) -> bool:
    for _ in range(100):
        if not list(folder.iterdir()):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_caller_is_killed(tmp_path, number):
    caller = run(
        "print('ready', flush=True); time.sleep(60)",
        tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert caller.stdout.readline() == b"ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    caller.send_signal(number)
    caller.wait()
    caller.stdout.close()
    assert gone(tmp_path)


def test_what_both_left_is_removed_by_the_next(tmp_path):
    code = """
(pid,) = compiling.list_pids()
os.kill(pid, 9)
os.kill(os.getpid(), 9)
"""
    assert run(code, tmp_path).wait() == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    assert run("", tmp_path).wait() == 0
    assert not list(tmp_path.iterdir())


def test_a_process_forked_after_jax_ran_compiles_too(tmp_path):
    code = """
jax.numpy.arange(3.0).sum().block_until_ready()
compiling.compile_module(text, TARGETS["x86-64-v3"], ["llvm"])
(own,) = compiling.list_pids()
child = os.fork()
if child == 0:
    compiled = compiling.compile_module(text, TARGETS["x86-64-v3"], ["asm"])
    right = "vaddss" in compiled.texts["asm"] and own not in compiling.list_pids()
    # Ends its own helper, and its parent's lives on.
    compiling.close()
    os._exit(0 if right else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
compiling.compile_module(text, TARGETS["x86-64-v3"], ["llvm"])
assert compiling.list_pids() == [own]
"""
    assert run(code, tmp_path).wait(timeout=120) == 0
    assert gone(tmp_path)


def test_worker_processes_give_the_same_rows():
    from jax_ir_synth.generate.workers import Workers

    request = Request(category="unary", count=17, dialect=("llvm", "asm"), verify=False)
    planned = list(plan_rows(request))[::6]
    with Workers(2, 17) as workers:
        made = list(rows(request, planned, workers))
    assert made == [make_row(request, row) for row in planned]
    proven = dataclasses.replace(request, verify=True)
    assert make_row(proven, planned[0])["verified"].startswith("stablehlo: ")
