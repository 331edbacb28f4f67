"""A fault of a row, or of this machine, is never the model's: the completion is unjudged."""

import dataclasses
import itertools
import json

import datasets
import hostile
import pyarrow
import pytest
from failing_judge import OWN_FAILS, WAYS
from hypothesis import given
from hypothesis import strategies as st
from scored_rows import right, row, rows
from text_judges import TextJudges

from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate import (
    Judgement,
    compute,
    evaluate,
    judge,
    judge_all,
    judging,
    kept,
    pool,
)
from jax_ir_synth.evaluate.extraction import OWN
from jax_ir_synth.evaluate.judgement import (
    PASS,
    REFERENCE,
    RUNGS,
    UNJUDGED,
    Unjudgeable,
    leave_unjudged,
)
from jax_ir_synth.evaluate.pool import Judges, Limits, Question
from jax_ir_synth.evaluate.report import Setting, Unjudged
from jax_ir_synth.evaluate.run import NothingJudged
from jax_ir_synth.evaluate.selection import Asked
from jax_ir_synth.evaluate.tally import Tally
from jax_ir_synth.evaluate.tasks import TASKS, reference
from jax_ir_synth.schema.columns import SCHEMA

SETTING = Setting("forward", {"name": "rows"}, "leave-out", "last", {}, {}, {})


# Who is at fault where a process fails.

_SAID = {
    "fails": "it is off",
    "can't be judged": "its reference takes too long",
    "dies": "its process died: SIGABRT",
}
_MARKS = (None, "nothing known", *RUNGS[:-1], REFERENCE)


@pytest.fixture(scope="module")
def outcomes() -> dict:
    """For each way to fail, mark, and fate of the right answer: the judgement."""
    found = {}
    for ways, marks, seconds in (
        (WAYS.keys() - {"takes time"}, _MARKS, 20),
        (("takes time",), (None, "parse", "numeric", REFERENCE), 2),
    ):
        cases = itertools.product(sorted(ways), marks, ("", *OWN_FAILS))
        jobs = (
            (case, Question("x", dict(zip(("way", "mark", "own"), case, strict=True)), "forward"))
            for case in cases
        )
        with Judges(4, Limits(seconds, 1), "failing_judge:judge") as judges:
            found |= judges.judgements(jobs)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_process_that_fails_is_the_completions_fault_only_if_the_right_answer_gets_through(
    way, outcomes
):
    for (_, mark, own), found in ((case, got) for case, got in outcomes.items() if case[0] == way):
        looked_at = mark in (*RUNGS, REFERENCE)
        assert found.unjudged == (not looked_at or bool(own)), (mark, own, found)
        assert not found.passed and not found.exact and found.similarity == 0
        assert found.reason and "\n" not in found.reason
        if not looked_at:
            assert found.reason.startswith("before it was looked at: ")
        elif not own:
            assert found.rung == ("execute" if mark == REFERENCE else mark)
        else:
            failure, _, why = found.reason.partition("; the row's right answer fails, too: ")
            assert failure == outcomes[way, mark, ""].reason
            assert why == _SAID[own]


# Rows whose text is wrong, before the real judge.

_LOOP = """\
    %c = stablehlo.constant dense<true> : tensor<i1>
    %0:2 = stablehlo.while(%a = %arg0, %p = %c) : tensor<4x4xf32>, tensor<i1>
    cond { stablehlo.return %p : tensor<i1> }
    do { stablehlo.return %a, %p : tensor<4x4xf32>, tensor<i1> }
    return %0#0 : tensor<4x4xf32>"""


def _edit(old: str, new: str):
    def edit(row: dict) -> dict:
        assert old in row["cpp"]
        return {"cpp": row["cpp"].replace(old, new)}

    return edit


def _with_body(body: str):
    """The row with another body in its forward module."""

    def edit(row: dict) -> dict:
        head, _, rest = row["cpp"].partition("-> (tensor<4x4xf32>")
        signature, _, rest = rest.partition("{\n")
        _, _, rest = rest.partition("\n  }\n")
        return {"cpp": f"{head}-> (tensor<4x4xf32>{signature}{{\n{body}\n  }}\n{rest}"}

    return edit


def _aval(**changed):
    return lambda row: {"in_avals": [{**row["in_avals"][0], **changed}]}


