"""Each kind of rewrite computes the same, and each kind of mutant something else, says XLA."""

from collections.abc import Iterator

import numpy as np
import pytest
from answer_mutants import MUTANTS
from equivalence import EQUIVALENT, WRONG, Judge
from rewrites import REWRITES
from variant_examples import examples
from variants import Kind, Original

from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.dataflow import compute_the_same

SECTIONS = ("forward", "backward")


@pytest.fixture(scope="module")
def judge():
    judge = Judge(60)
    yield judge
    judge.close()


def _texts(kind: Kind) -> Iterator[tuple[Original, str]]:
    """What the kind makes of the examples."""
    for row in examples():
        for section in SECTIONS:
            original = Original(getattr(read_section(row["cpp"]), section), row, section)
            for text in kind.texts(original, np.random.default_rng(1)):
                yield original, text


def test_no_name_is_there_twice():
    names = [kind.name for kind in (*REWRITES, *MUTANTS)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", REWRITES, ids=lambda kind: kind.name)
def test_a_rewrite_computes_the_same(kind, judge):
    original, text = next(_texts(kind))
    assert text != original.text
    verdict = judge.compare(original.text, original.row["in_avals"], text)
    assert verdict.verdict == EQUIVALENT, f"{verdict}\n{text}"


@pytest.mark.parametrize("kind", MUTANTS, ids=lambda kind: kind.name)
def test_a_mutant_computes_something_else(kind, judge):
    for original, text in _texts(kind):
        if judge.compare(original.text, original.row["in_avals"], text).verdict == WRONG:
            assert not compute_the_same(text, original.text)
            return
    pytest.fail(f"no mutant by {kind.name!r} is wrong")
