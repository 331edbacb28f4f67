"""Expectations are kept in memory and in files, and a file says what was computed."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from rowmaking import aval, expression

from jax_ir_synth.evaluate import expectation_cache, judge, judge_all, kept
from jax_ir_synth.evaluate.expectation import NotPrepared, compute_expectation
from jax_ir_synth.evaluate.expectation_cache import ExpectationCache, find_folder
from jax_ir_synth.evaluate.judgement import Unjudgeable
from jax_ir_synth.evaluate.judging import describe_programs
from jax_ir_synth.evaluate.tasks import TASKS, reference
from jax_ir_synth.verify.execution import run_as_written

_X = aval("x", (4, 3), low=-2.0, high=2.0)
_HALF = aval("x", (4, 3), "bfloat16", low=-2.0, high=2.0)
_N = aval("n", (), "int32", 0, 3)
_ROWS = {
    "float32": lambda: expression("x * jnp.sin(x)", _X),
    "bfloat16": lambda: expression("x * jnp.sin(x)", _HALF),
    "several kinds": lambda: expression("(x.sum(), x > 0, n + 1)", _X, _N),
    "a scalar": lambda: expression("jnp.sin(x)", aval("x", ())),
}


def row(kind: str = "float32") -> dict:
    return whole(_ROWS[kind]())


def whole(made: dict, id: int = 7) -> dict:
    """The row with all columns that scoring needs."""
    return {"id": id, "type": "unary", "skeleton_hash": "0" * 16, **made}


def asked(made: dict, task: str = "forward") -> tuple[str, str]:
    (found,) = describe_programs(reference(made, TASKS[task]), made).values()
    return found


def answer(made: dict, task: str = "forward") -> str:
    (text,) = reference(made, TASKS[task]).modules.values()
    return text


def wrong(made: dict) -> str:
    return answer(made).replace("stablehlo.sine", "stablehlo.cosine")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the files, for processes that are started now."""
    kept.close()
    monkeypatch.setenv(expectation_cache.VARIABLE, str(tmp_path / "made" / "here"))
    yield tmp_path / "made" / "here"
    kept.close()


def files(folder) -> list:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", _ROWS)
@pytest.mark.parametrize("runs", [0, 1, 2])
def test_what_is_recalled_is_what_was_stored(tmp_path, kind, runs):
    made = row(kind)
    first, second = ExpectationCache(tmp_path), ExpectationCache(tmp_path)
    stored = first.get(*asked(made), may_compute=True)
    if runs:
        stored.run_with_errors(every=runs == 2)
    first.store(*asked(made))
    with pytest.raises(NotPrepared):
        second.get(*asked(made), may_compute=False)
    second.recall(*asked(made))
    recalled = second.get(*asked(made), may_compute=False)
    assert recalled.halves == stored.halves
    one, other = stored.arrays(), recalled.arrays()
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert np.array_equal(array, other[name], equal_nan=array.dtype.kind == "f"), name
    assert [[x.dtype for x in each] for each in recalled.inputs] == [
        [x.dtype for x in each] for each in stored.inputs
    ]
    # With all runs done, nothing is run any more.
    with recalled.without_runs():
        if runs < 2:
            with pytest.raises(NotPrepared):
                recalled.run_with_errors(every=True)
        else:
            recalled.run_with_errors(every=True)


def test_another_reference_has_another_file(tmp_path):
    made, other = row(), whole(expression("x * jnp.cos(x)", _X))
    cache = ExpectationCache(tmp_path)
    for each in (asked(made), asked(other), asked(made, "backward")):
        cache.get(*each, may_compute=True)
        cache.store(*each)
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", "shortened", "of others"])
def test_a_damaged_file_is_made_anew(tmp_path, content):
    made = row()
    first = ExpectationCache(tmp_path)
    first.get(*asked(made), may_compute=True)
    first.store(*asked(made))
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    if content == "of others":
        with open(path, "wb") as file:
            np.savez(file, x=np.ones(3))
    else:
        path.write_bytes(whole[: len(whole) // 2] if content == "shortened" else content)
    second = ExpectationCache(tmp_path)
    second.recall(*asked(made))
    with pytest.raises(NotPrepared):
        second.get(*asked(made), may_compute=False)
    second.get(*asked(made), may_compute=True)
    second.store(*asked(made))
    third = ExpectationCache(tmp_path)
    third.recall(*asked(made))
    assert third.get(*asked(made), may_compute=False).arrays().keys()


def test_no_file_where_none_can_be_written(tmp_path):
    made = row()
    for folder in (None, tmp_path / "file" / "below"):
        (tmp_path / "file").write_text("")
        cache = ExpectationCache(folder)
        cache.get(*asked(made), may_compute=True)
        cache.store(*asked(made))
        cache.recall(*asked(made))
    assert files(tmp_path) == [tmp_path / "file"]


def test_a_row_at_fault_is_found_to_be_so_once():
    made = row()
    made["in_avals"] = [{**each, "low": np.nan, "high": np.nan} for each in made["in_avals"]]
    cache = ExpectationCache()
    for may_compute in (True, False):
        with pytest.raises(Unjudgeable):
            cache.get(*asked(made), may_compute)


def test_the_files_used_longest_ago_are_removed(tmp_path, monkeypatch):
    (tmp_path / "ab").mkdir()
    for age in range(8):
        path = tmp_path / "ab" / f"{age}.npz"
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 - age, 1000 - age))
    for most, left in ((800, 8), (799, 6)):
        monkeypatch.setattr(expectation_cache, "_MOST_BYTES", most)
        monkeypatch.setattr(expectation_cache, "_REDUCED_BYTES", 600)
        ExpectationCache._reduce(tmp_path)
        assert [path.name for path in files(tmp_path)] == [f"{age}.npz" for age in range(left)]


