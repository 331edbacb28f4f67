"""A short soak of seeds that are fixed, and what longer ones have found (`benchmarks/soak.py`)."""

import pytest

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request import categories
from jax_ir_synth.request.config import Request
from jax_ir_synth.stats.audit import audit

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
    # A helper of an inner function that an outer one calls, too.
    ("vector", 6527506426624684638, 30),
    # A remainder of what underflows: zero, or nearly the divisor.
    ("elementwise", 4130021580, 281),
    # A float32 written into an array of 16 bits, of which jax warns that it will be an error.
    ("multi_statement", 14255959470727116316, 6),
    # The sign of a zero that is a maximum of zeros of both signs.
    ("multi_statement", 11, 38),
    # A gradient by one of two arguments that is zero in 16 bits alone.
    ("compound", 7262156173587453173, 40),
    # A gradient by one of several arguments that is smaller than its rounding in 16 bits.
    ("vector", 6873776363162320340, 43),
    ("compound", 10921483159179163510, 38),
    # A norm of numbers whose squares underflow.
    ("loop", 15720497043883144874, 48),
    # IR that is longer than was estimated: the row had more than 64 KiB.
    ("compound", 9239621698048007194, 22),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_made_and_proven(seed):
    request = Request(seed=seed, count=COUNT, strict=True)
    made = list(rows(request, plan_rows(request)))
    assert len(made) == COUNT
    assert audit(made) == []


@pytest.mark.parametrize(("category", "seed", "candidate"), ENDED)
def test_what_once_ended_a_run(category, seed, candidate):
    # Of the category alone, from the candidate on, as no plan is needed to make it.
    from jax_ir_synth.generate.plan import PlannedRow
    from jax_ir_synth.generate.rows import make_row

    request = Request(category=category, seed=seed, count=1)
    row = make_row(request, PlannedRow(0, category, candidate, "train"))
    assert row["verified"] != "none"
    assert audit([row]) == []