_RETURN = "    return %0 : tensor<4x4xf32>"
# How a row is damaged, and a part of what is said of it.
FAULTS = {
    "no IR at all": (lambda row: {"cpp": None, "cuda": None}, "has no IR column that is filled"),
    "text in the place of IR": (lambda row: {"cpp": "text"}, "the cpp of row 1 is damaged"),
    "empty": (lambda row: {"cpp": "\n"}, "the cpp of row 1 is damaged"),
    "cut off": (lambda row: {"cpp": row["cpp"][:300]}, "the cpp of row 1 is damaged"),
    "the backward pass missing": (
        lambda row: {"cpp": row["cpp"].partition("## Backward")[0]},
        "the cpp of row 1 is damaged",
    ),
    "a letter changed": (_edit("stablehlo.sine", "stablehlo.sane"), "reference can't be parsed"),
    "a bracket lost": (_edit("module @jit_kernel_f ", "module @jit_kernel_f {"), "can't be parsed"),
    "no main": (_edit("@main", "@other"), "the reference can't be parsed: it has no function main"),
    "too deep to parse": (_edit("module @jit_kernel_f ", "(" * 300), "can't be parsed"),
    "other arguments": (_aval(shape=[4, 5]), "takes (float32[4,4]), in_avals are (float32[4,5])"),
    "another dtype": (_aval(dtype="int32"), "takes (float32[4,4]), in_avals are (int32[4,4])"),
    "no arguments": (lambda row: {"in_avals": []}, "takes (float32[4,4]), in_avals are ()"),
    "Python cut off": (lambda row: {"python": row["python"][:20]}, "python can't be parsed"),
    "Python with a null": (lambda row: {"python": "a\0"}, "python can't be parsed"),
    "what is not run here": (
        _with_body(
            "    %0 = stablehlo.custom_call @anything(%arg0) : "
            "(tensor<4x4xf32>) -> tensor<4x4xf32>\n" + _RETURN
        ),
        "the reference can't be run: ",
    ),
    "too many steps": (
        _with_body("    %1 = stablehlo.constant dense<0.0> : tensor<100000x100000xf32>\n"
                   "    %0 = stablehlo.sine %arg0 : tensor<4x4xf32>\n" + _RETURN),
        "the reference can't be run: ",
    ),
    "an endless loop": (_with_body(_LOOP), ""),
    "no number": (_aval(low=-2.0, high=-1.0), "no element of the reference's result 0 is sure"),
    "a range without numbers": (_aval(low=float("nan")), "the range of x is nan to"),
    "a range without an end": (_aval(high=float("inf")), "to inf, which is none"),
    "a range upside down": (_aval(low=2.0, high=-2.0), "the range of x is 2 to -2, which is none"),
}  # fmt: skip
# Below zero it is no number.
_LOGARITHM = _edit("stablehlo.sine", "stablehlo.log")


def _damage(name: str) -> dict:
    good = hostile.row(1) | {"skeleton_hash": "0" * 32}
    if name == "no number":
        good |= _LOGARITHM(good)
    return good | FAULTS[name][0](good)


# Faults that only running the reference shows; a completion without code fails before that.
_WHEN_RUN = ("an endless loop", "what is not run here", "too many steps", "no number")


@pytest.fixture(scope="module")
def batch() -> dict:
    """For each damaged row and a good one after it: a right answer's judgement, all in one call."""
    good = hostile.row(2) | {"skeleton_hash": "0" * 32}
    completions = []
    for name in FAULTS:
        completions += [(hostile.right(), _damage(name)), ("no code", _damage(name))]
        completions += [(hostile.right(), good), ("no code", good)]
    found = judge_all(completions, num_proc=2, seconds=2, gigabytes=2)
    kept.close()
    return {name: found[4 * k : 4 * k + 4] for k, name in enumerate(FAULTS)}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_row_costs_its_own_completions_alone(name, batch):
    damaged, without_code, good, wrong = batch[name]
    assert damaged.unjudged and not damaged.passed, damaged
    assert FAULTS[name][1] in damaged.reason
    assert damaged.reason and "\n" not in damaged.reason
    assert without_code.rung == ("no_code" if name in _WHEN_RUN else UNJUDGED)
    assert good.passed, good
    assert wrong.rung == "no_code"


