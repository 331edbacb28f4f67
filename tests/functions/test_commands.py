"""Every command takes rows of functions that people wrote, also among synthesized ones."""

import json

import pytest

import jax_ir_synth
from jax_ir_synth.cli.main import main
from jax_ir_synth.evaluate import judge
from jax_ir_synth.schema.columns import choose_schema
from jax_ir_synth.schema.origin import Origin
from jax_ir_synth.storage.dataset_reader import open_saved
from jax_ir_synth.storage.writers import PARQUET, open_output

MODEL = '''
import jax
import jax.numpy as jnp
from jax import lax

LIMIT = 0.25


def gated(x, weights):
    """Gates its input."""
    return jnp.tanh(x @ weights) * jax.nn.sigmoid(x)


def halve(x):
    return lax.while_loop(lambda c: jnp.max(c) > LIMIT, lambda c: c * 0.5, x)


def scaled(x, axis=0, *, by):
    return x / jnp.sum(x, axis=axis, keepdims=True) * by


def root(x):
    return jnp.sqrt(x)
'''
ROWS = (
    ("gated", "4x3xf32", "3x3xf32"),
    ("halve", "--arg", "x: f32[4] 0.3..0.9"),
    ("scaled", "--arg", "x: f32[3,2] 1..2", "axis=1", "by=0.5"),
    ("root", "--arg", "x: f32[3] -2..-1"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with own rows as JSON lines and Parquet, and with a mix of own and synthesized."""
    folder = tmp_path_factory.mktemp("own")
    model = folder / "model.py"
    model.write_text(MODEL, encoding="utf-8")
    lines = []
    for number, (name, *words) in enumerate(ROWS):
        file = folder / f"{name}.jsonl"
        words = [f"{model}:{name}", *words, "--row", "--id", str(1000 + number)]
        assert main(["lower", *words, "--output", str(file)]) == 0
        lines.append(file.read_text(encoding="utf-8"))
    (folder / "own.jsonl").write_text("".join(lines), encoding="utf-8")
    synthesized = jax_ir_synth.load("loop", seed=3, count=2)
    rows = [dict(row) for part in synthesized.values() for row in part]
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / "mix.jsonl").write_text(text + "".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(params=["own", "mix"])
def rows(request, folder):
    return folder / f"{request.param}.jsonl"


def test_the_rows_are_those_of_the_function(folder):
    rows = [row for row, _ in open_saved(folder / "own.jsonl").rows]
    assert [row["kernel_name"] for row in rows] == ["gated", "halve", "kernel_scaled", "root"]
    assert [row["argnums"] for row in rows] == [[0, 1], [], [0], [0]]
    assert [row["verified"].split(":")[0] for row in rows[:3]] == ["interpreter+arrays"] * 3
    assert rows[3]["verified"].startswith("unproven: ")
    assert rows[1]["in_avals"][0]["low"] == 0.3
    assert "return scaled(x, 1, by=0.5)" in rows[2]["python"]


def test_parquet_holds_the_same_row(folder):
    place = folder / "gated.parquet"
    words = ["lower", f"{folder / 'model.py'}:gated", "4x3xf32", "3x3xf32", "--row"]
    assert main([*words, "--id", "1000", "--output", str(place)]) == 0
    (row,) = [row for row, _ in open_saved(place).rows]
    assert row == json.loads((folder / "gated.jsonl").read_text(encoding="utf-8"))


def test_the_standard_output_has_the_row(folder, capfd):
    assert main(["lower", f"{folder / 'model.py'}:gated", "4x3xf32", "3x3xf32", "--row"]) == 0
    told = capfd.readouterr()
    assert json.loads(told.out)["kernel_name"] == "gated"
    assert told.err == "jax-ir-synth lower: gated: interpreter+arrays\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--row", "--passes", "forward"], "`--passes` is for texts"),
        (["--id", "3"], "`--id` is for a row"),
        (["--no-verify"], "`--no-verify` is for a row"),
        (["--arg", "x"], "must be like 'x: f32[8,16]'"),
        (["--arg", "x: f32[3] 2..1"], "the lower end first"),
        (["--arg", "x: f33[3]"], "element types"),
        (["--arg", "x = sin"], "a literal of Python's"),
        (["--arg", "x: f32[3]", "x: f32[3]"], "x twice"),
        (["--arg", "z: f32[3]"], "the arguments are x, weights"),
        (["--arg", "x: f32[3] 0..1"], "a range, which is for a row"),
        (["--row", "--output", "rows.txt"], "must end in .jsonl or .parquet"),
    ],
)
def test_wrong_words(folder, capfd, words, reason):
    assert main(["lower", f"{folder / 'model.py'}:gated", *words]) != 0
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and reason in error


def test_verify_counts_what_says_itself_that_it_is_not_proven(rows, capfd):
    assert main(["verify", str(rows)]) == 0
    own = next(line for line in capfd.readouterr().out.splitlines() if " own " in line)
    assert own.replace("│", " ").split() == ["own", "4", "3", "1", "0"]


def test_verify_fails_for_another_claim(folder, capfd):
    row = json.loads((folder / "root.jsonl").read_text(encoding="utf-8"))
    wrong = folder / "wrong.jsonl"
    wrong.write_text(json.dumps(row | {"verified": "interpreter"}) + "\n", encoding="utf-8")
    assert main(["verify", str(wrong)]) == 1
    assert "id 1003, own" in capfd.readouterr().err


def test_show_prints_the_passes_that_there_are(rows, folder, capfd):
    assert main(["show", str(rows), "--id", "1001"]) == 0
    text = capfd.readouterr().out
    assert "own" in text and "forward" in text and "backward" not in text
    assert main(["show", str(rows), "--html", str(folder / "page.html"), "--overwrite"]) == 0


def test_stats_finds_no_fault(rows, folder):
    place = folder / "stats.json"
    words = ["stats", str(rows), "--json", str(place), "--overwrite"]
    assert main(words) == 0
    text = place.read_text(encoding="utf-8")
    figures = json.loads(text)
    assert '"own"' in text and '"unproven": 1' in text
    assert all(count == 0 for count in _find(figures, "audit").values())
    assert main(["stats", str(rows), "--against", str(folder / "mix.jsonl")]) == 0


def _find(value, key):
    """Find the value of a key, however deep it is."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    found = [_find(each, key) for each in value] if isinstance(value, list) else []
    return next((each for each in found if each is not None), None)


def test_tasks_about_the_gradient_skip_rows_without_one(rows, folder, capfd):
    count = 4 + 2 * (rows.stem == "mix")
    for task, asked in (("forward", count), ("backward", count - 1), ("gradient", count - 1)):
        place = folder / f"{task}.jsonl"
        words = ["prompts", str(rows), "--task", task, "--output", str(place), "--overwrite"]
        assert main(words) == 0
        assert len(place.read_text(encoding="utf-8").splitlines()) == asked
        told = capfd.readouterr().err
        assert ("1 rows have nothing to ask" in told) == (asked < count)
    only = folder / "halve.jsonl"
    words = ["prompts", str(only), "--task", "backward", "--output", str(folder / "n.jsonl")]
    assert main(words) != 0
    assert "which asks about gradients: there is none" in capfd.readouterr().err


@pytest.mark.parametrize("task", ["forward", "backward"])
def test_evaluate_scores_answers(rows, folder, task):
    answers, scores = folder / "answers.jsonl", folder / "scores.json"
    lines = []
    for row, _ in open_saved(rows).rows:
        module = row["cpp"].split("## Backward")[0 if task == "forward" else -1]
        if task == "forward" or row["argnums"]:
            lines.append({"id": row["id"], "completion": f"```mlir\n{module}\n```"})
    answers.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    words = ["evaluate", str(rows), "--predictions", str(answers), "--task", task]
    assert main([*words, "--json", str(scores), "--overwrite"]) == 0
    assert '"own"' in scores.read_text(encoding="utf-8")


def test_card_describes_them_without_a_seed(rows, folder, capfd):
    place = folder / f"card_{rows.stem}"
    assert main(["card", str(rows), "--output", str(place), "--repo", "me/rows"]) == 0
    text = (place / "README.md").read_text(encoding="utf-8")
    assert (
        "functions that people wrote" in text
        and "| `own` | not said | not said | 4 | 3 | 3 |" in text
    )
    assert main(["card", str(rows), "--output", str(place), "--seed", "3", "--overwrite"]) != 0
    assert "is for synthesized rows" in capfd.readouterr().err


def test_publish_writes_a_subset_for_each_kind(rows, folder, capfd):
    place = folder / f"published_{rows.stem}"
    assert main(["publish", "me/rows", "--from", str(rows), "--dry-run", str(place)]) == 0
    names = {path.parent.name for path in place.rglob("*.parquet")}
    assert names == ({"own", "loop"} if rows.stem == "mix" else {"own"})
    assert main(["verify", str(place), "--config", "own"]) == 0


def test_where_a_function_comes_from_is_kept(folder):
    row = json.loads((folder / "gated.jsonl").read_text(encoding="utf-8"))
    origin = Origin("thing", "1.2", "thing.layers", "gated", "MIT", "thing/layers.py:3-5")
    row |= {"type": "real", **origin._asdict()}
    place = folder / "real.parquet"
    with open_output(place, PARQUET, schema=choose_schema(row)) as write:
        write(row)
    assert [dict(found) for found, _ in open_saved(place).rows] == [row]
    target = folder / "published_real"
    assert main(["publish", "me/rows", "--from", str(place), "--dry-run", str(target)]) == 0
    (file,) = (target / "real").glob("*.parquet")
    (found,) = [found for found, _ in open_saved(file).rows]
    assert {name: found[name] for name in Origin._fields} == origin._asdict()
    text = (target / "README.md").read_text(encoding="utf-8")
    assert "| `real` | thing 1.2 | MIT | 1 | 1 | 1 |" in text
    assert "\nlicense:\n- mit\n" in text and "- name: license\n" in text


def test_a_rows_own_answer_passes_and_a_wrong_one_does_not(folder):
    rows = [row for row, _ in open_saved(folder / "own.jsonl").rows][:3]
    for row in rows:
        forward = row["cpp"].split("## Backward")[0]
        assert judge(forward, row, "forward").rung == "pass", row["kernel_name"]
        wrong = forward.replace("stablehlo.multiply", "stablehlo.add")
        # A loop that adds where it should multiply has no end.
        rung = "execute" if row["kernel_name"] == "halve" else "numeric"
        assert judge(wrong, row, "forward").rung == rung, row["kernel_name"]
    with pytest.raises(ValueError, match="nothing to ask"):
        judge(rows[1]["cpp"], rows[1], "backward")
