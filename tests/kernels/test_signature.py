"""The categories are disjoint by their signatures alone, whatever programs they hold."""

import itertools

import pytest

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.lowering.op_counts import FEATURES
from jax_ir_synth.request import categories


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(categories.CATEGORIES, 2)))
def test_no_program_can_belong_to_two_categories(one, other):
    assert kernels.signature(one).excludes(kernels.signature(other))


@pytest.mark.parametrize("category", categories.CATEGORIES)
def test_signatures_speak_of_features_that_are_looked_for(category):
    signature = kernels.signature(category)
    assert signature.requires | signature.forbids <= FEATURES


def test_a_signature_holds_for_what_it_requires_and_not_for_what_it_forbids():
    signature = Signature(requires={"branch"}, forbids={"iteration"})
    assert signature.holds(frozenset({"branch", "reduction"}))
    assert not signature.holds(frozenset({"reduction"}))
    assert not signature.holds(frozenset({"branch", "iteration"}))


def test_overlapping_signatures_are_not_taken_for_disjoint():
    assert not Signature({"branch"}, {"iteration"}).excludes(Signature({"reduction"}, {"vec3"}))


@pytest.mark.parametrize(("requires", "forbids"), [(set(), {"branch"}), ({"branch"}, {"branch"})])
def test_a_signature_that_says_nothing_or_contradicts_itself_is_refused(requires, forbids):
    with pytest.raises(ValueError, match="requires something"):
        Signature(requires, forbids)