def test_a_question_that_is_damaged_is_no_question():
    good = hostile.row(2)
    answer = reference(good, TASKS["gradient"]).modules["backward"]
    assert judging.judge(answer, good, "gradient").passed
    assert good["cpp"].index("stablehlo.sine") < good["cpp"].index("## Backward")
    damaged = good | {"cpp": good["cpp"].replace("stablehlo.sine", "stablehlo.sane", 1)}
    with pytest.raises(Unjudgeable, match="the question can't be parsed: "):
        judging.judge(answer, damaged, "gradient")
    # The backward pass is whole, and Python the question.
    assert judging.judge(answer, damaged, "backward").passed


def test_completions_that_fail_early_dont_count_where_the_right_one_cant_be_judged():
    """Else the row's wrong answers would count, and its right ones not."""
    broken = _damage("what is not run here")
    good = hostile.row(2) | {"skeleton_hash": "0" * 32}
    given = {1: [hostile.right(), "no code", "no code"], 2: [hostile.right(), "no code", "x"]}
    report = evaluate(given, [broken, good], seconds=5)
    assert (report["pass@1"], report["rows"], report["completions"]) == (1 / 3, 1, 3)
    assert (report.unjudged.rows, report.unjudged.completions) == (1, 1)
    (first,) = report.unjudged.first
    assert (first.id, first.sample) == (1, 0) and "can't be run" in first.reason


def test_a_slow_completion_of_a_good_row_is_still_its_own_fault():
    slow = hostile.module(
        "%c = stablehlo.constant dense<true> : tensor<i1>\n"
        "%r:2 = stablehlo.while(%a = %x, %p = %c) : tensor<4x4xf32>, tensor<i1>\n"
        "cond { stablehlo.return %p : tensor<i1> }\n"
        "do { stablehlo.return %a, %p : tensor<4x4xf32>, tensor<i1> }"
    ).replace("return %r :", "return %r#0 :")
    good = hostile.row(2) | {"skeleton_hash": "0" * 32}
    found = judge(slow, good, seconds=2)
    assert found.rung in RUNGS and not found.passed, found


def test_our_own_rows_can_be_judged(made):
    for own in made[::4]:
        for name, task in TASKS.items():
            if reference(own, task) is None:
                continue
            judged = judging.judge("", own, name, OWN)
            assert judged.passed and judged.exact and judged.renamed, (own["id"], name, judged)


# The figures.

_RUNGS = st.sampled_from((*RUNGS, UNJUDGED))


def _judgement(rung: str) -> Judgement:
    if rung == UNJUDGED:
        return leave_unjudged("a fault")
    return Judgement(rung, "why", "all", rung == PASS, rung in (PASS, "numeric"), 0.5)


@given(st.lists(st.lists(_RUNGS, min_size=2, max_size=4), min_size=1, max_size=8), st.booleans())
def test_a_row_with_an_unjudged_completion_is_in_no_figure(ladders, damaged):
    tally, without = Tally((1, 2)), Tally((1, 2))
    for id, ladder in enumerate(ladders):
        asked = Asked(id, "loop" if id % 2 else "unary", "train", 5, len(ladder))
        tally.add(asked, [*map(_judgement, ladder)])
        if UNJUDGED not in ladder:
            without.add(asked, [*map(_judgement, ladder)])
    if damaged:
        tally.add(Asked(99, "loop", "train", 5, 0, "its cpp is damaged"), [])
    found = tally.unjudged
    out = [ladder for ladder in ladders if UNJUDGED in ladder]
    assert found.rows == len(out) + damaged
    assert found.completions == sum(ladder.count(UNJUDGED) for ladder in out)
    assert len(found.first) == min(3, found.rows)
    assert tally.is_empty == without.is_empty
    if not tally.is_empty:
        report, same = tally.report(SETTING), without.report(SETTING)
        assert report.unjudged == found and not same.unjudged.rows
        assert dataclasses.replace(report, unjudged=Unjudged()) == same
        assert json.loads(json.dumps(report.to_json()))["unjudged"] == found.to_json()
    lines = found.describe()
    assert bool(lines) == bool(found.rows)
    assert all("\n" not in line for line in lines) and len(lines) <= 5


class _Stub(TextJudges):
    """A completion that says `fault` can't be judged."""

    def judged(self, completion, row, task, take):
        if "fault" in completion:
            return leave_unjudged(f"a fault of row {row['id']}")
        return super().judged(completion, row, task, take)


