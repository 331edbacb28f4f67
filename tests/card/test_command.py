"""The command `jax-ir-synth card`: what it prints, and one line for what is wrong."""

import json

import pytest
from row_ids import THREE_EACH

from jax_ir_synth.cli.main import main
from jax_ir_synth.request.categories import CATEGORIES

# Runs the command in a process where some modules can't be imported.
BLOCKED = """
import sys
sys.modules.update(dict.fromkeys({blocked!r}))
from jax_ir_synth.cli.main import main
sys.exit(main(["card", *{arguments!r}]))
"""


def test_it_writes_a_card_and_tells_what(saved, drawn_once, monkeypatch, tmp_path, capsys):
    drawn_once(monkeypatch)
    arguments = [str(saved), str(tmp_path), "--seed", "7", "--repo", "user/name", "--remade", "2"]
    assert main(["card", *arguments]) == 0
    shown = capsys.readouterr().out.splitlines()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(shown[:-1]) == sorted(map(str, files))
    assert shown[-1] == f"{THREE_EACH} rows described, {len(CATEGORIES)} made anew and the same"
    assert "user/name" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rows.jsonl", "card"), "`--seed` is missing"),
        (("rows.jsonl", "card", "--seed", "x"), "`--seed` (='x') must be an integer"),
        (("rows.jsonl", "card", "--seed", "-1"), "`--seed` (=-1) must be an integer from 0"),
        (("none.jsonl", "card", "--seed", "7"), "none.jsonl) doesn't exist"),
        (("empty.jsonl", "card", "--seed", "7"), "empty.jsonl) holds no row"),
        (
            ("rows.jsonl", "card", "--seed", "7", "--repo", "name"),
            "`repo` (=name) must be USER/NAME",
        ),
        (("rows.jsonl", "card", "--seed", "7", "--remade", "1"), "(=1) must be 2 or more"),
        (("rows.jsonl", "rows.jsonl", "--seed", "7"), "(=rows.jsonl) can't be written: "),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    good, lines, monkeypatch, tmp_path, capsys, arguments, said
):
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "rows.jsonl", good[:2])
    lines(tmp_path / "empty.jsonl", [])
    code = main(["card", *arguments])
    shown = capsys.readouterr()
    errors = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    assert (code, shown.out, len(errors)) == (2, "", 1)
    assert errors[0].startswith("jax-ir-synth card: error: ") and said in errors[0]
    assert not (tmp_path / "card").exists() or not any((tmp_path / "card").iterdir())


def test_a_wrong_seed_is_found_by_work_and_so_is_exit_code_1(good, lines, tmp_path, capsys):
    saved = lines(tmp_path / "rows.jsonl", good[:2])
    assert main(["card", str(saved), "--seed", "8", "--output", str(tmp_path / "card")]) == 1
    shown = capsys.readouterr()
    errors = [line for line in shown.err.splitlines() if not line.endswith(" rows")]
    assert shown.out == "" and len(errors) == 1
    assert errors[0].startswith("jax-ir-synth card: no card was written: row 0 is not that of seed")
    assert not (tmp_path / "card").exists() or not any((tmp_path / "card").iterdir())


@pytest.mark.parametrize(
    ("blocked", "flags", "extra", "what"),
    [
        (("jinja2",), (), "publish", "card"),
        (("matplotlib",), (), "publish", "card"),
        (("mlcroissant",), ("--parquet",), "croissant", "Croissant file"),
    ],
)
def test_a_missing_extra_is_one_line(saved, python, tmp_path, blocked, flags, extra, what):
    arguments = [str(saved), str(tmp_path / "card"), "--seed", "7", *flags]
    done = python("-c", BLOCKED.format(blocked=blocked, arguments=arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"jax-ir-synth card: error: a {what} needs {blocked[0]}: pip install "
        f"'jax_ir_synth[{extra}]' (in a clone: '.[{extra}]')\n"
    )
    assert not (tmp_path / "card").exists()


def test_help_loads_nothing_heavy(python):
    heavy = ("jax", "datasets", "matplotlib", "jinja2", "mlcroissant", "numpy")
    done = python(
        "-c",
        "import json, sys\nfrom jax_ir_synth.cli.main import main\nmain(['card', '--help'])\n"
        f"print(json.dumps([name for name in {heavy} if name in sys.modules]))",
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr
    assert "--seed N" in done.stdout
