"""The functions: scoring in one call, single completions, and the metric's convention."""

import asyncio
import concurrent.futures
import os
import threading

import pytest
from scored_rows import right, row, rows
from text_judges import TextJudges

import jax_ir_synth.evaluate
from jax_ir_synth.evaluate import (
    COLUMNS,
    RUNGS,
    Report,
    ajudge,
    compute,
    evaluate,
    judge,
    judge_all,
    kept,
    pool,
)
from jax_ir_synth.evaluate.judgement import Judgement


@pytest.fixture(autouse=True)
def _text(monkeypatch):
    monkeypatch.setattr(pool, "Judges", TextJudges)
    yield
    kept.close()
    TextJudges.limits = []
    assert TextJudges.entered == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: evaluate([{"id": 0}], rows()), "`predictions` must map ids to completions"),
        (lambda: evaluate({0: "x"}, "d.jsonl"), "`dataset` .* must be rows"),
        (lambda: judge("x", {}), "the row of completion 1 has no column id, kernel_name"),
        (
            lambda: judge("x", rows()),
            "the row of completion 1 must be a mapping of columns, it is of type list",
        ),
        (lambda: compute(predictions="x", references=rows()[:1]), "must be lists, of completions"),
        (lambda: compute(predictions=["x"], references={"train": rows()}), "must be lists"),
    ],
)
def test_arguments_of_other_types_are_one_line(call, said):
    with pytest.raises(ValueError, match=said) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_mapping_and_rows():
    given = {row["id"]: right(row) if row["id"] < 6 else "x" for row in rows()}
    report = evaluate(given, rows())
    assert isinstance(report, Report)
    assert report["pass@1"] == report.overall.pass_at[1] == 0.5
    assert report.by_category["unary"].rows == 6
    # Rows that come but once, and several processes.
    assert evaluate(given, iter(rows()), num_proc=3) == report
    assert evaluate({id: [text] for id, text in given.items()}, rows(), k=1) == report


def test_a_dataset_and_its_splits():
    import datasets

    given = {row["id"]: right(row) for row in rows()}
    part = datasets.Dataset.from_list(rows())
    assert evaluate(given, part) == evaluate(given, rows())
    by_split = evaluate(given, datasets.DatasetDict(train=part))
    assert list(by_split.by_split) == ["train"]


def test_only_predicted_rows_are_scored_unless_told():
    given = {0: right(row(0))}
    report = evaluate(given, rows())
    assert (report["pass@1"], report.setting.dataset["missing"]) == (1, 11)
    report = evaluate(given, rows(), missing="fail", k=(1, 2, 5)[:1])
    assert report["pass@1"] == pytest.approx(1 / 12)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"task": "up"}, "`task` (='up') must be one of: forward, backward"),
        ({"split": "dev"}, "`split` (='dev') must be one of: train, validation, test"),
        ({"missing": "no"}, "`missing` (='no') must be one of: leave-out, fail"),
        ({"take": "best"}, "`take` (='best') must be one of: first, last"),
        ({"k": (1, 0)}, "`k` (=0) must be integers from 1"),
        ({"k": ()}, "`k` (=None) must be integers from 1"),
        ({"k": 2}, "`k` (=2) must be at most the number of each id's completions: entry 1 of"),
        ({"num_proc": 0}, "`num_proc` (=0) must be an integer"),
        ({"predictions": {99: "x"}}, "entry 1 of the predictions has an id (=99) that is not in"),
        ({"dataset": [row(0), row(0)]}, "row 2 of the dataset has the id (=0) of row 1 of"),
    ],
)
def test_wrong_arguments(named, said):
    asked = TextJudges.asked
    with pytest.raises(ValueError) as raised:
        evaluate(**{"predictions": {0: "x"}, "dataset": rows(), **named})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert TextJudges.asked == asked


