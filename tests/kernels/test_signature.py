"""The categories are disjoint by their signatures alone, whatever programs they hold."""

import itertools

import pytest
from free_regions import find_free_regions, format_region

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


def test_a_free_region_is_of_no_category_until_a_category_takes_it():
    taken = [kernels.signature(category) for category in categories.CATEGORIES]
    regions = find_free_regions(taken)
    assert all(region.excludes(signature) for region in regions for signature in taken)
    for region in regions:
        left = find_free_regions([*taken, region])
        assert format_region(region) not in map(format_region, left)
        assert all(region.excludes(other) for other in left)


def test_a_region_that_is_given_up_is_free():
    loop = kernels.signature("loop")
    others = [kernels.signature(name) for name in categories.CATEGORIES if name != "loop"]
    assert any(
        region.requires <= loop.requires and region.forbids <= loop.forbids
        for region in find_free_regions(others)
    )


def test_regions_of_one_signature():
    (only,) = find_free_regions([Signature(requires={"branch"}, forbids={"vec3"})])
    assert format_region(only) == "has vec3"
