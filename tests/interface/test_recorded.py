"""The same bytes on every datasets line: both environments compare with one recorded digest."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest

RECORD = Path(__file__).parent / "recorded.json"


def test_the_reference_rows_have_the_recorded_digest(reference, request):
    text = "\n".join(json.dumps(row) for row in reference)
    found = {"jax_version": version("jax"), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    if request.config.getoption("--record-goldens"):
        RECORD.write_text(json.dumps(found, indent=1) + "\n")
    recorded = json.loads(RECORD.read_text())
    if recorded["jax_version"] != found["jax_version"]:
        pytest.skip(f"recorded with jax {recorded['jax_version']}, this is {found['jax_version']}")
    assert found == recorded
