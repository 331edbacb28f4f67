"""Every command: text that can't be encoded, an output that nobody reads; one line, the right blame."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jax_ir_synth.storage import encoding
from jax_ir_synth.storage.dataset_reader import open_saved
from jax_ir_synth.terminal import streams

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jax_ir_synth"
# Whatever has a parser is a command; a new one is found.
COMMANDS = sorted(
    path.relative_to(ROOT).with_suffix("")
    for path in PACKAGE.rglob("*.py")
    if re.search(r"= (argparse\.)?\w*Parser\(", path.read_text(encoding="utf-8"))
)
ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "",
}


def _module(path: Path) -> str:
    """What `python -m` takes."""
    alone = {"generate": PACKAGE.name, "baselines": "jax_ir_synth.evaluate.baselines"}
    return alone.get(path.name, f"{PACKAGE.name}.{path.name}")


MODULES = [pytest.param(_module(path), id=_module(path)) for path in COMMANDS]
every_command = pytest.mark.parametrize("module", MODULES)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a command in a folder of its own; bytes as they are."""

    def run(module, *arguments, cwd=None, env=None, **streams):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=cwd or tmp_path_factory.mktemp("run"),
            env=os.environ | {"PYTHONPATH": path} | (env or {}),
            timeout=240,
            **streams,
        )

    return run


def _told(done) -> str:
    """The one line on stderr."""
    (line,) = done.stderr.decode().splitlines()
    return line


def test_these_are_all_commands():
    assert len(COMMANDS) >= 11
    names = {path.name for path in COMMANDS} - {"generate"}
    mains = {path.parent.name for path in PACKAGE.glob("*/__main__.py")}
    for path in COMMANDS:
        source = (ROOT / path).with_suffix(".py").read_text(encoding="utf-8")
        # Each by the decorator and by the parser that they share.
        assert "@command\ndef main(" in source, path
        assert re.search(r"= OneLineParser\(", source), path
    assert mains <= names, "a package that is run has a command of its name"


@every_command
def test_help_on_a_terminal_of_ascii(run, module):
    done = run(module, "--help", env=ASCII)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.isascii() and b"usage" in done.stdout


def _closed_pipe() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@every_command
def test_a_reader_that_left(run, module):
    pipe = _closed_pipe()
    try:
        done = run(module, "--help", stdout=pipe)
        assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
        # A wrong argument, told to nobody.
        done = run(module, "--no-such-flag", stdout=pipe, stderr=pipe)
        assert done.returncode == 128 + signal.SIGPIPE
    finally:
        os.close(pipe)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@every_command
def test_an_output_that_is_full(run, module):
    with open("/dev/full", "wb") as full:
        done = run(module, "--help", stdout=full)
    assert done.returncode == 74
    assert _told(done).endswith(": stdout can't be written: No space left on device")


@every_command
def test_no_stdout_at_all(run, module):
    code = (
        "import os, runpy, sys; os.close(1); sys.stdout = sys.__stdout__ = None; "
        f"sys.argv = ['x', '--help']; runpy.run_module({module!r}, run_name='__main__')"
    )
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")


@every_command
def test_an_argument_that_is_no_utf8(run, module):
    done = run(module, b"rows\xff.jsonl")
    assert done.returncode == 2 and not done.stdout
    assert r"error: argument `rows\xff.jsonl` is not UTF-8" in _told(done)


@every_command
def test_an_argument_beyond_ascii_where_names_are_ascii(run, module):
    done = run(module, "données.jsonl", env=ASCII)
    assert done.returncode == 2 and not done.stdout
    told = _told(done)
    assert r"argument `données.jsonl` is not ASCII" in told.replace(r"\xe9", "é")
    assert told.endswith(": set PYTHONUTF8=1")


@pytest.mark.parametrize("name", [b"x\xff", "données".encode()])
def test_a_current_folder_of_such_a_name(run, tmp_path, name):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    folder.mkdir()
    done = run("jax_ir_synth", "--count", "0", cwd=folder)
    assert done.returncode == 2
    if name == b"x\xff":
        assert _told(done).endswith(r"/x\xff) is not UTF-8")
        assert ": error: the current folder (=" in _told(done)
    else:
        assert "`count` (=0)" in _told(done)