def test_where_the_files_are(monkeypatch, tmp_path):
    monkeypatch.setenv(expectation_cache.VARIABLE, "somewhere")
    assert str(find_folder()) == "somewhere"
    monkeypatch.setenv(expectation_cache.VARIABLE, "")
    assert find_folder() is None
    monkeypatch.delenv(expectation_cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_folder() == tmp_path / "jax_ir_synth" / "expectations"


def test_processes_write_and_take_files(folder):
    made = row()
    assert judge(answer(made).replace("return", "retun"), made).rung == "parse"
    # What isn't valid needs no reference.
    assert not files(folder)
    first = judge(wrong(made), made)
    assert first.rung == "numeric"
    (path,) = files(folder)
    before = path.stat().st_mtime_ns
    kept.close()
    # Others take it: it is read, and not written anew.
    os.utime(path, ns=(0, 0))
    content = path.read_bytes()
    assert judge(wrong(made), made) == first
    assert path.read_bytes() == content and path.stat().st_mtime_ns >= before


def test_without_files_the_judgements_are_the_same(folder, monkeypatch):
    made = row()
    completions = [(answer(made), made), (wrong(made), made), ("x", made)]
    with_files = judge_all(completions)
    kept.close()
    monkeypatch.setenv(expectation_cache.VARIABLE, "")
    assert judge_all(completions) == with_files
    assert len(files(folder)) == 1


# x is wrong in one branch alone, which the first input doesn't take.
_BRANCHES = (
    "lax.switch(n, [lambda x: x + 1, lambda x: x * 2, lambda x: jnp.sin(x), lambda x: -x], x)"
)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("first", ["alone", "behind a right one", "behind another wrong one"])
def test_what_is_wrong_on_a_later_input_alone_is_found_to_be_wrong(
    folder, monkeypatch, first, cached
):
    if not cached:
        monkeypatch.setenv(expectation_cache.VARIABLE, "")
    made = whole(expression(_BRANCHES, aval("n", (), "int32", 0, 3), _X))
    right = answer(made)
    mutants = [
        right.replace(name, other)
        for name, other in (
            ("stablehlo.sine", "stablehlo.cosine"), ("stablehlo.negate", "stablehlo.abs"),
            ("stablehlo.add", "stablehlo.subtract"), ("stablehlo.multiply", "stablehlo.add"),
        )
    ]  # fmt: skip
    assert right not in mutants
    # Another text, so that it is run.
    rewritten = right.replace(
        "func.func public", "func.func private @unused() { return }\n  func.func public"
    )
    before = {
        "alone": [],
        "behind a right one": [rewritten],
        "behind another wrong one": [mutants[0]],
    }
    for mutant in mutants:
        kept.close()
        for _ in range(2):
            found = judge_all([(text, made) for text in [*before[first], mutant]])
            assert found[-1].rung == "numeric", found[-1]
    together = judge_all([(text, made) for text in [rewritten, *mutants, right]])
    assert [each.rung for each in together] == ["pass", *["numeric"] * 4, "pass"]


def test_threads_share_the_helpers(folder):
    made = [row(), whole(expression("x * jnp.cos(x)", _X), 8)]
    found: dict[int, list] = {}

    def work(number: int) -> None:
        each = made[number % 2]
        found[number] = [judge(text, each).rung for text in (answer(each), wrong(each), "x")]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cosine = ["pass", "pass", "no_code"]
    assert found == {k: ["pass", "numeric", "no_code"] if k % 2 == 0 else cosine for k in range(8)}
    assert len(files(folder)) == 2


def test_a_fork_of_a_process_with_helpers_has_its_own(folder):
    script = """
import json, os, sys
from jax_ir_synth.evaluate import judge
row = json.loads(sys.stdin.read())
assert judge("x", row).rung == "no_code"
child = os.fork()
if not child:
    os._exit(0 if judge("x", row).rung == "no_code" else 1)
assert os.waitpid(child, 0)[1] == 0
assert judge("x", row).rung == "no_code"
"""
    made = row()
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], input=json.dumps(made), text=True,
        capture_output=True, timeout=240,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_expectation_is_small():
    """Some ten kilobytes are written for a row."""
    made = compute_expectation(*asked(row()))
    assert sum(array.nbytes for array in made.arrays().values()) < 2**15


@pytest.mark.parametrize(("off", "runs"), [(0.0, "all"), (1e-6, "all"), (0.5, "one")])
def test_what_is_wrong_beyond_doubt_is_run_once(off, runs):
    made = row()
    expected = compute_expectation(*asked(made))
    ran = []
    with run_as_written(answer(made)) as right:

        def run(inputs):
            ran.append(inputs)
            return [x + off * np.abs(x).max() for x in right(inputs)]

        fault = expected.find_fault(run)
    assert (fault is None) == (off == 0.0)
    assert len(ran) == (1 if runs == "one" else len(expected.inputs))
