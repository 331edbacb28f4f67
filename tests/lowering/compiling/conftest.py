"""Rows of every category at all six levels, made once."""

import dataclasses

import pytest

from jax_ir_synth.config import Request
from jax_ir_synth.dialects import DIALECTS
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.plan import plan_rows
from jax_ir_synth.rows import rows


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