@pytest.fixture
def stub(monkeypatch):
    kept.close()
    monkeypatch.setattr(pool, "Judges", _Stub)
    yield
    kept.close()


@pytest.mark.usefixtures("stub")
def test_each_function_gives_the_good_ones_their_result():
    broken = row(3) | {"cpp": "text", "cuda": "text"}
    found = judge_all([(right(row(1)), row(1)), ("x", broken), ("verify", row(2))])
    assert [each.rung for each in found] == [PASS, UNJUDGED, "verify"]
    assert "the cpp of row 3 is damaged" in found[1].reason
    assert judge("x", broken).unjudged
    figures = compute(
        predictions=[right(row(1)), "x", "verify"], references=[row(1), broken, row(2)]
    )
    assert (figures[PASS], figures["verify"], figures["rows"]) == (0.5, 0.5, 2)
    assert (figures["unjudged_rows"], figures["unjudged_completions"]) == (1, 1)
    report = evaluate({1: right(row(1)), 3: "x", 2: "verify"}, [row(1), broken, row(2)])
    assert report["pass@1"] == 0.5 and report.unjudged.rows == 1
    assert [(each.id, each.sample) for each in report.unjudged.first] == [(3, 0)]
    # One that nobody answered can't be the model's failure either.
    report = evaluate({1: right(row(1))}, [row(1), broken, row(2)], missing="fail")
    assert (report["pass@1"], report["rows"]) == (0.5, 2)
    assert (report.unjudged.rows, report.unjudged.completions) == (1, 0)


@pytest.mark.usefixtures("stub")
def test_where_nothing_can_be_judged_there_is_no_rate():
    broken = row(3) | {"cpp": "text"}
    with pytest.raises(NothingJudged) as raised:
        evaluate({3: ["x", "y"]}, [broken])
    said = str(raised.value)
    assert said.startswith(
        "there is no rate: 2 completions can't be judged, and 1 row is left out: "
        "row 3, completion 0: the cpp of row 3 is damaged: "
    )
    assert "\n" not in said
    with pytest.raises(NothingJudged):
        compute(predictions=["x"], references=[broken])
    assert judge_all([("x", broken)])[0].unjudged


@pytest.mark.usefixtures("stub")
def test_a_type_that_cant_be_read_is_refused_before_anything_is_judged():
    asked = _Stub.asked
    for name, value in (("in_avals", "text"), ("python", None), ("cpp", 5), ("argnums", {})):
        bad = row(2) | {name: value}
        for call in (
            lambda bad=bad: judge_all([("x", row(1)), ("x", bad)]),
            lambda bad=bad: compute(predictions=["x"] * 2, references=[row(1), bad]),
            lambda bad=bad: evaluate({1: "x", 2: "x"}, [row(1), bad]),
        ):
            with pytest.raises(UsageError) as raised:
                call()
            said = str(raised.value)
            assert f" {name} (=" in said and "2" in said and "\n" not in said
    assert _Stub.asked == asked


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize("form", [None, "numpy", "pandas", "arrow", "frame", "table", "json"])
def test_rows_of_any_container_have_the_same_report(form):
    table = pyarrow.Table.from_pylist(rows(), schema=SCHEMA)
    given = {row["id"]: right(row) if row["id"] % 3 else "numeric" for row in rows()}
    expected = evaluate(given, rows())
    if form == "json":
        part = [
            row | {name: json.dumps(row[name]) for name in ("in_avals", "argnums")}
            for row in rows()
        ]
    elif form in ("frame", "table"):
        part = table.to_pandas() if form == "frame" else table
    else:
        part = datasets.Dataset(table).with_format(form)
    assert evaluate(given, part) == expected
    predictions = [given[row["id"]] for row in rows()]
    figures = compute(predictions=predictions, references=part)
    assert figures["pass@1"] == expected["pass@1"]
    if form == "table":
        return
    items = [each for _, each in part.iterrows()] if form == "frame" else [*part]
    ids = [0, 1, 2, 3]
    found = judge_all([(given[id], items[id]) for id in ids])
    assert [each.rung for each in found] == ["numeric", PASS, PASS, "numeric"]
    figures = compute(predictions=[given[id] for id in ids], references=items[:4])
    assert figures["pass@1"] == 0.5
