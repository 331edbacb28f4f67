"""The shared plan: the builder's to the row, in whatever order and rounds its candidates came."""

import random

import pytest

from jax_ir_synth.generate import plan
from jax_ir_synth.generate.plan import Drawn, plan_rows
from jax_ir_synth.request.config import Request
from jax_ir_synth.scale import ScaleError, draws, planning
from jax_ir_synth.scale.draws import Range


def _draw_into(folder, request, rounds=None):
    def draw(ranges):
        assert ranges == list(dict.fromkeys(ranges))
        if rounds is not None:
            rounds.append(ranges)
        # As tasks end: in any order.
        for part in random.Random(len(ranges)).sample(ranges, len(ranges)):
            draws.draw(folder, request.seed, part)

    return draw


@pytest.mark.parametrize("category", ["all", "reduction"])
def test_the_plan_is_the_builders(tmp_path, monkeypatch, category):
    # Several ranges for a category, and too few of them at first.
    monkeypatch.setattr(planning, "CANDIDATES_A_TASK", 4)
    monkeypatch.setattr(planning, "_MORE", 0.6)
    monkeypatch.setattr(planning, "_SLACK", 1)
    request = Request(category=category, seed=3, count=97)
    rounds = []
    planning.plan(tmp_path, request, _draw_into(tmp_path, request, rounds))
    assert len(rounds) > 1 and len(rounds[0]) > 1
    wanted = list(plan_rows(request))
    assert planning.read_plan(tmp_path, request, 0, 97) == wanted
    assert planning.read_plan(tmp_path, request, 13, 40) == wanted[13:40]
    assert not (tmp_path / draws.FOLDER).exists()


def test_a_plan_that_stands_is_not_made_again(tmp_path):
    request = Request(category="unary", count=5)
    planning.plan(tmp_path, request, _draw_into(tmp_path, request))
    planning.plan(tmp_path, request, None)


def test_a_damaged_plan_is_made_again(tmp_path):
    request = Request(category="unary", count=5)
    planning.plan(tmp_path, request, _draw_into(tmp_path, request))
    content = (tmp_path / "plan.npy").read_bytes()
    (tmp_path / "plan.npy").write_bytes(content[:-1] + b"\7")
    assert not planning.is_planned(tmp_path)
    planning.plan(tmp_path, request, _draw_into(tmp_path, request))
    assert (tmp_path / "plan.npy").read_bytes() == content


def test_a_damaged_range_is_drawn_again(tmp_path):
    request = Request(category="unary", count=5)
    (part,) = planning.Planning(tmp_path, request).find_missing()
    draws.draw(tmp_path, request.seed, part)
    path = draws.path(tmp_path, part)
    path.write_bytes(path.read_bytes()[:-8])
    assert draws.load(tmp_path, part) is None
    assert planning.Planning(tmp_path, request).find_missing() == [part]


def _planted(monkeypatch, programs):
    """Candidate n of each category is the program, and the skeleton, that `programs` gives."""
    monkeypatch.setattr(
        draws, "draw_candidate", lambda category, seed, n: Drawn(programs(n), programs(n))
    )


def test_duplicates_are_dropped_across_ranges(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "CANDIDATES_A_TASK", 10)
    # Each program three times, seven candidates apart.
    _planted(monkeypatch, lambda n: (n % 7) + 7 * (n // 21))
    request = Request(category="loop", count=30)
    planning.plan(tmp_path, request, _draw_into(tmp_path, request))
    rows = planning.read_plan(tmp_path, request, 0, 30)
    assert [row.candidate for row in rows] == [21 * (k // 7) + k % 7 for k in range(30)]


def test_an_exhausted_grammar_ends_it_across_ranges(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "CANDIDATES_A_TASK", 10)
    monkeypatch.setattr(plan, "MAX_DROPPED_IN_A_ROW", 50)
    _planted(monkeypatch, lambda n: n % 7)
    request = Request(category="loop", seed=3, count=8)
    with pytest.raises(ScaleError, match=r"'loop', seed 3.* at 7 distinct programs \(50 cand.* 8 "):
        planning.plan(tmp_path, request, _draw_into(tmp_path, request))
    assert not planning.is_planned(tmp_path)


def test_a_million_rows_are_divided_into_tasks(tmp_path):
    ranges = planning.Planning(tmp_path, Request(count=1_000_000)).find_missing()
    assert len(ranges) == 10 * 23
    assert ranges[22] == Range("elementwise", 110_000, 115_000)
