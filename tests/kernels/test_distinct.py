"""Distinct in the plan is distinct in the IR, and no skeleton crosses a split: over 10,000 rows."""

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.generate.workers import Workers
from jax_ir_synth.request.config import Request
from jax_ir_synth.stats import audit

SEED, COUNT = 0, 10_000


@pytest.fixture(scope="module")
def planned_rows():
    """The CPU side of the first 10,000 rows of a seed."""
    request = Request(seed=SEED, count=COUNT, device="cpu", verify=False)
    with Workers(2, COUNT) as workers:
        return list(rows(request, plan_rows(request), workers))


@pytest.mark.slow
def test_every_promise_is_kept_by_every_row(planned_rows):
    # Duplicates by program_hash and text, leaks between splits (of skeletons, of masked IR and
    # Python), programs outside of their category, malformed and over-long rows.
    assert audit.audit(planned_rows) == []


@pytest.mark.slow
def test_nine_in_ten_skeletons_are_their_rows_own(planned_rows):
    assert len({row["skeleton_hash"] for row in planned_rows}) >= 0.9 * COUNT
