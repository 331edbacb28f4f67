"""A defect costs itself alone: the same for every way of asking, told at once, and recorded."""

import json
import logging
import os
import re
from pathlib import Path

import pyarrow.parquet
import pytest
from row_ids import row_id

from jax_ir_synth.generate import defects
from jax_ir_synth.generate.plan import plan_rows
from jax_ir_synth.generate.rows import rows
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import Request
from jax_ir_synth.schema.splits import SPLITS

SEED, COUNT = 5, 4 * len(CATEGORIES)
ASKED = ("--count", COUNT, "--seed", SEED)
UNMADE, UNPROVEN = row_id("unary", 2), row_id("branch", 1)

# Defects of three kinds, in whatever process imports the package after this: the drawing of a
# candidate of `loop` fails, the lowering of one of `unary`, the proof of one of `branch`.
PLANTED = f"""
import wrapt

@wrapt.when_imported("jax_ir_synth.kernels.builder.candidate")
def plant_undrawable(module):
    drawn = module.draw_candidate
    def broken(grammar, category, seed, candidate):
        if (category, candidate) == ("loop", 1):
            raise TypeError("planted: not drawn")
        return drawn(grammar, category, seed, candidate)
    module.draw_candidate = broken

@wrapt.when_imported("jax_ir_synth.generate.rows")
def plant_unmade(module):
    whole, proven = module._format_row, module._prove_row
    def broken(planned, *rest):
        if (planned.category, planned.candidate) == ("unary", 2):
            raise KeyError("planted: not lowered")
        return whole(planned, *rest)
    def unproven(request, row, lowered):
        if row["id"] == {UNPROVEN}:
            from jax_ir_synth.verify import NotProven
            raise NotProven("planted: not proven", {{"got": [1.0], "meant": [2.0]}})
        return proven(request, row, lowered)
    module._format_row, module._prove_row = broken, unproven
"""
LINES = {
    "candidate (category='loop', seed=5, candidate=1) is dropped: TypeError: planted: not drawn",
    f"row {UNMADE} (category='unary', seed=5, candidate=2) is left out: "
    "KeyError: 'planted: not lowered'",
    f"row {UNPROVEN} (category='branch', seed=5, candidate=1) is left out: "
    "NotProven: planted: not proven",
}

BUILDER = f"""
import json, sys
import datasets
import jax_ir_synth

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    splits = datasets.load_dataset("jax_ir_synth", seed={SEED}, count={COUNT}, **asked)
    made = [row for name in splits for row in splits[name]]
    json.dump(sorted(made, key=lambda row: row["id"]), sys.stdout)
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """An environment in which the package has defects."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "sitecustomize.py").write_text(PLANTED)
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PYTHONPATH": os.pathsep.join([str(folder), *path]),
        "HF_HOME": str(folder / "home"),
    }


@pytest.fixture(scope="module")
def by_command(python, planted, tmp_path_factory):
    """The command line's run: its folder, with the rows, and what it said."""
    folder = tmp_path_factory.mktemp("by_command")
    done = python("-m", "jax_ir_synth", *ASKED, "--output", "rows.jsonl", cwd=folder, env=planted)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture(scope="module")
def expected(by_command):
    """The rows that every other way must give."""
    return read(by_command[0] / "rows.jsonl")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def said(text):
    """What is told of defects, without who tells it."""
    return re.findall(r"(?:candidate|row \d+) \(.*", text)


def test_the_other_rows_are_those_without_defects(expected):
    request = Request(seed=SEED, count=COUNT)
    whole = {row["id"]: row for row in rows(request, plan_rows(request))}
    left = [id for id in range(COUNT) if id not in (UNMADE, UNPROVEN)]
    assert [row["id"] for row in expected] == left
    shifted = [row["id"] for row in expected if row != whole[row["id"]]]
    # A candidate of `loop` is dropped: the next takes its place, from the second row on.
    second, third, fourth = (row_id("loop", k) for k in (1, 2, 3))
    assert shifted == [second, third, fourth]
    made = {row["id"]: row for row in expected}
    assert made[second]["python"] == whole[third]["python"]


