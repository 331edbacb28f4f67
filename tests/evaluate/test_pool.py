"""Completions are judged in order, and whatever one does, it alone fails."""

import itertools
import time

import pytest
from processes import FINE, OBEY, judged

from jax_ir_synth.evaluate.judgement import LONGEST, UNJUDGED, Judgement, leave_unjudged
from jax_ir_synth.evaluate.pool import Judges, Limits, Question, SandboxError

_BEFORE = "before it was looked at: "


def failed(reason: str, rung: str = "parse") -> Judgement:
    return Judgement(rung, reason, "", False, False, 0.0)


HOSTILE = {
    "allocate": "it takes more memory than it may: MemoryError",
    "allocate slowly": "it takes more memory than it may: MemoryError",
    "die of memory": "it takes more memory than it may: what(): std::bad_alloc at 0x…",
    "abort": "its process died: SIGABRT: LLVM ERROR: a plan failed at 0x…",
    "abort in a log": "its process died: SIGABRT: a.cc:12] Check failed: x",
    "recurse": "its process died: SIGSEGV",
    "exit": "its process died: exit code 3",
    "exit silently": "its process died: exit code 0",
    "raise exit": "SystemExit: 4",
    "fail": "TypeError: no such \N{REPLACEMENT CHARACTER}[31m thing",
    "kill itself": "PermissionError: os.kill is refused here",
    "die of a signal": "its process died: SIGTERM",
    "die of a nameless signal": "its process died: signal 40",
    "say nonsense": "its answer is malformed",
    "say a number": "its answer is malformed",
    "say brackets": "its answer is malformed",
    "fork": "PermissionError: os.fork is refused here",
    "start": "PermissionError: subprocess.Popen is refused here",
    "shell": "PermissionError: os.system is refused here",
    "connect": "PermissionError: socket.__new__ is refused here",
    "open": "OSError: [Errno 24] Too many open files: '/dev/null'",
    "write": "PermissionError: open for writing is refused here",
    "make a folder": "PermissionError: os.mkdir is refused here",
    "write to memory": "OSError: [Errno 24] Too many open files",
}


