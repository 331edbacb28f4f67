"""The command `python -m jax_ir_synth.evaluate`, with text comparison in the place of the judge."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from scored_rows import right, row, rows, write
from text_judges import RealJudges, TextJudges

from jax_ir_synth.cli import evaluate
from jax_ir_synth.cli.main import main
from jax_ir_synth.evaluate.journal import Journal
from jax_ir_synth.evaluate.judgement import UNJUDGED, Judgement, leave_unjudged
from jax_ir_synth.request import extras

HERE = Path(__file__).parent


def score(words, judges) -> int:
    """The command `evaluate` with other judges than the real ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jax_ir_synth.evaluate.pool.Judges", judges)
        return main(["evaluate", *words])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The working folder, with a dataset, and predictions of which a third is right."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.jsonl", rows())
    given = [
        {"id": row["id"], "completions": [right(row) if row["id"] % 3 == 0 else "numeric", "x"]}
        for row in reversed(rows())
    ]
    write(tmp_path / "p.jsonl", given)
    return tmp_path


def _run(*arguments, judges=TextJudges, predictions="p.jsonl", dataset="d.jsonl") -> int:
    # The dataset by its name of before, where that is what a test is about.
    named = [] if "--dataset" in arguments else [dataset]
    named += ["--predictions", predictions]
    return score([*named, *map(str, arguments)], judges)


def _json(*arguments, **named) -> dict:
    assert _run(*arguments, "--json", "out.json", "--overwrite", **named) == 0
    return json.loads(Path("out.json").read_text())


def _refused(capsys, *arguments, **named) -> list[str]:
    code = _run(*arguments, **named)
    assert code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    start = "jax-ir-synth evaluate: error: "
    lines = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    assert all(line.startswith(start) for line in lines)
    return [line.removeprefix(start) for line in lines]


def _left(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_all_that_it_writes(files, capsys):
    outputs = ("--json", "out.json", "--judgements", "j.jsonl", "--plot", "p.svg", "--k", "2", "1")
    assert _run(*outputs) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("pass@1 16.6 % (95 %: ") and "pass@2 % (95 %)" in shown.out
    assert shown.err.splitlines()[-1] == "24/24 completions"
    assert "\x1b" not in shown.out + shown.err
    found = json.loads((files / "out.json").read_text())
    assert found["pass@1"] == pytest.approx(1 / 6)
    assert found["pass@2"] == pytest.approx(1 / 3)
    assert found["setting"]["dataset"]["name"] == "d.jsonl"
    judged = [json.loads(line) for line in (files / "j.jsonl").read_text().splitlines()]
    assert [(each["id"], each["sample"]) for each in judged] == [
        (id, sample) for id in range(12) for sample in range(2)
    ]
    assert judged[0].keys() == {"id", "sample", *Judgement._fields}
    assert [each["rung"] for each in judged[:4]] == ["pass", "parse", "numeric", "parse"]
    assert (files / "p.svg").read_text().startswith("<?xml")
    # The journal is gone, and nothing half is left.
    assert _left(files) == {"d.jsonl", "p.jsonl", "out.json", "j.jsonl", "p.svg"}


def test_bytes_dont_depend_on_the_number_of_processes(files):
    texts = set()
    for number in (1, 2, 5):
        outputs = ("--json", "o.json", "--judgements", "j.jsonl", "--overwrite")
        assert _run("--num-proc", number, *outputs) == 0
        texts.add((files / "o.json").read_bytes() + (files / "j.jsonl").read_bytes())
    assert len(texts) == 1


def test_the_containers_of_a_dataset_give_the_same_result(files, monkeypatch):
    import datasets

    expected = _json()
    loaded = datasets.DatasetDict(
        {
            split: datasets.Dataset.from_list(
                [row for number, row in enumerate(rows()) if number % 3 == place]
            )
            for place, split in enumerate(("train", "validation", "test"))
        }
    )
    loaded.save_to_disk(files / "folder")
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda *given: asked.append(given) or loaded)
    for named in ("folder", "user/name"):
        found = _json(dataset=named)
        assert found["by_split"] == expected["by_split"]
        assert found["by_category"] == expected["by_category"]
        assert found["setting"]["dataset"]["name"] == named
    assert asked == [("user/name", "all")]


def test_a_split(files):
    found = _json("--split", "test")
    assert list(found["by_split"]) == ["test"]
    assert found["rows"] == 4
    assert found["setting"]["dataset"].items() >= {"split": "test", "rows": 4, "missing": 0}.items()
    assert found["pass@1"] == 0
    assert _json("--split", "train")["pass@1"] == 0.5


