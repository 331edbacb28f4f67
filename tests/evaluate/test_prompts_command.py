"""The command `prompts`: what it writes for each row, and one line for what is wrong."""

import json
from pathlib import Path

import pytest
from scored_rows import row, rows, write

from jax_ir_synth.cli.main import main
from jax_ir_synth.evaluate import prompts
from jax_ir_synth.evaluate.tasks import TASKS


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.jsonl", rows())
    return tmp_path


def _written(*flags) -> list[dict]:
    assert main(["prompts", "d.jsonl", *flags, "--output", "p.jsonl", "--overwrite"]) == 0
    return [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_the_chat_of_each_row(here, task):
    lines = _written("--task", task)
    asked = [row for row in rows() if task != "cuda" or row["id"] % 4 < 2]
    assert [line["id"] for line in lines] == [row["id"] for row in asked]
    for line, of in zip(lines, asked, strict=True):
        assert line.keys() == {"id", "split", "task", "format", "messages"}
        assert line["messages"] == prompts.messages(of, task)
        assert (line["task"], line["format"]) == (task, prompts.FORMAT)
        assert line["split"] == ("train", "validation", "test")[of["id"] % 3]


def test_plain_text_with_answers(here):
    for line, of in zip(_written("--form", "text", "--answers"), rows(), strict=True):
        assert line.keys() == {"id", "split", "task", "format", "prompt", "answer"}
        assert line["prompt"] == prompts.completion_prompt(of, "forward")
        assert line["answer"] == prompts.completion_target(of, "forward")


def test_columns_that_hold_text_are_read(here):
    expected = _written("--task", "backward")
    text = [each | {name: json.dumps(each[name]) for name in ("in_avals", "argnums")}
            for each in rows()]  # fmt: skip
    write(here / "d.jsonl", text)
    assert _written("--task", "backward") == expected


def test_a_split_with_examples(here):
    lines = _written("--split", "test", "--shots", "2", "--shots-seed", "3")
    assert [line["id"] for line in lines] == [2, 5, 8, 11]
    shots = prompts.draw_shots(rows(), "forward", 2, 3)
    for line in lines:
        assert line["messages"] == prompts.messages(rows()[line["id"]], "forward", shots)
        assert len(line["messages"]) == 6
    assert _written("--split", "test", "--shots", "2") != lines


def test_the_standard_output_has_the_prompts_alone(here, capfd):
    assert main(["prompts", "d.jsonl", "--task", "cuda"]) == 0
    shown = capfd.readouterr()
    assert len([json.loads(line) for line in shown.out.splitlines()]) == 6
    assert shown.err == "jax-ir-synth prompts: 6 prompts, 6 rows have nothing to ask\n"


def test_predictions_of_the_answers_pass(here):
    pytest.importorskip("rapidfuzz")
    lines = _written("--answers")
    write(here / "a.jsonl", [{"id": line["id"], "completion": line["answer"]} for line in lines])
    words = ["evaluate", "d.jsonl", "--predictions", "a.jsonl", "--json", "s.json"]
    from text_judges import TextJudges

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jax_ir_synth.evaluate.pool.Judges", TextJudges)
        assert main(words) == 0
    assert json.loads(Path("s.json").read_text())["pass@1"] == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["none.jsonl"], "`DATASET` (=none.jsonl) doesn't exist"),
        (["d.jsonl", "--task", "x"], "`--task` (=x) must be one of: forward, backward, "),
        (["d.jsonl", "--form", "x"], "`--form` (=x) must be one of: chat, text"),
        (["d.jsonl", "--shots", "-1"], "`--shots` (=-1) must be 0 or more"),
        (["d.jsonl", "--shots", "9"], "`number` (=9) must be less than the rows of train"),
        (["d.jsonl", "--shots", "1", "--longest", "9"], "answers of 9 characters at most"),
        (["d.jsonl", "--output", "p.txt"], "`--output` (=p.txt) must be a .jsonl file"),
        (["d.jsonl", "--output", "d.jsonl"], "must be another file than `DATASET`"),
        (["short.jsonl"], "line 2 of short.jsonl has no column argnums"),
        (["torn.jsonl"], "line 2 of torn.jsonl is not a complete row"),
        (["bad.jsonl"], "row 1 is malformed: "),
        (
            ["same.jsonl", "--task", "cuda"],
            "`DATASET` (=same.jsonl) has no row to ask for the task cuda, which asks where the "
            "texts for the CPU and for CUDA differ: they don't in the only row\n",
        ),
        (
            ["same.jsonl", "--split", "test"],
            "the split test of `DATASET` (=same.jsonl) holds no row\n",
        ),
    ],
)
def test_what_is_wrong_is_one_line(here, capsys, flags, said):
    short = {key: value for key, value in row(1).items() if key != "argnums"}
    write(here / "short.jsonl", [row(0), short])
    write(here / "torn.jsonl", [row(0), '{"id": 1'])
    write(here / "bad.jsonl", [row(0), row(1) | {"cpp": "text"}])
    write(here / "same.jsonl", [row(0)])
    before = {path.name for path in here.iterdir()}
    assert main(["prompts", "--output", "p.jsonl", *flags]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("jax-ir-synth prompts: error: ") and said in shown.err
    assert {path.name for path in here.iterdir()} == before
