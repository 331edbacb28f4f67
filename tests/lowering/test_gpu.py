"""Where jax sees a GPU the text is the same as where it doesn't."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LOWER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_independence import SHARING, _lowered
import jax
json.dump({"backend": jax.default_backend(), "texts": _lowered(SHARING)}, sys.stdout)
"""


def _run(**environment) -> dict:
    kept = {key: value for key, value in os.environ.items() if key != "JAX_PLATFORMS"}
    run = subprocess.run(
        [sys.executable, "-c", LOWER, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **environment},
        cwd=Path(__file__).parents[2],
    )
    return json.loads(run.stdout)


def test_a_gpu_changes_nothing():
    here = _run()
    if here["backend"] not in ("gpu", "cuda"):
        pytest.skip("no GPU")
    assert here["texts"] == _run(JAX_PLATFORMS="cpu")["texts"]
