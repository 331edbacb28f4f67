"""From judgements to figures: means over rows, parts, the JSON, the table, the picture."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console
from scored_rows import right, rows

from jax_ir_synth.evaluate import plot, tables
from jax_ir_synth.evaluate.estimates import interval, pass_at_k
from jax_ir_synth.evaluate.functions import evaluate
from jax_ir_synth.evaluate.judgement import RUNGS, Judgement
from jax_ir_synth.evaluate.report import LINE_BINS, Report, find_bin
from jax_ir_synth.evaluate.run import Setting
from jax_ir_synth.evaluate.selection import Asked
from jax_ir_synth.evaluate.tally import Tally
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.schema.splits import SPLITS

SETTING = Setting(
    "forward",
    {"name": "rows", "split": None, "rows": 9, "scored": 3, "missing": 4, "nothing_to_ask": 2},
    "leave-out",
    "last",
    {},
    {},
    {},
)


def _judgement(rung, similarity=0.5) -> Judgement:
    return Judgement(rung, "", "", rung == "pass", rung in ("pass", "numeric"), similarity)


def _asked(id, completions, category="unary", split="train", lines=5) -> Asked:
    return Asked(id, category, split, lines, completions)


@pytest.fixture
def three() -> Report:
    """Rows with 4, 2 and no completions."""
    tally = Tally((1, 2))
    tally.add(
        _asked(0, 4), [_judgement("pass", 1.0), *map(_judgement, ("parse", "numeric", "parse"))]
    )
    tally.add(_asked(1, 2, "loop", "test", 20), [_judgement("pass", 0.75), _judgement("pass", 0.5)])
    tally.add(_asked(2, 0, "loop", "train", 4), [])
    return tally.report(SETTING)


def test_each_row_counts_as_one(three):
    overall = three.overall
    assert (overall.rows, overall.completions) == (3, 6)
    assert overall.ladder == pytest.approx(
        {
            "no_code": 1 / 3,
            "parse": 0.5 / 3,
            "verify": 0,
            "signature": 0,
            "unsupported": 0,
            "execute": 0,
            "numeric": 0.25 / 3,
            "pass": 1.25 / 3,
        }
    )
    assert tuple(overall.ladder) == RUNGS
    assert sum(overall.ladder.values()) == pytest.approx(1)
    assert overall.exact == pytest.approx(1.25 / 3)
    assert overall.renamed == pytest.approx(1.5 / 3)
    assert overall.similarity == pytest.approx((0.625 + 0.625) / 3)


def test_pass_at_k_and_its_intervals(three):
    per_row = [pass_at_k(4, 1, 2), pass_at_k(2, 2, 2), 0]
    assert three.overall.pass_at[2] == pytest.approx(np.mean(per_row))
    assert three.overall.intervals[2] == interval(per_row)
    assert three["pass@1"] == three.overall.ladder["pass"] == pytest.approx(1.25 / 3)
    assert three.by_category["unary"].intervals == {1: interval([0.25]), 2: interval([0.5])}


def test_the_parts(three):
    assert list(three.by_category) == ["unary", "loop"]
    assert list(three.by_split) == ["train", "test"]
    assert list(three.by_lines) == ["1-4", "5-8", "17+"]
    assert three.by_category["loop"].ladder["pass"] == 0.5
    assert three.by_split["test"].pass_at == {1: 1, 2: 1}
    assert three.by_lines["1-4"].ladder["no_code"] == 1
    for part in (three.by_category, three.by_split, three.by_lines):
        assert sum(figures.rows for figures in part.values()) == 3
        for rung in RUNGS:
            total = sum(figures.rows * figures.ladder[rung] for figures in part.values())
            assert total == pytest.approx(3 * three.overall.ladder[rung])


def test_the_bins_hold_every_length_once():
    assert LINE_BINS[0][0] == 1 and LINE_BINS[-1][1] is None
    for (_, high), (low, _) in zip(LINE_BINS, LINE_BINS[1:], strict=False):
        assert low == high + 1
    assert [find_bin(lines) for lines in (1, 4, 5, 16, 17, 900)] == [
        "1-4", "1-4", "5-8", "13-16", "17+", "17+",
    ]  # fmt: skip


def test_categories_that_nobody_knows_come_last():
    tally = Tally()
    for id, category in enumerate(("zebra", "loop", "ant")):
        tally.add(_asked(id, 1, category), [_judgement("pass")])
    assert list(tally.report(SETTING).by_category) == ["loop", "ant", "zebra"]


def test_as_json():
    given = {row["id"]: [right(row), "no_code"] for row in rows()}
    found = evaluate(given, rows(), k=(1, 2)).to_json()
    assert json.loads(json.dumps(found)) == found
    assert (found["pass@1"], found["pass@2"]) == (0.5, 1)
    assert found["intervals"] == {
        "pass@1": list(interval([0.5] * 12)),
        "pass@2": list(interval([1.0] * 12)),
    }
    assert found["ladder"]["no_code"] == 0.5
    for part, names in (
        ("by_category", {"unary", "loop"}),
        ("by_split", {"train", "validation", "test"}),
        ("by_lines", {"1-4", "5-8", "9-12", "13-16", "17+"}),
    ):
        assert found[part].keys() == names
        for figures in found[part].values():
            assert figures.keys() == found.keys() - {
                "by_category",
                "by_split",
                "by_lines",
                "setting",
                "unjudged",
            }
    setting = found["setting"]
    assert setting["task"] == "forward"
    assert setting["limits"] == {"seconds": 10, "gigabytes": 4}
    assert setting["dataset"].items() >= {"rows": 12, "scored": 12, "missing": 0}.items()
    assert {"jax_ir_synth", "sources", "jax", "jaxlib", "numpy"} <= setting["versions"].keys()
    assert setting["bootstrap"].keys() == {"seed", "resamples", "confidence"}


def test_the_digest_is_of_the_rows_that_were_scored():
    def digest(given, scored) -> str:
        return evaluate(given, scored).setting.dataset["digest"]

    given = {0: "a", 1: "b"}
    assert digest(given, rows()) == digest(given, rows()[:3])
    assert digest(given, rows()) != digest({0: "a"}, rows())
    # What a row says of its own proof, or who lowered it, is not what a model is asked.
    assert digest(given, rows()) == digest(given, [row | {"verified": "xla"} for row in rows()])
    other = rows()
    other[1]["in_avals"][0]["low"] = -2.0
    assert digest(given, rows()) != digest(given, other)


def _shown(report) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    tables.show(report, console)
    return console.file.getvalue().splitlines()


def _rounded_outwards(interval) -> str:
    low, high = interval
    return f"{math.floor(1000 * low) / 10:.1f}–{math.ceil(1000 * high) / 10:.1f}"


def test_the_tables(three):
    shown = _shown(three)
    lines = [line.split() for line in shown]
    passed, failed = (line[1:] for line in lines if line[:1] == ["all"])
    first, second = (_rounded_outwards(three.overall.intervals[k]) for k in (1, 2))
    assert passed == ["3", "41.6", f"({first})", "50.0", f"({second})"]
    assert failed == ["33.3", "16.6", "0.0", "0.0", "0.0", "0.0", "8.3"]
    for name in ("unary", "loop"):
        assert sum(line[:1] == [name] for line in lines) == 2
    for name in (["train"], ["test"], ["lines", "17+"]):
        assert sum(line[: len(name)] == name for line in lines) == 1
    # Nothing was cut to fit.
    assert "…" not in "".join(shown)


def test_the_answer_comes_first(three):
    first, second = (_rounded_outwards(three.overall.intervals[k]) for k in (1, 2))
    assert _shown(three)[:5] == [
        f"pass@1 41.6 % (95 %: {first}), pass@2 50.0 % (95 %: {second})",
        "Python → forward IR, 3 rows of rows, 6 completions",
        "exact 41.6 %, renamed 50.0 %, similarity 0.417",
        "4 of 9 rows (all splits) have no prediction and are left out",
        "2 of 9 rows (all splits) have the same text for both devices: nothing is asked of them",
    ]


def test_a_report_of_all_categories_fits_45_lines():
    tally = Tally((1, 10))
    for id in range(150):
        category, split = CATEGORIES[id % len(CATEGORIES)], SPLITS[id % len(SPLITS)]
        judgements = [_judgement(RUNGS[(id + k) % len(RUNGS)]) for k in range(10)]
        tally.add(_asked(id, 10, category, split, id % 20 + 1), judgements)
    shown = _shown(tally.report(SETTING))
    assert len(shown) <= 45
    # But for what was left out, which goes on beyond a terminal's width.
    assert max(map(len, shown[:3] + shown[5:])) <= 80


def test_no_interval_lies_at_an_end():
    tally = Tally()
    for id in range(146):
        tally.add(_asked(id, 1), [_judgement("parse")])
    report = tally.report(SETTING)
    assert report.overall.intervals[1] == (0, pytest.approx(0.02495, abs=1e-5))
    assert _shown(report)[0] == "pass@1 0.0 % (95 %: 0.0–2.5)"


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_the_picture(three, tmp_path, format):
    plot.draw(three, tmp_path / "a", format)
    plot.draw(three, tmp_path / "b", format)
    first, second = (tmp_path / name for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(
        {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[format]
    )


def test_the_picture_says_what_the_report_does(three):
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    parts = {"all": three.overall, **three.by_category}
    plot._draw_ladder(left, parts)
    widths = [[bar.get_width() for bar in bars] for bars in left.containers]
    expected = [[figures.ladder[rung] for figures in parts.values()] for rung in RUNGS]
    np.testing.assert_allclose(widths, expected, atol=1e-12)
    plot._draw_pass_at(right, parts)
    points = [line.get_xdata()[0] for container in right.containers for line in container[:1]]
    assert points == [figures.pass_at[k] for k in (1, 2) for figures in parts.values()]
