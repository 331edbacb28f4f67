"""Rows for the tests to change: two of each category, and rows made from a source."""

import copy

import jax
import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.source_facts import read_source

# A skeleton hash of each split, see `splits.split_of`.
SKELETON = {"train": "0" * 32, "validation": f"{8:08x}" + "0" * 24, "test": f"{9:08x}" + "0" * 24}


@pytest.fixture(scope="session")
def _made() -> list[dict]:
    request = Request(seed=5, count=2 * len(CATEGORIES))
    return list(rows(request, plan_rows(request)))


@pytest.fixture
def good(_made) -> list[dict]:
    """Two rows of each category. Each test gets a copy that it may change."""
    return copy.deepcopy(_made)


@pytest.fixture(scope="session")
def make():
    """Make a row from a source: `make(python, *shapes, id=…, category=…, split=…)`."""

    def make_row(python, *shapes, id=0, category="unary", split="train", dtype="float32") -> dict:
        kernel_name = python[4 : python.index("(")]
        names = read_source(python).arguments
        avals = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
        argnums = tuple(range(len(avals)))
        lowered = lower_source(python, kernel_name, avals, argnums, ("cpu", "cuda"))
        return {
            "id": id,
            "kernel_name": kernel_name,
            "python": python,
            "cpp": lowered.columns["cpu"],
            "cuda": lowered.columns["cuda"],
            "type": f"generate_{category}",
            "in_avals": [
                {"name": name, "shape": list(shape), "dtype": dtype, "low": -1.0, "high": 1.0}
                for name, shape in zip(names, shapes, strict=True)
            ],
            "argnums": list(argnums),
            "program_hash": lowered.program_hash,
            "skeleton_hash": SKELETON[split],
            "jax_version": jax.__version__,
            "verified": "none",
        }

    return make_row