@pytest.fixture(scope="module")
def rows(python, tmp_path_factory) -> Path:
    """A few rows in a file whose name isn't ASCII."""
    path = tmp_path_factory.mktemp("rows") / "données.jsonl"
    done = python("-m", "jax_ir_synth", "--count", 3, "--no-verify", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


def _on(module: str, path: Path) -> list[str]:
    """The arguments with which a command reads a saved dataset, [] where it reads none."""
    name = module.removeprefix("jax_ir_synth").removeprefix(".")
    arguments = {
        "card": [path, "card", "--seed", "0"],
        "evaluate.baselines": [
            *("--baseline", "identity", "--output", "p.jsonl", "--dataset", path)
        ],
        "publish": ["a/b", "--dry-run", "p", "--seed", "0", "--from", path],
        "samples": [path, "samples"],
        "show": [path],
        "stats": [path],
        "verify": [path],
    }
    return list(map(str, arguments.get(name, [])))


READING = [module for module in MODULES if _on(module.id, Path("x"))]


@pytest.mark.parametrize("module", READING)
def test_rows_with_half_a_character(run, rows, tmp_path, module):
    first, second, *_ = rows.read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "broken.jsonl"
    name = '"kernel_name": "'
    broken.write_text(first.replace(name, name + r"\ud800") + f"\n{second}\n")
    done = run(module, *_on(module, broken))
    assert done.returncode in (1, 2)
    said = done.stderr.decode() + done.stdout.decode()
    told = (
        r"line 1 of \S+broken.jsonl(: unknown:| is not proven:|) has text that is no Unicode: its "
        "`kernel_name` holds U\\+D800, half of a surrogate pair"
    )
    assert re.search(told, said), said
    assert "Traceback" not in said or "cuDNN" in said


def test_a_whole_character_of_two_escapes_is_right(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"python": "\\ud83d\\ude00"}\n{"\\udc80": 1}\n{"a": [{"b": "\\\\ud800"}]}\n')
    entries = list(open_saved(path).entries)
    assert [entry.row for entry in entries] == [
        {"python": "\U0001f600"}, None, {"a": [{"b": "\\ud800"}]}
    ]  # fmt: skip
    assert entries[1].fault == (
        r"has text that is no Unicode: its `\udc80` holds U+DC80, half of a surrogate pair"
    )


def test_tables_on_a_terminal_of_ascii(run, rows):
    env = ASCII | {"PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}
    for module in ("stats", "show"):
        done = run(f"jax_ir_synth.{module}", str(rows), env=env)
        assert (done.returncode, done.stderr.count(b"Traceback")) == (0, 0), done.stderr
        assert done.stdout.isascii() and done.stdout


def test_a_reader_that_leaves_early_blames_no_row(rows):
    """As `verify x | head -1` does; an open `head` would end it later, or not at all."""
    pipe = _closed_pipe()
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "jax_ir_synth.verify", rows, "--json", "f.json"],
            env=os.environ | {"PYTHONPATH": path},
            cwd=rows.parent,
            stdout=pipe,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(pipe)
    assert done.returncode == 141
    said = [line for line in done.stderr.decode().splitlines() if not line.endswith(" rows")]
    assert not [line for line in said if "jax_ir_synth" in line or "Broken" in line], said


def test_an_interruption_that_a_command_says_nothing_about_is_one_line(capsys):
    @streams.command
    def main(argv=None) -> int:
        raise KeyboardInterrupt

    main.__wrapped__.__globals__.setdefault("PROGRAM", "prog")
    assert main([]) == 130
    assert capsys.readouterr().err == "prog: interrupted\n"


def test_what_is_spelled():
    text = "a→b … ≠ ─ \u280b \udcff \ud800 é \U0001f600"
    written = text.encode("ascii", "jax_ir_synth.spelled")
    assert written == rb"a->b ... != - * \xff \ud800 \xe9 \U0001f600"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "jax_ir_synth.spelled")


def test_streams_of_a_caller_are_its_own(monkeypatch):
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    seen = []

    @streams.command
    def main(argv=None) -> int:
        seen.append(sys.stdout)
        return 5

    assert main([]) == 5 and seen == [mine] and sys.stdout is mine


def test_names_that_are_no_text():
    with pytest.raises(ValueError, match=r"^argument `a\\xff` is not UTF-8$"):
        encoding.check_arguments(["é", os.fsdecode(b"a\xff")])
    with pytest.raises(ValueError, match="^argument `.*` is not UTF-8$"):
        encoding.check_arguments(["\ud800"])


@pytest.mark.parametrize("module", ["jax_ir_synth", "jax_ir_synth.verify"])
def test_from_inside_of_the_package(run, module):
    done = run(module, "--help", cwd=PACKAGE, env={"PYTHONPATH": ""})
    assert done.returncode == 1 and not done.stdout
    assert "go to the folder above it (cd ..)" in _told(done)


def test_from_inside_of_data(run, tmp_path):
    """What is made by default doesn't stand where the package is looked for."""
    from jax_ir_synth.cli import generate

    (tmp_path / generate.DEFAULT_OUTPUT).mkdir(parents=True)
    parent = (tmp_path / generate.DEFAULT_OUTPUT).parent
    assert Path(generate.DEFAULT_OUTPUT).name != "jax_ir_synth"
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^OUTPUT \?= (.*)$", makefile, re.MULTILINE)[1] == generate.DEFAULT_OUTPUT
    assert run("jax_ir_synth", "--help", cwd=parent).returncode == 0
