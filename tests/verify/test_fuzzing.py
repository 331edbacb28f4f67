"""Texts that nobody wrote end no process and hang none: each is a value or one line of refusal."""

import itertools

import pytest
from answering import answers
from fuzzing import operation_texts, texts

from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.ir_section import read_section

# Texts for each seed, of real rows' and of those of single operations.
NUMBER = 300


@pytest.fixture(scope="module")
def real() -> list[str]:
    request = Request(seed=1414, count=2 * len(CATEGORIES), verify=False)
    columns = [read_section(row["cpp"], "stablehlo") for row in rows(request, plan_rows(request))]
    return [module for column in columns for module in (column.forward, column.backward)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("of_rows", [True, False])
def test_changed_texts(real, seed, of_rows):
    originals = real if of_rows else operation_texts()
    drawn = list(itertools.islice(texts(originals, seed), NUMBER))
    found = answers(drawn, "verifier")
    wrong = [
        (answer, text)
        for answer, text in zip(found, drawn, strict=True)
        if answer.kind not in ("value", "refused")
    ]
    assert not wrong
    kinds = [answer.kind for answer in found]
    # Some change nothing that is looked at, most something.
    assert kinds.count("value") > NUMBER / 50 and kinds.count("refused") > NUMBER / 4
