"""Rows of every category at all six levels, made once."""

import dataclasses

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.request.dialects import DIALECTS


@pytest.fixture(scope="session")
def wanted() -> Request:
    """Two rows of each category in all dialects, not proven."""
    return Request(seed=21, count=2 * len(CATEGORIES), dialect=DIALECTS, verify=False)


@pytest.fixture(scope="session")
def made(wanted) -> list[dict]:
    """The rows of `wanted`, made in this process, in order."""
    return list(rows(wanted, plan_rows(wanted)))


@pytest.fixture(scope="session")
def stablehlo(wanted) -> list[dict]:
    """The same rows in StableHLO alone."""
    plain = dataclasses.replace(wanted, dialect="stablehlo")
    return list(rows(plain, plan_rows(plain)))
