"""The meaning owes nothing to JAX: it is had without it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
import numpy as np
from jax_ir_synth.reference.points import find_points
from jax_ir_synth.reference.program import ReferenceProgram
avals = [{"name": "x", "shape": [3], "dtype": "float32", "low": 0.5, "high": 2.0}]
python = "def kernel_f(x):\\n    return jnp.sin(x) + jax.nn.gelu(lax.exp(x))\\n"
assert len(find_points(ReferenceProgram(python, "kernel_f", avals), avals, [0])) >= 2
assert not [name for name in sys.modules if name.split(".")[0] in ("jax", "jaxlib")]
"""


def test_a_program_is_run_without_jax():
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
