"""Is what is compiled without a device what its own compiler writes, and does it compute right?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jax_ir_synth.lowering import compiling
from jax_ir_synth.request.targets import TARGETS

HERE = Path(__file__).resolve().parent
ROWS = {"gpu": 200, "cpu": 60, "rehearsal": 10, "another": 10, "negated": 10}


def compared(mode: str, **environment) -> dict:
    """What `compared.py` prints."""
    kept = {key: value for key, value in os.environ.items() if key != "JAX_PLATFORMS"}
    done = subprocess.run(
        [sys.executable, str(HERE / "compared.py"), mode, str(ROWS[mode])],
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPATH": str(HERE.parents[2]), **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_without_the_gpu_its_code_is_what_its_compiler_writes_and_right(capsys):
    found = compared("gpu")
    if "skip" in found:
        pytest.skip(found["skip"])
    with capsys.disabled():
        print("\n", found)
    assert found["modules"] == 2 * ROWS["gpu"]
    assert found["wrong"] == found["fails"] == []
    # Without the GPU no tilings are tried; nearly all modules have nothing to try.
    assert found["same_hlo"] >= found["modules"] // 2


def test_the_cpus_code_computes_what_the_python_means():
    flags = compiling._xla_flags(TARGETS["x86-64-v3"])
    found = compared("cpu", JAX_PLATFORMS="cpu", XLA_FLAGS=flags)
    assert found["modules"] == 2 * ROWS["cpu"]
    assert found["wrong"] == []
    # XLA gives some transforms a layout that its own FFT refuses; so does jax.jit of the Python.
    assert [row for row, reason in found["fails"] if "fft_thunk.cc" not in reason] == []
    assert len(found["fails"]) <= 1


@pytest.mark.parametrize("mode", ["rehearsal", "another", "negated"])
def test_the_comparison_finds_what_is_there(mode):
    found = compared(mode, JAX_PLATFORMS="cpu")
    modules = found["modules"]
    assert modules == 20
    alike = found["same_hlo"] == found["same_ptx"] == modules
    assert alike == (mode != "another")
    assert bool(found["kinds"]) == (mode == "another")
    assert found["fails"] == []
    if mode == "negated":
        # Of 16-bit rows only most elements are compared, with a wide margin.
        assert len(found["rows"]) > len(found["halves"])
        assert set(found["rows"]) <= {row for row, _ in found["wrong"]}
    else:
        assert found["wrong"] == []