@pytest.mark.parametrize("number", [1, 2])
def test_each_hostile_completion_fails_alone(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    orders = [*itertools.chain.from_iterable((order, "fine") for order in HOSTILE)]
    found = judged(orders, number)
    assert dict(zip(orders[::2], found[::2], strict=True)) == {
        order: failed(reason) for order, reason in HOSTILE.items()
    }
    assert found[1::2] == [FINE] * len(HOSTILE)
    assert not list(tmp_path.iterdir())


def test_an_endless_loop():
    started = time.perf_counter()
    found = judged(
        ["loop", "fine", "deaf loop", "fine", "sleep", "talk for ever", "fine"], seconds=1
    )
    late, very_late = "it was not done after 1 s of CPU time", "it was not done after 10 s"
    assert (found[0], found[4]) == (failed(late), failed(very_late))
    # That which prints mostly waits until that is read.
    assert found[5] in (failed(late), failed(very_late))
    # Nothing more is heard of the deaf one: it is killed at once.
    assert found[2] == failed("its process died: SIGKILL")
    assert [found[k] for k in (1, 3, 6)] == [FINE] * 3
    assert time.perf_counter() - started < 40


def test_the_rung_is_the_last_one_that_was_reached():
    assert judged(["late abort", "late fail", "say half"]) == [
        failed(HOSTILE["abort"], "numeric"),
        failed(HOSTILE["fail"], "numeric"),
        failed("its process died: exit code 0", "signature"),
    ]


def test_a_flood_of_words_ends():
    assert judged(["flood", "fine"]) == [failed("its answer is too long"), FINE]


@pytest.mark.parametrize(
    "answer",
    [
        "pass",
        [],
        ["pass", "", "", True, True],
        ["pass", "", "", True, True, 1.0, 1.0],
        ["perfect", "", "", True, True, 1.0],
        ["pass", "", "", 1, True, 1.0],
        ["pass", None, "", True, True, 1.0],
        ["pass", "", "", True, True, 1.5],
        ["pass", "", "", True, True, float("nan")],
        ["pass", "", "", True, True, True],
        {"rung": "pass"},
    ],
)
def test_an_answer_that_is_none(answer):
    question = Question("", {"answer": answer}, "forward")
    with Judges(1, Limits(20, 1), "stub_judges:answer") as judges:
        assert list(judges.judgements([(0, question)])) == [
            (0, failed(_BEFORE + "its answer is malformed", UNJUDGED))
        ]


def test_the_judge_is_told_all_that_a_question_says():
    questions = Question("a", {"id": 1}, "forward"), Question("b", {"id": 2}, "cuda", "first")
    with Judges(1, Limits(20, 1), "stub_judges:repeat") as judges:
        found = [judged.taken for _, judged in judges.judgements(enumerate(questions))]
    assert found == ["a 1 forward last", "b 2 cuda first"]


def test_an_answer_is_one_line_that_can_be_shown():
    answer = ["numeric", "a\nb\x1b[0m at 0x7f00" + "x" * 1000, "\ud800", False, True, 0]
    question = Question("", {"answer": answer}, "forward")
    with Judges(1, Limits(20, 1), "stub_judges:answer") as judges:
        ((_, found),) = judges.judgements([(0, question)])
    assert found.reason.startswith("a b\N{REPLACEMENT CHARACTER}[0m at 0x…x")
    assert len(found.reason) == 200
    assert found.taken == "\N{REPLACEMENT CHARACTER}"
    assert found[3:] == (False, True, 0.0)


def test_neither_order_nor_number_matters():
    orders = ["slow", "abort", *("fine", "exit", "fail") * 10, "loop"]
    one = judged(orders, 1, seconds=2)
    assert judged(orders, 3, seconds=2) == one
    assert judged(orders[::-1], 2, seconds=2) == one[::-1]


def test_completions_of_a_row_are_judged_in_turn():
    """One process judges those that came together, up to the first that fails."""
    orders = ["remembers", "remember", "remembers", "process", "fail", "remembers", "process"]
    questions = [Question(order, {"id": 0}, "forward") for order in orders]
    with Judges(1, Limits(20, 1), OBEY) as judges:
        found = [each.result().reason for each in judges.submit(questions)]
    assert found[:3] == ["False", "0", "True"] and found[5] == "False"
    assert found[3] != found[6]


def test_each_row_starts_from_the_same_state():
    orders = ["remember", "remembers", "process", "process"]
    questions = [Question(order, {"id": k}, "forward") for k, order in enumerate(orders)]
    with Judges(1, Limits(20, 1), OBEY) as judges:
        found = [each.result().reason for each in judges.submit(questions)]
    assert found[1] == "False" and found[2] != found[3]


def test_what_fails_after_others_is_asked_again():
    """Memory that others left is no reason to fail."""
    questions = [Question("take half", {"id": 0}, "forward")] * 3
    with Judges(1, Limits(20, 1), OBEY) as judges:
        found = [each.result() for each in judges.submit(questions)]
    assert found == [Judgement("numeric", "600", "0", False, False, 0.5)] * 3


def test_completions_of_a_row_come_together_from_anywhere():
    """Those that wait while a process is busy are judged by one, whoever asks and in what order."""
    with Judges(1, Limits(20, 1), OBEY) as judges:
        busy = judges.submit([Question("slow", {"id": 9}, "forward")])
        rows = [k % 2 for k in range(12)]
        asked = [judges.submit([Question("process", {"id": row}, "forward")])[0] for row in rows]
        found = [each.result() for each in asked]
        assert busy[0].result().passed
    assert [judged.taken for judged in found] == [str(row) for row in rows]
    assert len({judged.reason for judged in found}) == 2


@pytest.mark.parametrize("number", [1, 3])
def test_what_completions_of_a_row_share_is_prepared(number):
    marks = ["", "parse", "parse verify", "parse", ""]
    questions = [Question(mark, {"id": k // 2}, "forward") for k, mark in enumerate(marks)]
    with Judges(number, Limits(20, 1), "stub_judges:prepared") as judges:
        found = [each.result() for each in judges.submit(questions)]
    assert all(judged.passed for judged in found)
    if number == 1:
        # Only what is asked for.
        assert [judged.taken for judged in found] == ["", "0 parse", "1 verify", "1 parse", ""]


def test_what_cannot_be_prepared_is_the_rows_fault():
    rows = [
        {"id": 0},
        {"id": 1, "fault": "abort"},
        {"id": 1, "fault": "abort"},
        {"id": 2, "missing": 1},
    ]
    questions = [Question("reference", row, "forward") for row in rows]
    with Judges(2, Limits(20, 1), "stub_judges:prepared") as judges:
        found = [each.result() for each in judges.submit(questions)]
    assert found[0].passed
    said = "; the row's right answer fails, too: "
    abort, lacks = HOSTILE["abort"], "what it needs at numeric can't be prepared"
    assert found[1] == found[2] == leave_unjudged(abort + said + abort)
    assert found[3] == leave_unjudged(lacks + said + lacks)


def test_a_judgement_that_nobody_waits_for():
    with Judges(1, Limits(20, 1), OBEY) as judges:
        first, second, third = (
            judges.submit([Question(order, {"id": k}, "forward")])[0]
            for k, order in enumerate(["slow", "sleep", "fine"])
        )
        assert second.cancel()
        assert third.result().passed and first.result().passed


def test_many_completions_of_one_row():
    orders = ["abort", "fine", "loop", "fine", "exit"] * 5
    one = judged(orders, 1, seconds=0.5)
    assert judged(orders, 2, seconds=0.5) == one
    assert one[:5] == [
        failed(HOSTILE["abort"]),
        FINE,
        failed("it was not done after 0.5 s of CPU time"),
        FINE,
        failed(HOSTILE["exit"]),
    ]


def test_nothing_is_open_but_what_it_needs():
    (found,) = judged(["descriptors"])
    assert found.reason == "[0, 1, 2, 3]"


def test_no_more_is_imported():
    (found,) = judged(["import"])
    assert not found.passed


def test_output_is_kept_off_the_terminal(capfd):
    assert judged(["talk", "abort"])[0] == FINE
    assert capfd.readouterr() == ("", "")


def test_few_questions_are_held_at_once():
    taken = 0

    def jobs():
        nonlocal taken
        for taken in itertools.count(1):
            yield taken, Question("fine", {"id": 0}, "forward")

    with Judges(1, Limits(20, 1), OBEY) as judges:
        assert next(judges.judgements(jobs())) == (1, FINE)
        assert taken <= 40


def test_a_very_long_completion_is_not_sent():
    found = judged(["x" * 100_000_000, "x" * (LONGEST + 1), "x" * LONGEST])
    assert found == [
        failed("it is 100,000,000 characters long, above 1,048,576", "no_code"),
        failed("it is 1,048,577 characters long, above 1,048,576", "no_code"),
        FINE,
    ]


def test_text_that_is_no_text():
    assert judged(["\ud800", "\0", "", "\x80\uffff\U0010ffff"]) == [FINE] * 4


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("stub_judges:none", "AttributeError: module 'stub_judges' has no attribute 'none'"),
        ("no_such_module:judge", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_judges_that_cant_start(judge, said):
    with pytest.raises(SandboxError) as raised, Judges(2, Limits(20, 1), judge):
        pass
    assert str(raised.value) == f"a helper can't start within 1 GB: {said}"


def test_judges_without_memory():
    with pytest.raises(SandboxError) as raised, Judges(1, Limits(20, 0.001), OBEY):
        pass
    assert "a helper can't start within 0.001 GB: " in str(raised.value)
    assert "\n" not in str(raised.value)
