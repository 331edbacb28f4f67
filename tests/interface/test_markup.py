"""A path with rich's markup in it is shown as it is, by every command, and ends none."""

import ast
import json
import os
from pathlib import Path

import pytest

import jax_ir_synth
from jax_ir_synth.cli.main import main

PACKAGE = Path(jax_ir_synth.__file__).parent
# A closing tag without an opening one, a tag, an emoji; short, so that no title is broken.
NAME = "[b]:x:[/y]"
ROWS = f"r{NAME}.jsonl"
# What each command is run with, in order: the first make what the others read.
COMMANDS = {
    "generate": ["--count", "3", "--no-verify", "--output", ROWS],
    "stats": [ROWS, "--json", f"s{NAME}.json"],
    "verify": [ROWS, "--json", f"v{NAME}.json"],
    "samples": [ROWS, "--output", f"s{NAME}"],
    "show": [ROWS, "--html", f"h{NAME}.html"],
    "baselines": [*(ROWS, "--baseline", "references", "--output", f"p{NAME}.jsonl")],
    "evaluate": [*(ROWS, "--predictions", f"p{NAME}.jsonl", "--json", f"e{NAME}.json")],
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    before, folder = Path.cwd(), tmp_path_factory.mktemp("here")
    os.chdir(folder)
    for letter in "rsvhpef":
        Path(f"{letter}{NAME}").parent.mkdir()
    yield folder
    os.chdir(before)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_path_is_shown_as_it_is(here, name, capsys):
    if name == "evaluate":
        pytest.importorskip("rapidfuzz")
    words = COMMANDS[name]
    assert main([name, *words]) == 0
    assert NAME in capsys.readouterr().out
    if "--json" in words:
        assert json.loads(Path(words[words.index("--json") + 1]).read_text())


def test_a_fault_is_told_as_it_is(here, capsys):
    """Of rows that break a promise, at a path of the same kind, and in the columns' own text."""
    path = Path(f"f{NAME}.jsonl")
    row = json.loads(Path(ROWS).read_text().splitlines()[0])
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"type": "[/z]:x:"}) + "\n")
    for name in ("stats", "verify"):
        assert main([name, str(path)]) == 1
        assert str(path) in capsys.readouterr().out


def test_what_is_asked_for_in_a_file_is_written_before_anything_is_shown(here, monkeypatch):
    from jax_ir_synth.verify import results

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(results.Results, "show", broken)
    with pytest.raises(ZeroDivisionError):
        main(["verify", ROWS, "--json", "first.json"])
    assert json.loads(Path("first.json").read_text())["rows"] == 3


def test_every_console_is_the_shared_one():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            text = ast.unparse(node.func)
            made = text.split(".")[-1]
            assert made != "Console" or path.name == "console.py", (path, node.lineno)
            assert made not in ("from_markup", "render_markup"), (path, node.lineno)