def test_compute_is_a_flat_dict_of_numbers():
    references = rows()[:4]
    predictions = [[right(each), "verify"] for each in references]
    predictions[0] = ["numeric", "numeric"]
    found = compute(predictions=predictions, references=references, k=(1, 2))
    assert found.keys() == {
        "pass@1", "pass@2", "pass@1_low", "pass@1_high", "pass@2_low", "pass@2_high", *RUNGS,
        "exact", "renamed", "similarity", "rows", "completions", "unjudged_rows",
        "unjudged_completions",
    }  # fmt: skip
    assert all(isinstance(value, int | float) for value in found.values())
    assert (found["pass@1"], found["pass@2"]) == (0.375, 0.75)
    assert found["pass"] == 0.375 and found["verify"] == 0.375 and found["numeric"] == 0.25
    assert found["pass@2_low"] <= 0.75 <= found["pass@2_high"]
    with pytest.raises(TypeError):
        compute(predictions, references)


def test_compute_of_plain_texts_and_of_rows_that_come_twice():
    references = [row(0), row(1), row(0)]
    predictions = [right(row(0)), right(row(1)), "x"]
    found = compute(predictions=predictions, references=references)
    assert (found["rows"], found["completions"], found["pass@1"]) == (2, 3, 0.75)
    with pytest.raises(ValueError, match="two rows with the id 0"):
        compute(predictions=predictions, references=[row(0), row(1), row(2) | {"id": 0}])
    with pytest.raises(ValueError, match=r"`predictions` \(=3 of them\) must be as many"):
        compute(predictions=predictions, references=references[:2])
    with pytest.raises(ValueError, match="that must be a string"):
        compute(predictions=[None], references=[row(0)])


def test_one_completion():
    assert judge(right(row(3)), row(3)) == Judgement("pass", "", "all", True, True, 1.0)
    assert judge(right(row(3), "backward"), row(3), "backward").passed
    assert not judge(right(row(3)), row(3), task="backward").passed


def test_which_module_counts_is_asked_for(monkeypatch):
    def judged(self, completion, row, task, take):
        return Judgement("pass", "", take, True, True, 1.0)

    monkeypatch.setattr(TextJudges, "judged", judged)
    assert judge("x", row(0)).taken == "last"
    assert judge("x", row(0), take="first").taken == "first"
    assert [each.taken for each in judge_all([("x", row(0))], take="first")] == ["first"]
    with pytest.raises(ValueError, match=r"`take` \(='best'\) must be one of: first, last"):
        judge("x", row(0), take="best")


def test_which_module_counts_is_told_to_the_judges(monkeypatch):
    asked = []

    def judged(self, completion, row, task, take):
        asked.append(take)
        return Judgement("parse", "", "", False, False, 0.0)

    monkeypatch.setattr(TextJudges, "judged", judged)
    assert evaluate({0: "x"}, rows()).setting.take == "last"
    assert evaluate({0: "x"}, rows(), take="first").setting.take == "first"
    compute(predictions=["x"], references=[row(0)], take="first")
    assert asked == ["last", "first", "first"]


def test_helpers_are_kept_whatever_the_limits_and_the_number():
    made = TextJudges.made
    judge("x", row(0))
    assert [each.rung for each in judge_all([("parse", row(0)), (right(row(1)), row(1))])] == [
        "parse",
        "pass",
    ]
    judge("x", row(0), seconds=3)
    judge_all([("x", row(0))], num_proc=2)
    assert TextJudges.made == made + 1
    (usual, cores), *_, (limits, _), (_, number) = TextJudges.limits
    assert usual.seconds == 10 and cores >= 1 and limits.seconds == 3 and number == 2


def test_helpers_are_not_shared_with_a_fork(monkeypatch):
    judge("x", row(0))
    made, closed = TextJudges.made, TextJudges.closed
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        judge("x", row(0))
        assert (TextJudges.made, TextJudges.closed) == (made + 1, closed)
        kept.close()
    # The parent's are not the child's to end.
    assert TextJudges.closed == closed + 1
    judge("x", row(0))
    assert TextJudges.made == made + 1


def test_a_call_that_failed_leaves_the_helpers_to_others(monkeypatch):
    waiting = [concurrent.futures.Future() for _ in range(3)]
    waiting[0].set_exception(KeyboardInterrupt())
    monkeypatch.setattr(kept, "submit", lambda *_: waiting)
    with pytest.raises(KeyboardInterrupt):
        judge_all([("x", row(0))] * 3)
    assert waiting[1].cancelled() and waiting[2].cancelled()