def test_rows_without_a_prediction(files, capsys):
    write(files / "p.jsonl", [{"id": row["id"], "completion": right(row)} for row in rows()[:3]])
    found = _json()
    assert (found["pass@1"], found["rows"]) == (1, 3)
    assert found["setting"]["dataset"].items() >= {"rows": 12, "scored": 3, "missing": 9}.items()
    assert (
        "9 of 12 rows (all splits) have no prediction and are left out" in capsys.readouterr().out
    )
    found = _json("--missing", "fail")
    assert (found["pass@1"], found["rows"], found["completions"]) == (0.25, 12, 3)
    assert found["ladder"]["no_code"] == 0.75
    assert "9 of 12 rows (all splits) have no prediction and count" in capsys.readouterr().out


def test_which_module_counts(files):
    draft = right(row(1)).replace("add", "subtract")
    write(files / "p.jsonl", [{"id": 1, "completion": f"{draft}\n\n{right(row(1))}"}])
    for flags, rung, take in (((), "pass", "last"), (("--take", "first"), "numeric", "first")):
        found = _json(*flags, judges=RealJudges)
        assert (found["ladder"][rung], found["setting"]["take"]) == (1, take)


def test_rows_with_nothing_to_ask(files, capsys):
    found = _json("--task", "cuda")
    assert found["setting"]["dataset"].items() >= {"scored": 6, "nothing_to_ask": 6}.items()
    assert "6 of 12 rows (all splits) have the same text" in capsys.readouterr().out
    assert found["rows"] == 6


def test_rows_made_anew(tmp_path, monkeypatch, made, capsys):
    from jax_ir_synth.evaluate import prompts

    monkeypatch.chdir(tmp_path)
    asked = [row for row in made if row["id"] % 7 == 0]
    records = [
        {"id": row["id"], "completion": prompts.completion_target(row, "backward")} for row in asked
    ]
    write(tmp_path / "p.jsonl", records)
    write(tmp_path / "d.jsonl", made)
    count = len(made)
    saved = _json("--task", "backward", judges=RealJudges)
    capsys.readouterr()
    flags = ("--seed", "7", "--count", count, "--task", "backward")
    anew = _json(*flags, dataset="all", judges=RealJudges)
    assert f"{count}/{count} rows\n" in capsys.readouterr().err
    assert anew["pass@1"] == saved["pass@1"] == 1
    assert anew["setting"]["dataset"].pop("name") == f"all:seed=7,count={count}"
    saved["setting"]["dataset"].pop("name")
    # The digest too: they are the same rows, though only those asked for were made.
    assert anew == saved
    short = _json("--task", "backward", dataset=f"all:count={count},seed=7", judges=RealJudges)
    assert short["setting"]["dataset"].pop("name") == f"all:seed=7,count={count}"
    assert short == anew


def test_ids_that_the_dataset_hasnt(files, capsys):
    records = [{"id": id, "completion": "x"} for id in (0, 99, 3, -1)]
    write(files / "p.jsonl", records)
    assert _refused(capsys) == [
        "line 2 of p.jsonl has an id (=99) that is not in the dataset d.jsonl: its ids are 0 to 11",
        "... and 1 more error in the predictions",
    ]


def test_a_k_beyond_the_samples(files, capsys):
    asked = TextJudges.asked
    assert _refused(capsys, "--k", "1", "10") == [
        "`k` (=10) must be at most the number of each id's completions: line 12 of p.jsonl, id 0, "
        "has 2"
    ]
    assert TextJudges.asked == asked


