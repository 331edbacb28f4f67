"""The inputs of completions fill the ranges, and lie at edges, in branches and at thresholds."""

import dataclasses

import numpy as np
import pytest
import rowmaking

from jax_ir_synth.evaluate.inputs import InputDraws, find_branches, find_thresholds
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import make_row
from jax_ir_synth.reference.program import ReferenceProgram
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request


def aval(*args, **kwargs) -> dict:
    return dataclasses.asdict(rowmaking.aval(*args, **kwargs))


_KEY = "0123456789abcdef" * 2


def made_rows(count: int, seed: int) -> list[dict]:
    request = Request(seed=seed, count=count, verify=False)
    return [make_row(request, planned) for planned in plan_rows(request)]


def test_inputs_lie_in_their_ranges_and_meet_the_edges():
    for row in made_rows(4 * len(CATEGORIES), 11):
        draws = InputDraws(row["in_avals"], row["program_hash"])
        filling, edges = draws.fill_ranges(), draws.draw_edges()
        assert len(filling) >= 10 and len(edges) == 3
        for number, described in enumerate(row["in_avals"]):
            low, high = described["low"], described["high"]
            drawn = [point[number] for point in (*filling, *edges)]
            assert all(str(x.dtype) == described["dtype"] for x in drawn)
            assert all(x.shape == tuple(described["shape"]) for x in drawn)
            drawn = [np.asarray(x, np.float64) for x in drawn]
            assert all(((x >= low) & (x <= high)).all() for x in drawn), row["id"]
            if drawn[0].size >= 16:
                ends = min(max(low, 0), high), low, high
                for x, edge in zip(drawn[-3:], ends, strict=True):
                    assert np.isclose(x, edge, rtol=0.01, atol=1e-6).any(), row["id"]


def test_the_python_of_every_category_helps_to_find_them():
    """An error in the search for them must not pass for one of the row's Python."""
    for row in made_rows(2 * len(CATEGORIES), 23):
        avals = row["in_avals"]
        program = ReferenceProgram(row["python"], row["kernel_name"], avals)
        draws = InputDraws(avals, row["program_hash"])
        filling = draws.fill_ranges()
        program.measure_differences(filling[0])
        find_thresholds(filling + find_branches(filling, draws, program), avals, draws, program)


def test_they_are_the_same_every_time_and_others_for_another_row():
    avals = [aval("x", (3,)), aval("n", (), "int32", 0, 5)]
    first, again, other = (InputDraws(avals, key).fill_ranges() for key in (_KEY, _KEY, _KEY[::-1]))
    assert all(
        np.array_equal(x, y)
        for one, two in zip(first, again, strict=True)
        for x, y in zip(one, two, strict=True)
    )
    assert not np.array_equal(first[0][0], other[0][0])


def test_each_part_of_a_range_has_an_input():
    for dtype in ("float32", "bfloat16"):
        points = InputDraws([aval("x", (2,), dtype, -1.0, 3.0)], _KEY).fill_ranges()
        values = np.sort(np.asarray([point[0] for point in points], np.float64), axis=0)
        parts = np.linspace(-1.0, 3.0, len(points) + 1)
        # A bfloat16 may be rounded into the next part.
        margin = 0.02
        assert (values >= parts[:-1, None] - margin).all(), dtype
        assert (values <= parts[1:, None] + margin).all(), dtype


@pytest.mark.parametrize("shape", [(), (3,), (40, 50)])
@pytest.mark.parametrize(("dtype", "low", "high"), [("float32", -1.0, 3.0), ("int32", 0, 99)])
def test_a_tenth_of_a_range_has_an_input_wherever_it_lies(shape, dtype, low, high):
    points = InputDraws([aval("x", shape, dtype, low, high)], _KEY).fill_ranges()
    values = np.sort(np.asarray([point[0] for point in points], np.float64), axis=0)
    span = high - low + (dtype == "int32")
    gaps = np.diff(values, axis=0, prepend=low, append=low + span)
    assert gaps.max() <= span / 10 + (1 if dtype == "int32" else 1e-6)


def test_elements_lie_at_places_of_their_own():
    """Equal elements would be a kink of a maximum, and a place known beforehand an easy prey."""
    for row_key in (_KEY, _KEY[::-1]):
        (first, *_) = InputDraws([aval("x", (500,))], row_key).fill_ranges()
        assert np.unique(first[0]).size > 490


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 4), (0, 15)])
def test_a_small_range_of_integers_is_covered(low, high):
    points = InputDraws([aval("n", (), "int32", low, high)], _KEY).fill_ranges()
    assert {int(point[0]) for point in points} == set(range(low, high + 1))


def _program(body: str, *avals: dict) -> tuple[ReferenceProgram, InputDraws]:
    names = ", ".join(each["name"] for each in avals)
    python = f"def kernel_f({names}):\n    {body}\n"
    return ReferenceProgram(python, "kernel_f", avals), InputDraws(avals, _KEY)


def test_a_branch_that_is_rarely_taken_is_found():
    x = aval("x", (), low=0.0, high=1.0)
    body = "return lax.cond(x > 0.985, lambda v: v * 2, lambda v: v, x)"
    program, draws = _program(body, x)
    filling = [[np.float32(0.5)], [np.float32(0.1)]]
    (found,) = find_branches(filling, draws, program)
    assert float(found[0]) > 0.985
    assert find_branches([*filling, found], draws, program) == []


def test_a_branch_that_nothing_takes_ends_the_search():
    program, draws = _program(
        "return lax.cond(x > 2.0, lambda v: v * 2, lambda v: v, x)",
        aval("x", (), low=0.0, high=1.0),
    )
    assert find_branches(draws.fill_ranges(), draws, program) == []


def test_there_are_inputs_on_both_sides_of_a_threshold():
    x = aval("x", (), low=-2.0, high=2.0)
    for body in (
        "return jnp.where(x > 0.3, x, 2 * x)",
        "return lax.cond(jnp.less(x, 0.3), lambda v: v * 2, lambda v: v, x)",
    ):
        program, draws = _program(body, x)
        found = find_thresholds(draws.fill_ranges(), [x], draws, program)
        distances = sorted(float(point[0]) - 0.3 for point in found)
        assert len(found) == 2 and -0.03 < distances[0] < 0 < distances[1] < 0.03, body


def test_a_single_element_is_compared_too():
    x = aval("x", (5,), low=-2.0, high=2.0)
    program, draws = _program("return jnp.where(x[-1] > 0.5, x, 2 * x)", x)
    found = find_thresholds(draws.fill_ranges(), [x], draws, program)
    assert sorted(abs(float(point[0][-1]) - 0.5) < 0.03 for point in found) == [True, True]


def test_nudges_lie_on_either_side():
    avals = [aval("x", (3,), low=-1.0, high=1.0), aval("n", (), "int32", 0, 5)]
    draws = InputDraws(avals, _KEY)
    (point,) = draws.draw_random(1)
    one, other = draws.nudge(point)
    assert np.allclose(one[0] + other[0], 2 * point[0].astype(np.float64), rtol=0, atol=1e-12)
    assert np.allclose(np.abs(one[0] - point[0]), 1e-6, rtol=1e-6)
    assert one[1] is point[1]
