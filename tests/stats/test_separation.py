"""A classifier tells datasets apart that differ, and none that don't; projects are held out."""

import random

import pytest

from jax_ir_synth.cli.main import main
from jax_ir_synth.stats.separation import Sample, measure_separation

pytest.importorskip("sklearn")


def _samples(weights, count, seed, project=None):
    draws = random.Random(seed)
    names = list(weights)
    samples = []
    for number in range(count):
        drawn = draws.choices(names, weights.values(), k=12)
        name = project(number) if project else f"row {number}"
        samples.append(Sample(name, {pair: drawn.count(pair) for pair in set(drawn)}))
    return samples


EVEN = {"a -> b": 1, "b -> c": 1, "c -> d": 1, "d -> e": 1}
SKEWED = {"a -> b": 6, "b -> c": 1, "c -> d": 1, "d -> e": 1}


def test_the_same_kind_of_modules_cannot_be_told_apart():
    found = measure_separation(_samples(EVEN, 300, 1), _samples(EVEN, 300, 2))
    assert found == pytest.approx(0.5, abs=0.06)


def test_others_can():
    found = measure_separation(_samples(EVEN, 200, 1), _samples(SKEWED, 200, 2))
    assert found > 0.9
    apart = [Sample(f"row {number}", {"x -> y": 1, "y -> z": 1}) for number in range(50)]
    assert measure_separation(_samples(EVEN, 50, 3), apart) == 1.0


def test_the_order_does_not_matter():
    one, other = _samples(EVEN, 60, 1), _samples(SKEWED, 60, 2)
    assert measure_separation(one, other) == measure_separation(one[::-1], other[::-1])


def test_a_project_is_held_out_as_a_whole():
    # Each project has a pair of its own, which says nothing of other projects.
    def own(side):
        return [Sample(f"p{k}", {f"{side}{k} -> x": 1, "a -> b": 1}) for k in range(10)
                for _ in range(10)]  # fmt: skip

    found = measure_separation(own("one"), own("other"))
    assert found < 0.7


def test_too_few_projects_are_no_measure():
    one = _samples(EVEN, 50, 1, lambda number: f"p{number % 3}")
    assert measure_separation(one, _samples(EVEN, 50, 2)) is None


def test_the_flag_needs_another_dataset(capsys):
    assert main(["stats", "all:count=10", "--classify"]) == 2
    assert "`--classify` needs `--against`" in capsys.readouterr().err