def test_datasets_that_are_wrong(files, capsys):
    write(files / "twice.jsonl", [row(0), row(1), row(0)])
    assert _refused(capsys, dataset="twice.jsonl") == [
        "line 3 of twice.jsonl has the id (=0) of line 1 of twice.jsonl"
    ]
    write(files / "torn.jsonl", [row(0), '{"id": 1'])
    assert _refused(capsys, dataset="torn.jsonl")[0].startswith(
        "line 2 of torn.jsonl is not a complete"
    )
    bad = row(0)
    del bad["argnums"]
    write(files / "short.jsonl", [bad])
    assert _refused(capsys, dataset="short.jsonl") == [
        "line 1 of short.jsonl has no column argnums"
    ]
    write(files / "one.jsonl", [row(0) | {"cuda": None}])
    write(files / "p.jsonl", [{"id": 0, "completion": "x"}])
    assert _refused(capsys, "--task", "cuda", dataset="one.jsonl") == [
        "line 1 of one.jsonl: row 0 has one IR column, CPU → CUDA needs both"
    ]
    assert _refused(capsys, "--split", "test") == [
        "p.jsonl has nothing to score: of 4 rows of d.jsonl (split test), 4 have no prediction "
        "and 0 have nothing to ask"
    ]
    write(files / "same.jsonl", [row(0)])
    assert _refused(capsys, "--split", "validation", dataset="same.jsonl") == [
        "the split validation of same.jsonl holds no row"
    ]
    assert _refused(capsys, "--task", "cuda", dataset="same.jsonl") == [
        "same.jsonl has no row to ask for the task cuda, which asks where the texts for the CPU "
        "and for CUDA differ: they don't in the only row"
    ]
    for wrong in (
        {"id": "0"}, {"skeleton_hash": "xyz"}, {"skeleton_hash": None}, {"python": None},
        {"cpp": 1}, {"in_avals": "text"}, {"argnums": None},
    ):  # fmt: skip
        write(files / "wrong.jsonl", [row(0) | wrong])
        (line,) = _refused(capsys, dataset="wrong.jsonl")
        assert line.startswith("line 1 of wrong.jsonl")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--dataset", "none.jsonl"],
            "`DATASET` (=none.jsonl) doesn't exist in the folder ",
        ),
        (["--dataset", "all:seed=x"], "`DATASET` (=all:seed=x): `seed` (=x) must be an integer"),
        (["--dataset", "all:"], "`DATASET` (=all:) must be like all:seed=7,count=1500"),
        (
            ["--dataset", "all:seed=1", "--seed", "2"],
            "the seed is given twice: `DATASET` (=all:seed=1)",
        ),
        (["--dataset", "all:count=0"], "`count` (=0) must be an integer from 1 to"),
        (["--dataset", "all", "--config", "loop"], "`--config` is for a Hub dataset"),
        (
            ["--config", "loop"],
            "`--config` (=loop) is for a Hub dataset (user/name) or a folder of publish",
        ),
        (["--seed", "1"], "`--seed` is for rows to be made, and `DATASET` (=d.jsonl) is none of"),
        (["--predictions", "q.jsonl"], "`--predictions` (=q.jsonl) doesn't exist"),
        (["--task", "sideways"], "`--task` (=sideways) must be one of: forward, backward"),
        (["--split", "dev"], "`--split` (=dev) must be one of: train, validation, test"),
        (["--k", "0"], "`k` (=0) must be integers from 1"),
        (["--k", "one"], "`--k` (='one') must be an integer"),
        (["--take", "best"], "`--take` (=best) must be one of: first, last"),
        (["--missing", "maybe"], "`--missing` (=maybe) must be one of: leave-out, fail"),
        (["--timeout", "0"], "`--timeout` (=0) must be a number of seconds above 0"),
        (["--memory", "nan"], "`--memory` (=nan) must be a number of GB"),
        (["--num-proc", "0"], "`--num-proc` (=0) must be an integer from 1 to 1024"),
        (["--json", "none/x"], "`--json` (=none/x) must be a file in a folder that exists"),
        (["--judgements", "."], "`--judgements` (=.) must be a file in a folder that exists"),
        (["--plot", "x.gif"], "`--plot` (=x.gif) must end in .svg, .png, .pdf"),
        (["--json", "p.jsonl"], "`--json` (=p.jsonl) must be another file than `--predictions`"),
        (["--judgements", "./d.jsonl"], "must be another file than `DATASET`"),
        (["--json", "o", "--judgements", "o"], "`--judgements` (=o) must be another file than"),
    ],
)
def test_wrong_arguments_are_one_line(files, capsys, arguments, said):
    before = _left(files)
    (line,) = _refused(capsys, *arguments)
    assert said in line
    assert _left(files) == before


def test_a_missing_extra_is_one_line(files, capsys, monkeypatch):
    for module, what in (("rapidfuzz", "scoring"), ("matplotlib", "`--plot`")):
        monkeypatch.setattr(extras, "is_missing", lambda name, lost=module: name == lost)
        assert _refused(capsys, "--plot", "x.svg") == [
            f"{what} needs {module}: pip install 'jax_ir_synth[evaluate]' (in a clone: '.[evaluate]')"
        ]


