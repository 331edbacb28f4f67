"""Reference rows that every adapter must reproduce."""

import pytest

from jax_ir_synth.config import Request
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import rows


@pytest.fixture(scope="session")
def wanted() -> Request:
    """What `reference` holds: small, but each category has three rows."""
    return Request(seed=11, count=3 * len(CATEGORIES))


@pytest.fixture(scope="session")
def reference(wanted) -> list[dict]:
    """The rows of `wanted`, made in this process, in order."""
    return list(rows(wanted, plan_rows(wanted)))