def test_the_command_line_tells_counts_and_records(by_command):
    folder, done = by_command
    lines = said(done.stderr)
    assert len(lines) == 3 and set(lines) == LINES
    assert all(
        line.startswith("jax-ir-synth generate: ")
        for line in done.stderr.splitlines()
        if "(" in line
    )
    cells = [line.split() for line in done.stdout.splitlines()]
    table = {line[0]: line[-1] for line in cells if len(line) == 8}
    assert (table["unary"], table["branch"], table["loop"], table["all"]) == ("1", "1", "0", "2")
    beside = "rows.jsonl.defects.jsonl"
    assert f"2 rows left out, 1 candidate dropped: {folder / beside} says which" in done.stdout
    records = {record["id"]: record for record in read(folder / beside)}
    assert records.keys() == {None, UNMADE, UNPROVEN}
    assert records[UNPROVEN]["values"] == {"got": [1.0], "meant": [2.0]}
    assert records[UNMADE]["source"].startswith("def kernel_")
    assert [records[UNMADE][key] for key in ("category", "seed", "candidate")] == ["unary", SEED, 2]


def test_without_defects_there_is_no_file(python, tmp_path):
    done = python("-m", "jax_ir_synth", "--count", 1, "--output", "rows.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_streams_defects_are_told_on_stderr(python, planted, tmp_path, expected):
    done = python("-m", "jax_ir_synth", *ASKED, "--output", "-", cwd=tmp_path, env=planted)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected
    records = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {record["id"] for record in records} == {None, UNMADE, UNPROVEN}
    assert list(tmp_path.iterdir()) == []


def test_the_record_of_an_earlier_run_goes_with_its_rows(python, tmp_path):
    asked = ("-m", "jax_ir_synth", "--count", 1, "--output", "rows.jsonl")
    beside = tmp_path / "rows.jsonl.defects.jsonl"
    beside.write_text(json.dumps(defects.Defect(0, "loop", 0, 0, "").to_json()) + "\n")
    done = python(*asked, cwd=tmp_path)
    assert done.returncode == 2 and "defects.jsonl) exists already" in done.stderr
    assert python(*asked, "--overwrite", cwd=tmp_path).returncode == 0
    assert not beside.exists()
    # Somebody's own file of that name stays.
    beside.write_text("mine\n")
    assert python(*asked, "--overwrite", cwd=tmp_path).returncode == 0
    assert beside.read_text() == "mine\n"


@pytest.mark.parametrize("flags", [("--num-proc", 2), ("--num-proc", 2, "--no-verify")])
def test_any_number_of_workers(python, planted, tmp_path, expected, flags):
    asked = (*ASKED, "--output", "rows.jsonl", *flags)
    done = python("-m", "jax_ir_synth", *asked, cwd=tmp_path, env=planted)
    assert done.returncode == 0, done.stderr
    made = read(tmp_path / "rows.jsonl")
    if "--no-verify" in flags:
        # What isn't proven is no defect then.
        expected = [row | {"verified": "none"} for row in expected]
        made = [row for row in made if row["id"] != UNPROVEN]
    assert made == expected


@pytest.mark.parametrize("asked", [{}, {"num_proc": 2}, {"streaming": True}])
def test_the_builder(python, planted, tmp_path, expected, asked):
    surroundings = planted | {"HF_HOME": str(tmp_path)}
    done = python("-c", BUILDER, json.dumps(asked), env=surroundings)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
    lines = said(done.stderr)
    assert len(lines) == 3 and set(lines) == LINES
    assert "got: [1.0]\nmeant: [2.0]" in done.stderr
    if asked == {}:
        # From the cache.
        again = python("-c", BUILDER, json.dumps(asked), env=surroundings)
        assert json.loads(again.stdout) == expected
        assert again.stderr.count(f"2 of {COUNT} rows are left out") == 1


def test_shards(python, planted, tmp_path, expected):
    pytest.importorskip("datatrove")
    scale = ("-m", "jax_ir_synth.scale")
    asked = (*scale, *ASKED, "--shards", 2, "--output", "shards")
    done = python(*asked, cwd=tmp_path, env=planted)
    assert done.returncode == 0, done.stderr
    assert set(said(done.stderr)) == LINES
    assert "2 rows left out, 1 candidate dropped" in done.stdout
    folder = tmp_path / "shards"
    made = [
        row
        for split in SPLITS
        for path in (folder / split).glob("*.parquet")
        for row in pyarrow.parquet.read_table(path).to_pylist()
    ]
    assert sorted(made, key=lambda row: row["id"]) == expected
    checked = python(*scale, "--check", "shards", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"{COUNT - 2} rows in 2 shards" in checked.stdout
    # A row that is lost otherwise is a fault.
    next((folder / "defects").glob("shard-*")).unlink()
    checked = python(*scale, "--check", "shards", cwd=tmp_path)
    assert checked.returncode == 1 and "left_out" in checked.stderr


def test_publishing(python, planted, tmp_path, expected):
    pytest.importorskip("matplotlib")
    asked = ("-m", "jax_ir_synth.publish", "me/rows", *ASKED, "--dry-run", "folder")
    done = python(*asked, cwd=tmp_path, env=planted)
    assert done.returncode == 0, done.stderr
    assert set(said(done.stderr)) >= LINES
    assert "2 rows left out, 1 candidate dropped" in done.stdout
    files = (tmp_path / "folder" / "all").glob("*.parquet")
    made = [row for path in files for row in pyarrow.parquet.read_table(path).to_pylist()]
    assert sorted(made, key=lambda row: row["id"]) == expected
    assert len(read(tmp_path / "folder.defects.jsonl")) == 3


@pytest.mark.parametrize(
    "asked",
    [
        ("-m", "jax_ir_synth", *ASKED, "--output", "rows.jsonl", "--strict"),
        ("-m", "jax_ir_synth", *ASKED, "--output", "rows.jsonl", "--strict", "--config", "loop"),
        ("-m", "jax_ir_synth.scale", *ASKED, "--output", "shards", "--strict"),
        ("-m", "jax_ir_synth.publish", "me/rows", *ASKED, "--dry-run", "folder", "--strict"),
        ("-c", BUILDER, json.dumps({"strict": True})),
        ("-c", BUILDER, json.dumps({"strict": True, "num_proc": 2})),
    ],
    ids=["command", "category", "shards", "publishing", "builder", "builder's workers"],
)
def test_strict_stops_at_the_first(python, planted, tmp_path, asked):
    if "jax_ir_synth.scale" in asked:
        pytest.importorskip("datatrove")
    done = python(*asked, cwd=tmp_path, env=planted)
    assert done.returncode == 1
    assert "planted: not" in done.stderr
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_row_that_is_shown_is_told_of(python, planted):
    done = python("-m", "jax_ir_synth.show", "unary", "--seed", SEED, "--id", UNMADE, env=planted)
    assert done.returncode == 2
    assert f"`--id` (={UNMADE}) is of a row that is left out" in done.stderr


def test_where_nobody_is_told_the_log_is(monkeypatch, caplog):
    request = Request(seed=SEED, count=1)

    def broken(*_):
        raise FloatingPointError("planted\nand more of it")

    monkeypatch.setattr("jax_ir_synth.lowering.lower_source", broken)
    caplog.set_level(logging.WARNING, "jax_ir_synth")
    assert list(rows(request, plan_rows(request))) == []
    (record,) = caplog.records
    first, second, *source = record.getMessage().splitlines()
    assert first == (
        "row 0 (category='elementwise', seed=5, candidate=0) is left out: "
        "FloatingPointError: planted"
    )
    assert second == "and more of it"
    assert source[0].startswith("def kernel_")


def test_what_was_compared_is_recorded(monkeypatch):
    request = Request(seed=SEED, count=1)
    (planned,) = plan_rows(request)
    from jax_ir_synth.generate import rows as module

    whole = module._format_row

    def turned(match):
        return "stablehlo.add " if match[1] == "multiply" else "stablehlo.multiply "

    def wrong(*arguments):
        row = whole(*arguments)
        changed = re.sub(r"stablehlo\.(add|multiply|subtract) ", turned, row["cpp"], count=1)
        return row | {"cpp": changed, "cuda": None}

    monkeypatch.setattr(module, "_format_row", wrong)
    told: list[defects.Defect] = []
    assert list(rows(request, [planned], tell=told.append)) == []
    values = told[0].values
    assert "times the tolerance" in told[0].error
    assert (
        values.keys() == {"got", "meant", "ratio", "ratio_again"}
        and values["got"] != values["meant"]
    )
    # It goes through JSON.
    assert json.loads(json.dumps(told[0].to_json()))["values"] == values
