"""A short soak of seeds that are fixed, and what longer ones have found (`benchmarks/soak.py`)."""

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request import categories
from jax_ir_synth.request.config import Request

# Two that once ended without a file, ends of the range, and others as they came.
SEEDS = [
    424242, 31337, 2**64 - 1, 2**63, 2**32, 10**6, 271828, 314159, 20261128, 4,
    6679100756123327136, 9608117087354781533, 1123581321, 666, 5772156649, 8675309, 1729,
    141421356, 6174, 123456789,
]  # fmt: skip
# Of each, two of each category.
COUNT = 2 * len(categories.CATEGORIES)

# Candidates at which a run has ended before it was done.
ENDED = [
    # An index alone in brackets over several lines, with a comma.
    ("compound", 424242, 192),
    # A comparison of what is constant wherever a condition holds.
    ("nested_branch", 31337, 414),
    # A gradient that is zero in 16 bits alone.
    ("loop", 880012, 87),
    # An operand of `reduce_precision` midway between two numbers of 8 bits, up to rounding.
    ("unary", 9567764651147746817, 4),
    # On each input 16 bits put an element on the other side of a kink, each time another one.
    ("multi_statement", 11441068883527942021, 10),
    # Derivatives of two outputs cancel in a gradient, and in 16 bits their rounding is left.
    ("multi_statement", 3395919174996233686, 14),
    # The rounding of 2/√π to 16 bits, in a derivative that is one minus about as much.
    ("compound", 11451832551441818126, 7),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_made_and_proven(seed):
    request = Request(seed=seed, count=COUNT, strict=True)
    assert len(list(rows(request, plan_rows(request)))) == COUNT


@pytest.mark.parametrize(("category", "seed", "candidate"), ENDED)
def test_what_once_ended_a_run(category, seed, candidate):
    # Of the category alone, from the candidate on, as no plan is needed to make it.
    from jax_ir_synth.generate.plan import PlannedRow
    from jax_ir_synth.generate.rows import make_row

    request = Request(category=category, seed=seed, count=1)
    assert make_row(request, PlannedRow(0, category, candidate, "train"))["verified"] != "none"