class _Failing(TextJudges):
    """Fails at the fourth completion."""

    def judgements(self, jobs):
        for number, judged in enumerate(super().judgements(jobs)):
            if number == 3:
                raise RuntimeError("the helpers are gone")
            yield judged


def test_judging_that_fails(files, capsys):
    (files / "out.json").write_text("older")
    assert _run("--json", "out.json", "--overwrite", judges=_Failing) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "jax-ir-synth evaluate: the evaluation is not complete: the helpers are gone "
        "(the same command goes on where it stopped)"
    )
    assert (files / "out.json").read_text() == "older"
    assert TextJudges.entered == 0


class _Missing(TextJudges):
    """Can't start."""

    def __enter__(self):
        raise RuntimeError("a helper can't start within 0.001 GB: MemoryError")


def test_helpers_that_cant_start(files, capsys):
    assert _refused(capsys, "--memory", "0.001", judges=_Missing) == [
        "a helper can't start within 0.001 GB: MemoryError"
    ]
    assert _left(files) == {"d.jsonl", "p.jsonl"}


@contextlib.contextmanager
def _disk_with_room(size: int):
    """No file can grow beyond so many bytes; what fits is written, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


_OUTPUTS = {"--plot": "p.svg", "--json": "out.json", "--judgements": "j.jsonl"}
_FLAGS = [word for pair in _OUTPUTS.items() for word in pair]
_RESUME = "(the same command goes on where it stopped)"


def _goes_on(files, capsys, whole, kept: int) -> None:
    """The same command judges what is missing, and writes what an undisturbed run would."""
    asked = TextJudges.asked
    capsys.readouterr()
    assert _run(*_FLAGS) == 0
    assert TextJudges.asked == asked + 24 - kept
    assert {name: (files / name).read_bytes() for name in whole} == whole
    assert _left(files) == {"d.jsonl", "p.jsonl", *whole}


@pytest.fixture
def whole(files) -> dict[str, bytes]:
    """What an undisturbed run writes, by its name; the files are gone again."""
    assert _run(*_FLAGS) == 0
    found = {name: (files / name).read_bytes() for name in _OUTPUTS.values()}
    for name in found:
        (files / name).unlink()
    return found


@pytest.mark.parametrize("flag", _OUTPUTS)
def test_a_disk_that_is_full_when_an_output_is_written(files, capsys, monkeypatch, whole, flag):
    named = evaluate._named

    @contextlib.contextmanager
    def named_on_a_full_disk(name, path):
        room = 100 if f"--{name}" == flag else 2**30
        with named(name, path), _disk_with_room(room):
            yield

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "_named", named_on_a_full_disk)
        before = _left(files)
        assert _run(*_FLAGS) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "jax-ir-synth evaluate: the evaluation is not complete: "
        f"`{flag}` (={_OUTPUTS[flag]}) can't be written: File too large {_RESUME}"
    )
    # What was judged is kept, and what is under a name is whole.
    (journal,) = _left(files) - before
    assert journal.endswith(".journal")
    _goes_on(files, capsys, whole, kept=24)


@pytest.mark.parametrize("kept", [0, 1, 7, 23])
@pytest.mark.parametrize("room", [0, 1, 40])
def test_a_disk_that_is_full_when_a_judgement_is_written(
    files, capsys, monkeypatch, whole, kept, room
):
    add = Journal.add

    def add_until_it_is_full(self, judged):
        if 2 * judged.id + judged.sample == kept:
            full.enter_context(_disk_with_room(self.path.stat().st_size + room))
        add(self, judged)

    before = _left(files)
    with monkeypatch.context() as patch, contextlib.ExitStack() as full:
        patch.setattr(Journal, "add", add_until_it_is_full)
        assert _run(*_FLAGS) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        "jax-ir-synth evaluate: the evaluation is not complete: the run's journal"
    )
    assert line.endswith(f".journal) can't be written: File too large {_RESUME}")
    left = _left(files) - before
    assert len(left) <= 1 and all(name.endswith(".journal") for name in left)
    assert left or not kept
    _goes_on(files, capsys, whole, kept)


def test_a_disk_that_is_full_when_rows_are_set_aside(files, capsys):
    with _disk_with_room(100):
        assert _run("--json", "out.json") == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "jax-ir-synth evaluate: the evaluation is not complete: [Errno 27] File too large: "
        f"{tempfile.gettempdir()!r} {_RESUME}"
    )
    assert _left(files) == {"d.jsonl", "p.jsonl"}


class _Faulty(TextJudges):
    """The row with the id 3 has a fault, beside rows that are damaged."""

    def judged(self, completion, row, task, take) -> Judgement:
        if row["id"] == 3 and completion != "x":
            return leave_unjudged(f"a fault of\x1b row {row['id']}")
        return super().judged(completion, row, task, take)


def test_what_cant_be_judged_is_reported_everywhere(files, capsys):
    expected = _json()
    (files / "p.jsonl").rename(files / "all.jsonl")
    lines = (files / "all.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["id"] not in (3, 8)]
    write(files / "p.jsonl", kept)
    without = _json()
    damaged = [row(8) | {"cpp": "text"} if each["id"] == 8 else each for each in rows()]
    write(files / "d.jsonl", damaged)
    (files / "all.jsonl").rename(files / "p.jsonl")
    capsys.readouterr()
    found = _json("--judgements", "j.jsonl", judges=_Faulty)
    out, err = capsys.readouterr()
    said = [
        "3 completions can't be judged, and 2 rows are left out",
        "  row 3, completion 0: a fault of\\x1b row 3",
        "  row 8, completion 0: the cpp of row 8 is damaged: ",
    ]
    shown = [line for line in out.splitlines() if line.startswith(tuple(said))]
    errors = [line.removeprefix("jax-ir-synth evaluate: ") for line in err.splitlines()]
    assert len(shown) == 3 and shown == errors[-3:]
    assert found["unjudged"]["rows"] == 2 and found["unjudged"]["completions"] == 3
    assert [each["id"] for each in found["unjudged"]["first"]] == [3, 8]
    assert [each["sample"] for each in found["unjudged"]["first"]] == [0, 0]
    judged = [json.loads(line) for line in (files / "j.jsonl").read_text().splitlines()]
    assert [(each["id"], each["sample"]) for each in judged if each["rung"] == UNJUDGED] == [
        (3, 0), (8, 0), (8, 1),
    ]  # fmt: skip
    # Each figure is that of the other rows.
    for name in ("pass@1", "intervals", "ladder", "by_category", "by_split", "by_lines", "rows"):
        assert found[name] == without[name] != expected[name]
    assert without["unjudged"] == {"rows": 0, "completions": 0, "first": []}


def test_where_nothing_can_be_judged_the_command_fails(files, capsys):
    write(files / "d.jsonl", [row(0) | {"cpp": "text"}])
    write(files / "p.jsonl", [{"id": 0, "completion": "x"}])
    before = _left(files)
    assert _run("--json", "out.json") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(
        "jax-ir-synth evaluate: there is no rate: 1 completion can't be judged, and 1 row is left "
        "out: row 0, completion 0: the cpp of row 0 is damaged: text (='text'…) must be an IR "
    )
    # Nor is there anything to go on with.
    assert _left(files) == before


def test_a_resumed_run_knows_what_it_couldnt_judge(files, monkeypatch):
    class Stopping(_Faulty):
        """Fails at the ninth completion."""

        def judgements(self, jobs):
            for number, judged in enumerate(super().judgements(jobs)):
                if number == 8:
                    raise RuntimeError("the helpers are gone")
                yield judged

    whole = _json(judges=_Faulty)
    assert _run("--json", "out.json", "--overwrite", judges=Stopping) == 1
    asked = _Faulty.asked
    assert _json(judges=_Faulty) == whole
    assert _Faulty.asked == asked + 24 - 8


def test_columns_that_hold_text_are_read(files):
    expected = _json()
    text = [
        row | {name: json.dumps(row[name]) for name in ("in_avals", "argnums")} for row in rows()
    ]
    write(files / "d.jsonl", text)
    assert _json() == expected


def test_help_and_wrong_arguments_load_nothing_heavy():
    heavy = {"jax", "numpy", "datasets", "pyarrow", "rich", "matplotlib", "rapidfuzz"}
    known = ["--predictions", "x", "--dataset", "y"]
    for module, arguments, code in (
        ("evaluate", ["--help"], 0),
        ("evaluate", ["--wat"], 2),
        ("evaluate", [*known, "--timeout", "0"], 2),
        ("evaluate", [*known, "--k", "0"], 2),
        ("evaluate.baselines", ["--help"], 0),
        ("evaluate.baselines", ["--wat"], 2),
    ):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", f"jax_ir_synth.{module}", *arguments],
            env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code
        loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
        assert not loaded & heavy