def test_judgements_are_awaited():
    async def ask() -> list[Judgement]:
        return await asyncio.gather(*(ajudge(right(row(1)), row(k)) for k in range(3)))

    assert [judged.passed for judged in asyncio.run(ask())] == [False, True, False]

    async def ask_wrongly() -> None:
        await ajudge("x", row(0), "up")

    with pytest.raises(ValueError, match=r"`task` \(='up'\)"):
        asyncio.run(ask_wrongly())


def test_what_is_awaited_no_more_is_taken_back(monkeypatch):
    future = concurrent.futures.Future()
    monkeypatch.setattr(kept, "submit", lambda *_: [future])

    async def ask() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ajudge("x", row(0)), 0.01)

    asyncio.run(ask())
    assert future.cancelled()


def test_threads_get_their_own_answers():
    found = {}

    def ask(id):
        found[id] = [judge(right(row(id)), row(other)).passed for other in range(5)]

    threads = [threading.Thread(target=ask, args=(id,)) for id in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {id: [id == other for other in range(5)] for id in range(5)}


def test_what_cant_be_judged():
    with pytest.raises(ValueError, match="row 2 has nothing to ask for the task 'cuda'"):
        judge("x", row(2), "cuda")
    with pytest.raises(ValueError, match=r"`task` \(='up'\)"):
        judge("x", row(2), "up")
    with pytest.raises(ValueError, match=r"a completion \(=None\) must be a string"):
        judge(None, row(2))
    message = {"role": "assistant", "content": "x"}
    with pytest.raises(
        ValueError, match=r'must be a string; it is a chat, so pass completion\[-1\]\["content"\]$'
    ):
        judge([message], row(2))
    with pytest.raises(ValueError, match=r'a chat\'s message, so pass completion\["content"\]$'):
        judge(message, row(2))
    for other in ([], ["x"], {"text": "x"}):
        with pytest.raises(ValueError, match="must be a string$"):
            judge(other, row(2))


def test_the_columns_that_scoring_reads_are_enough():
    wanted = row(0)
    kept = {name: wanted[name] for name in COLUMNS}
    assert set(wanted) - set(kept) == {"jax_version", "verified"}
    assert judge(right(wanted), kept).passed
    for name in COLUMNS:
        short = {other: value for other, value in kept.items() if other != name}
        with pytest.raises(ValueError, match=f"has no column {name}$"):
            judge("x", short)


@pytest.mark.parametrize("limit", ["seconds", "gigabytes"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e9, None, "4", True])
def test_limits_that_are_none(limit, value):
    for call in (
        lambda: judge("x", row(0), **{limit: value}),
        lambda: evaluate({0: "x"}, rows(), **{limit: value}),
    ):
        with pytest.raises(
            ValueError, match=rf"^`{limit}` \(={value!r}\) must be a number above 0"
        ):
            call()


@pytest.mark.parametrize("completions", [{"x": 1}, "x", None, ["x"], [("x",)], [("x", {}, 1)]])
def test_completions_come_with_rows(completions):
    with pytest.raises(ValueError, match="must be (pairs|a pair) of a text and a row$"):
        judge_all(completions)


def test_names_are_listed_before_they_are_loaded(python):
    done = python(
        "-c",
        "import sys, jax_ir_synth, jax_ir_synth.evaluate as e\n"
        "print([n for m in (jax_ir_synth, e) for n in m.__all__ if n not in dir(m)])\n"
        "print('_HOMES' in dir(e), 'jax' in sys.modules, 'datasets' in sys.modules)",
    )
    assert done.stdout == "[]\nTrue False False\n", done.stderr


def test_names_that_there_are_not():
    assert set(jax_ir_synth.evaluate.__all__) >= {
        "evaluate",
        "judge",
        "ajudge",
        "judge_all",
        "compute",
    }
    with pytest.raises(AttributeError, match="has no attribute 'grade'"):
        _ = jax_ir_synth.evaluate.grade
