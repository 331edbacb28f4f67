"""The baselines: the ceiling, the floor, and the nearest row of train."""

import json
from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein
from scored_rows import row, rows, write
from text_judges import RealJudges

from jax_ir_synth.cli.main import main
from jax_ir_synth.evaluate import baselines
from jax_ir_synth.evaluate.baselines import AnsweredRow, predict
from jax_ir_synth.evaluate.prompts import completion_target
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.request import extras
from jax_ir_synth.schema.splits import split_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _written(*arguments, dataset="d.jsonl") -> dict[int, str]:
    named = ("--dataset", dataset, "--output", "p.jsonl", "--overwrite")
    assert main(["baselines", *named, *map(str, arguments)]) == 0
    lines = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    return {line["id"]: line["completion"] for line in lines}


def _scored(task, judges=RealJudges) -> dict:
    named = ["--predictions", "p.jsonl", "--dataset", "d.jsonl", "--task", task]
    flags = ["--json", "out.json", "--overwrite", "--missing", "fail"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jax_ir_synth.evaluate.pool.Judges", judges)
        assert main(["evaluate", *named, *flags]) == 0
    return json.loads(Path("out.json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_references_score_one_and_the_others_less(folder, made, task):
    # The judge is the real one, so a row of each category is enough.
    write(folder / "d.jsonl", [row for row in made if row["id"] < 10 or task == "cuda"])
    scores = {}
    for baseline in baselines.BASELINES:
        if (task, baseline) == ("cuda", "retrieval") and _few_of_train(made):
            continue
        _written("--baseline", baseline, "--task", task)
        found = _scored(task)
        scores[baseline] = found["pass@1"]
        if baseline == "references":
            assert found["exact"] == found["renamed"] == found["similarity"] == 1
    assert scores.pop("references") == 1
    assert all(score < 0.2 for score in scores.values())


def _few_of_train(made) -> bool:
    asked = [row for row in made if row["cpp"].splitlines()[1:] != row["cuda"].splitlines()[1:]]
    return sum(split_of(row["skeleton_hash"]) == "train" for row in asked) < 2


def test_identity_echoes(folder):
    write(folder / "d.jsonl", rows())
    assert _written("--baseline", "identity")[4] == rows()[4]["python"]
    echoed = _written("--baseline", "identity", "--task", "cuda")
    assert echoed[4].startswith("module @jit_kernel_4 {")
    # Only of what is asked.
    assert list(echoed) == [0, 1, 4, 5, 8, 9]


def test_retrieval_is_the_nearest_row_of_train(made):
    answered = [
        AnsweredRow(
            each["id"],
            split_of(each["skeleton_hash"]),
            each["python"],
            "",
            f"answer of {each['id']}",
        )
        for each in reversed(made)
    ]
    train = [row for row in answered if row.split == "train"]
    found = list(predict(answered, "retrieval"))
    assert [prediction.id for prediction in found] == [row.id for row in answered]
    for asked, prediction in zip(answered, found, strict=True):
        far = {
            (Levenshtein.distance(asked.python, other.python), other.id): other.answer
            for other in train
            if other.id != asked.id
        }
        assert prediction.completion == far[min(far)]


def test_equally_near_rows_go_by_their_ids():
    def rows(ids):
        return [AnsweredRow(id, "train", "same", "", f"answer of {id}") for id in ids]

    asked = AnsweredRow(9, "test", "same", "", "")
    for ids in ((3, 1, 2), (1, 2, 3)):
        found = {each.id: each.completion for each in predict([*rows(ids), asked], "retrieval")}
        assert found == {1: "answer of 2", 2: "answer of 1", 3: "answer of 1", 9: "answer of 1"}


def test_a_split_is_answered_from_train(folder, monkeypatch):
    write(folder / "d.jsonl", rows())
    shown = []

    def progress(things, total, what="rows"):
        shown.append((what, total))
        return things

    monkeypatch.setattr("jax_ir_synth.terminal.progress.progress", progress)
    found = _written("--baseline", "retrieval", "--split", "test")
    assert list(found) == [2, 5, 8, 11]
    # Not those of train, among which it looks for answers.
    assert shown == [("predictions", 4)]
    sources = {completion_target(row, "forward"): row for row in rows()}
    assert {split_of(sources[text]["skeleton_hash"]) for text in found.values()} == {"train"}
    answers = {completion_target(each, "forward") for each in rows() if each["id"] % 3 == 0}
    assert set(found.values()) <= answers


def test_rows_made_anew(folder, made):
    write(folder / "d.jsonl", made)
    saved = _written("--baseline", "references", "--split", "test")
    anew = _written(
        "--baseline", "references", "--split", "test", dataset=f"all:seed=7,count={len(made)}"
    )
    assert anew == saved


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--baseline", "best"],
            "`--baseline` (=best) must be one of: references, retrieval, identity",
        ),
        (["--output", "p.txt"], "`--output` (=p.txt) must be a .jsonl file"),
        (["--dataset", "none.jsonl"], "`DATASET` (=none.jsonl) doesn't exist in the folder "),
        (["--baseline", "retrieval", "--task", "cuda"], "retrieval needs two rows of train at l"),
        (
            ["--task", "cuda", "--split", "test"],
            "`DATASET` (=d.jsonl) (split test) has no row to ask for the task cuda, which asks "
            "where the texts for the CPU and for CUDA differ: they don't in the only row",
        ),
        (["--task", "cuda"], "they don't in any of 3 rows"),
        (["--split", "validation"], "the split validation of `DATASET` (=d.jsonl) holds no row"),
    ],
)
def test_wrong_arguments_are_one_line(folder, capsys, arguments, said):
    write(folder / "d.jsonl", [row(0), row(1), row(2, "test")])
    code = main(
        [
            "baselines",
            "--dataset",
            "d.jsonl",
            "--baseline",
            "references",
            "--output",
            "p.jsonl",
            *arguments,
        ]
    )
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert {path.name for path in folder.iterdir()} == {"d.jsonl"}


def test_a_missing_extra_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setattr(extras, "is_missing", lambda module: True)
    words = ["--dataset", "all", "--baseline", "retrieval", "--output", "p.jsonl"]
    assert main(["baselines", *words]) == 2
    assert "needs rapidfuzz: pip install" in capsys.readouterr().err
