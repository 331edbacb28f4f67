"""The tests of this folder share `pages`, and a few rows."""

import sys
from pathlib import Path

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def good() -> list[dict]:
    """A row of each category."""
    request = Request(seed=5, count=len(CATEGORIES))
    return list(rows(request, plan_rows(request)))
