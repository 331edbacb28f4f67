"""From a package to rows: what becomes of each function, in any number of processes, resumed."""

import dataclasses
import json

import pytest
from toy_package import show

from jax_ir_synth.harvest import session
from jax_ir_synth.harvest.beside import list_left_out
from jax_ir_synth.harvest.journal import Journal
from jax_ir_synth.harvest.packages import find_package
from jax_ir_synth.harvest.report import count, mask_reason, to_json
from jax_ir_synth.harvest.run import harvest
from jax_ir_synth.harvest.stages import FOUND, LOWERED, PROVEN
from jax_ir_synth.harvest.worker import Make
from jax_ir_synth.runtime.sandbox.resource_limits import Limits
from jax_ir_synth.storage.line_journal import JournalError


def by_name(found):
    return {each.function["qualname"]: each for each in found.tried}


def test_each_function_becomes_a_row_or_says_why_not(harvested):
    tried = by_name(harvested)
    rows = {name for name, each in tried.items() if each.row is not None}
    power = "make_power.<locals>.power"
    assert rows >= {"sum_tanh", "affine", "log_ratio", "outer_like", power}
    assert {tried[name].how for name in ("sum_tanh", "affine", power)} == {"recorded"}
    assert {tried[name].how for name in ("log_ratio", "outer_like")} == {"guessed"}
    assert tried["twin_of_log_ratio"].left_out == "duplicate"
    assert tried["only_texts"].left_out == FOUND and tried["only_texts"].reason
    assert "save_array" not in tried
    assert all(tried[name].stage in (LOWERED, PROVEN) for name in rows)


def test_a_row_says_where_it_is_from(harvested, toy):
    row = by_name(harvested)["sum_tanh"].row
    assert (row["type"], row["package"], row["license"]) == ("real", "toyjax", "MIT")
    assert (row["module"], row["qualname"]) == ("toyjax.functions", "sum_tanh")
    file, _, lines = row["source"].partition(":")
    first, last = map(int, lines.split("-"))
    text = (toy / file).read_text().splitlines()[first - 1 : last]
    assert text[0] == "def sum_tanh(x, axis):" and "return" in text[-1]
    assert [aval["shape"] for aval in row["in_avals"]] == [[2, 3]]


def test_what_is_left_out_has_a_line_each(harvested):
    lines = [json.loads(line) for line in list_left_out(harvested)]
    kept = sum(each.row is not None for each in harvested.tried)
    broken = [line for line in lines if line["left_out"] == "import"]
    assert len(lines) == len(harvested.tried) - kept + len(broken)
    assert [line["module"] for line in broken] == ["toyjax.broken"]
    assert all(line["reason"] and "\n" not in line["reason"] for line in lines)


def test_the_counts_add_up(harvested):
    (counts,) = count(harvested)
    assert counts.found >= counts.called >= counts.cut >= counts.lowered >= counts.proven
    assert counts.found == counts.rows + sum(counts.left_out.values())
    assert (counts.modules, counts.unimported, counts.examples) == (3, 1, 2)
    figures = to_json(harvested)
    assert figures["total"]["rows"] == counts.rows
    assert sum(each["functions"] for each in figures["reasons"]) <= counts.found
    json.dumps(figures)


def test_reasons_of_one_kind_are_equal():
    one = mask_reason("TypeError: 'float32[3,4]' has no len(), 3 times")
    assert one == mask_reason("TypeError: 'a' has no len(), 17 times")


def strip(found):
    return [each._replace(seconds=0.0, package=None) for each in found.tried]


def test_an_interrupted_run_goes_on_with_the_same_result(
    harvested, toy, options, tmp_path, monkeypatch
):
    asked = []
    ask = session.Session.ask

    def count_questions(self, question):
        if isinstance(question, Make):
            asked.append(question.qualname)
        return ask(self, question)

    monkeypatch.setattr(session.Session, "ask", count_questions)
    packages = [find_package(str(toy / "toyjax"))]
    path = tmp_path / "journal"

    def stop_early(rows, total, what):
        for number, row in enumerate(rows):
            if what == "functions" and number == 2:
                raise KeyboardInterrupt
            yield row

    with pytest.raises(KeyboardInterrupt), Journal(path) as journal:
        harvest(packages, options, 2, journal, stop_early)
    # A kill may leave a line that isn't complete.
    with open(path, "ab") as file:
        file.write(b'{"key": "unfinished')
    first, asked[:] = list(asked), []
    with Journal(path) as journal:
        known = len(journal)
        resumed = harvest(packages, options, 2, journal, show)
    assert known >= 3 and first
    # Nothing that was answered is asked again.
    assert len(asked) == len(harvested_functions(resumed, known))
    assert strip(resumed) == strip(harvested)


def harvested_functions(found, known):
    """The functions that the journal didn't have: all but `known`, of which one is the scan."""
    (_, scan) = found.scans[0]
    return scan.functions[known - 1 :]


def test_a_journal_is_of_one_run_at_a_time(tmp_path):
    with (
        Journal(tmp_path / "journal") as first,
        pytest.raises(JournalError, match="another process"),
    ):
        first.add("key", 1)
        with Journal(tmp_path / "journal"):
            pass


def test_a_journal_without_records_is_removed(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        assert journal.find("key") is None
    assert not (tmp_path / "journal").exists()


def test_the_license_decides_before_anything_runs(toy, options):
    refused = dataclasses.replace(options, licenses=frozenset({"Apache-2.0"}))
    with Journal(None) as journal:
        found = harvest([find_package(str(toy / "toyjax"))], refused, 1, journal, show)
    assert [scan for _, scan in found.scans] == [None] and not found.tried
    (line,) = map(json.loads, list_left_out(found))
    assert (line["left_out"], line["reason"]) == ("license", "its license: MIT")


def test_structures_that_are_known_are_left_out(harvested, toy, options, tmp_path):
    row = by_name(harvested)["affine"].row
    with Journal(None) as journal:
        found = harvest(
            [find_package(str(toy / "toyjax" / "functions.py"))],
            dataclasses.replace(options, guess=False, prove=False),
            1,
            journal,
            show,
            {row["skeleton_hash"]},
        )
    assert by_name(found)["affine"].left_out == "duplicate"


def test_only_the_function_at_hand_is_lost(hostile, options):
    """One that hangs, ends the process, takes all memory, or reaches outside costs itself alone."""
    limited = dataclasses.replace(options, scripts=(), limits=Limits(3, 4), prove=False)
    with Journal(None) as journal:
        found = harvest([find_package(str(hostile))], limited, 1, journal, show)
    reasons = {name: each.reason for name, each in by_name(found).items()}
    assert hostile.read_text().endswith("return jnp.sin(x)\n")
    assert not any(each.row for each in found.tried)
    assert "CPU time" in reasons["hang"]
    assert "exit code 3" in reasons["leave"]
    assert set(reasons) >= {"hoard", "listen", "start", "overwrite"}
