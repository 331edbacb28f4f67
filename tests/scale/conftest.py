"""A run that nothing disturbed, and the rows that it must hold."""

import sys
from pathlib import Path

import pytest

from jax_ir_synth.generate.plan import PlannedRow, plan_rows

sys.path.insert(0, str(Path(__file__).parent))

from scale_run import WANTED, Command  # noqa: E402


@pytest.fixture(scope="session")
def planned() -> list[PlannedRow]:
    """The rows of WANTED, as the builder plans them."""
    return list(plan_rows(WANTED))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed. Not to be changed."""
    pytest.importorskip("datatrove", reason="the extra scale isn't installed")
    folder = tmp_path_factory.mktemp("undisturbed") / "data"
    code, _, errors = Command(folder).ended()
    assert code == 0, errors
    return folder
