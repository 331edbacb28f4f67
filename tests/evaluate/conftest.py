"""Helper modules of the tests of scoring, and of the verifier's, importable by name; real rows."""

import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent / "verify")]


@pytest.fixture(scope="session")
def made() -> list[dict]:
    """Rows of seed 7, for both devices: four of each category, not proven."""
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.request.categories import CATEGORIES
    from jax_ir_synth.request.config import Request

    request = Request(seed=7, count=4 * len(CATEGORIES), verify=False)
    return list(rows(request, plan_rows(request)))
