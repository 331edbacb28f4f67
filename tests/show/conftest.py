"""Rows of every kind for the tests of `python -m jax_ir_synth.show`."""

import sys
from pathlib import Path

import pytest

from jax_ir_synth.config import Request
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import rows

# Tests are imported by path: what they share is found here.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def real() -> list[dict]:
    """Two real rows of each category, not proven."""
    request = Request(seed=5, count=2 * len(CATEGORIES), verify=False)
    return list(rows(request, plan_rows(request)))
