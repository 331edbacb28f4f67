"""Mutants of right answers score near zero where they mean something else."""

import numpy as np
from mutants import KINDS, mutants, signature

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.config import Request
from jax_ir_synth.verify.sandbox import Limits, Sandbox

REQUEST = Request(seed=21, count=150, verify=False)
# Of mutants that mean something else, at random inputs and bit for bit. What survives differs by
# rounding alone, or where no input looks.
MOST_PASSED = 0.02
LIMITS = Limits(seconds=10, gigabytes=4)


def test_mutants_score_near_zero():
    rows = [make_row(REQUEST, planned) for planned in plan_rows(REQUEST)]
    alike: dict[tuple, list] = {}
    for row in rows:
        alike.setdefault(signature(row), []).append(row)
    drawn = []
    for number, row in enumerate(rows):
        rng = np.random.default_rng([REQUEST.seed, row["id"]])
        kinds = [KINDS[(number + k) % len(KINDS)] for k in (0, len(KINDS) // 2)]
        drawn += [(row, each) for each in mutants(row, rng, alike[signature(row)], kinds)]
    with Sandbox("oracle:answer", 1, LIMITS) as oracle, Sandbox("scored:rung", 1, LIMITS) as judge:
        differ = oracle.outcomes(
            (None, {"ask": "differs", "row": row, "mutant": mutant}) for row, mutant in drawn
        )
        rungs = judge.outcomes((None, {"row": row, "mutant": mutant}) for row, mutant in drawn)
        passed, differing = [], 0
        for (row, mutant), (_, differs), (_, said) in zip(drawn, differ, rungs, strict=True):
            # One that never ends, or takes the interpreter down, means something else.
            if differs.said == "False":
                continue
            differing += 1
            if said.passed and said.said.startswith("pass"):
                passed.append(f"id {row['id']} {mutant.kind}: {mutant.what}")
    print(f"\n{len(passed)} of {differing} mutants passed", *passed, sep="\n")
    assert differing > len(rows)
    assert len(passed) <= MOST_PASSED * differing, "\n".join(passed)
