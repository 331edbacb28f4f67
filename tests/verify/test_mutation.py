"""The verifier rejects mutants: valid IR that computes something else than the row's Python."""

import dataclasses

import numpy as np
import pytest
from mutants import KINDS, Mutant, mutants, signature

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.request.config import Request
from jax_ir_synth.verify.sandbox import Limits, Sandbox

REQUEST = Request(seed=20, count=500)
MUTANTS_A_ROW = 2
# Of every kind at least so many must mean something else, and of all of them this share be rejected.
LEAST_OF_A_KIND = 50
LEAST_REJECTED = 0.98
# A mutant that is still running then never ends: rows take milliseconds.
LIMITS = Limits(seconds=10, gigabytes=4)


@dataclasses.dataclass
class Tried:
    """A mutant with what was found out about it."""

    row: dict
    mutant: Mutant
    differs: bool
    rejected: bool
    why: str

    def __str__(self) -> str:
        return f"id {self.row['id']} {self.mutant.kind}, {self.mutant.what}\n    {self.why}"


@pytest.mark.slow
def test_mutants_are_rejected():
    rows = [make_row(REQUEST, planned) for planned in plan_rows(REQUEST)]
    with Sandbox("oracle:answer", 1, LIMITS) as sandbox:
        asked = ((row, {"ask": "verdict", "row": row}) for row in rows)
        unproven = [
            f"id {row['id']}: {outcome.said}"
            for row, outcome in sandbox.outcomes(asked)
            if not outcome.passed
        ]
        tried = _try(sandbox, list(_drawn(rows)))
        survivors = [each for each in tried if each.differs and not each.rejected]
        _explain(sandbox, survivors)
    report = "\n".join([_table(tried), *map(str, survivors)])
    print(f"\n{report}")
    assert not unproven, "\n".join(["rows that are right must be proven:", *unproven])
    for kind in KINDS:
        differing = sum(each.differs for each in tried if each.mutant.kind == kind)
        assert differing >= LEAST_OF_A_KIND, f"{kind}: too few mutants ({differing})\n{report}"
    differing = sum(each.differs for each in tried)
    assert differing - len(survivors) >= LEAST_REJECTED * differing, report


def _drawn(rows: list[dict]):
    """(row, mutant): for each row of the kinds that were had least so far."""
    alike: dict[tuple, list] = {}
    for row in rows:
        alike.setdefault(signature(row), []).append(row)
    made = dict.fromkeys(KINDS, 0)
    for row in rows:
        rng = np.random.default_rng([REQUEST.seed, row["id"]])
        left = MUTANTS_A_ROW
        for kind in sorted(KINDS, key=made.get):
            for mutant in mutants(row, rng, alike[signature(row)], [kind]) if left else ():
                made[kind] += 1
                left -= 1
                yield row, mutant


def _try(sandbox: Sandbox, drawn: list[tuple[dict, Mutant]]) -> list[Tried]:
    def questions():
        for row, mutant in drawn:
            yield None, {"ask": "differs", "row": row, "mutant": mutant}
            yield None, {"ask": "verdict", "row": mutant.row}

    outcomes = (outcome for _, outcome in sandbox.outcomes(questions()))
    tried = []
    for (row, mutant), differs, verdict in zip(drawn, outcomes, outcomes, strict=True):
        # One that never ends, or takes the interpreter down, means something else.
        ended = not differs.said.startswith(("it was not done", "its helper process died"))
        assert differs.passed or not ended, f"id {row['id']} can't be run: {differs.said}"
        tried.append(Tried(row, mutant, differs.said != "False", not verdict.passed, verdict.said))
    return tried


def _explain(sandbox: Sandbox, survivors: list[Tried]) -> None:
    asked = (
        (each, {"ask": "largest", "row": each.row, "mutant": each.mutant}) for each in survivors
    )
    for each, outcome in sandbox.outcomes(asked):
        found = (
            f"differs by {float(outcome.said):.1e} of its scale" if outcome.passed else outcome.said
        )
        each.why = f"passed as {each.why!r}; {found}"


def _table(tried: list[Tried]) -> str:
    lines = [
        "| kind | mutants | same meaning | other meaning | rejected |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind in [*KINDS, "all"]:
        of_kind = [each for each in tried if kind in ("all", each.mutant.kind)]
        differing = [each for each in of_kind if each.differs]
        rejected = sum(each.rejected for each in differing)
        same = len(of_kind) - len(differing)
        lines.append(f"| {kind} | {len(of_kind)} | {same} | {len(differing)} | {rejected} |")
    return "\n".join(lines)
