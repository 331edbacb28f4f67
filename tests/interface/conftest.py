"""Reference rows that every adapter must reproduce."""

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request


@pytest.fixture(scope="session")
def wanted() -> Request:
    """What `reference` holds: small, but each category has three rows."""
    return Request(seed=11, count=3 * len(CATEGORIES))


@pytest.fixture(scope="session")
def reference(wanted) -> list[dict]:
    """The rows of `wanted`, made in this process, in order."""
    return list(rows(wanted, plan_rows(wanted)))
