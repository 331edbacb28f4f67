"""Coverage of the survey's names."""

import pytest

from jax_ir_synth.stats import library, survey


def test_the_survey():
    names = survey.read_survey()
    assert len(names) == len({entry.name for entry in names}) == 283
    assert [entry.functions for entry in names] == sorted(
        (entry.functions for entry in names), reverse=True
    )
    assert names[0] == ("jax.numpy.where", 963, "")
    # Only a small share is left out, and each name for a reason.
    reasons = {entry.left_out for entry in names}
    assert reasons == {"", *survey.LEFT_OUT}
    left_out = sum(entry.functions for entry in names if entry.left_out)
    assert left_out < 0.02 * sum(entry.functions for entry in names)


@pytest.mark.parametrize(
    ("names", "methods", "covered"),
    [
        (["jax.numpy.where"], [], {"jax.numpy.where"}),
        (["jax.numpy.linalg.norm"], [], {"jax.numpy.linalg", "jax.numpy.linalg.norm"}),
        (["jax.scipy.special.i0"], [], {"jax.scipy.special"}),
        ([], ["reshape", "at[].add"], {"jax.numpy.reshape"}),
        (["jax.numpy.sum"], ["sum"], {"jax.numpy.sum"}),
        (["jax.numpy.summary", "jax.nn.sum"], ["where_else"], set()),
        # The name is left out, so it has no weight.
        (["jax.numpy.float64"], [], set()),
    ],
)
def test_coverage(names, methods, covered):
    weights = {entry.name: entry.functions for entry in survey.read_survey()}
    found = survey.measure_coverage(names, methods)
    assert found.used == sum(weights[name] for name in covered)
    assert found.weight + found.left_out == sum(weights.values())
    missing = {entry.name for entry in found.missing}
    assert not missing & covered
    assert found.used + sum(entry.functions for entry in found.missing) == found.weight
    assert found.share == found.used / found.weight


def test_everything_used_is_full_coverage():
    assert survey.measure_coverage([entry.name for entry in survey.read_survey()], []).share == 1.0


def test_what_is_a_function():
    names = {entry.name for entry in survey.read_survey()} | {"jax.Array", "jax.numpy.ndarray"}
    functions = library.select_functions(names)
    for name in ("jax.numpy.where", "jax.nn.relu", "jax.vmap", "jax.scipy.sparse.linalg.cg"):
        assert name in functions
    for name in ("jax.numpy.float32", "jax.numpy.pi", "jax.numpy.linalg", "jax.Array",
                 "jax.scipy.special", "jax.numpy.newaxis", "jax.numpy.ndarray"):  # fmt: skip
        assert name not in functions
    assert library.count_by_library(["jax.numpy.sum", "jax.numpy.linalg.norm", "jax.vmap"]) == {
        "jax.numpy": 2,
        "jax": 1,
    }


def test_names_that_this_jax_lacks():
    assert library.select_functions(["jax.numpy.summarise", "jax.numpie.sum", "jax.numpy.sum"]) == {
        "jax.numpy.sum"
    }
