"""Every command: text that can't be encoded, an output that nobody reads; one line, the right blame."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from jax_ir_synth.cli import application, exit_codes
from jax_ir_synth.errors import UsageError
from jax_ir_synth.generate.defects import RowError
from jax_ir_synth.storage import encoding
from jax_ir_synth.storage.dataset_reader import DatasetError, open_saved
from jax_ir_synth.terminal import streams

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jax_ir_synth"
ASCII = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "",
}


# Each command by its name, and those that have a module of their own by that as well.
MODULES = [pytest.param(("jax_ir_synth", name), id=name) for name in application.COMMANDS] + [
    pytest.param((module,), id=module)
    for module in (
        "jax_ir_synth",
        *(f"jax_ir_synth.{path.parent.name}" for path in sorted(PACKAGE.glob("*/__main__.py"))),
        "jax_ir_synth.evaluate.baselines",
        "jax_ir_synth.samples",
        "jax_ir_synth.levels",
    )
]
every_command = pytest.mark.parametrize("module", MODULES)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a command in a folder of its own; bytes as they are."""

    def run(module, *arguments, cwd=None, env=None, **streams):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, "-m", *module, *arguments],
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


def test_there_is_one_main():
    """Each way to start a command leads to it."""
    mains = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^def main\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert mains == [Path("cli/main.py")]
    started = [*PACKAGE.rglob("__main__.py"), PACKAGE / "samples.py", PACKAGE / "levels.py"]
    assert len(started) == 11
    for path in started:
        text = path.read_text(encoding="utf-8")
        assert "from jax_ir_synth.cli.main import main\n" in text
        if path.parent != PACKAGE or path.stem != "__main__":
            name = path.stem if path.parent == PACKAGE else path.parent.name
            assert f'sys.exit(main(["{name}", *sys.argv[1:]]))' in text
            assert name in application.COMMANDS


def test_exit_codes_are_made_in_one_place():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name in ("exit_codes.py", "main.py") or "sys.exit(main(" in text:
            continue
        # Helper processes end in their own ways.
        if path.parent.name in ("cli", "terminal") or "click" in text:
            assert not re.search(
                r"sys\.exit\(|SystemExit|except KeyboardInterrupt|\b130\b", text
            ), path


@every_command
def test_help_on_a_terminal_of_ascii(run, module):
    done = run(module, "--help", env=ASCII)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.isascii() and b"Usage: " in done.stdout


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
        f"sys.argv = ['x', *{module[1:]!r}, '--help']; "
        f"runpy.run_module({module[0]!r}, run_name='__main__')"
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
    done = run(("jax_ir_synth",), "--count", "0", cwd=folder)
    assert done.returncode == 2
    if name == b"x\xff":
        assert _told(done).endswith(r"/x\xff) is not UTF-8")
        assert ": error: the current folder (=" in _told(done)
    else:
        assert "`--count` (=0)" in _told(done)


@pytest.fixture(scope="module")
def rows(python, tmp_path_factory) -> Path:
    """A few rows in a file whose name isn't ASCII."""
    path = tmp_path_factory.mktemp("rows") / "données.jsonl"
    done = python("-m", "jax_ir_synth", "--count", 3, "--no-verify", "--output", path)
    assert done.returncode == 0, done.stderr
    return path


def _on(name: str, path: Path) -> list[str]:
    """The words with which a command reads a dataset, [] where it reads none."""
    words = {
        "card": [path, "--output", "card", "--seed", "0"],
        "baselines": [path, "--baseline", "identity", "--output", "p.jsonl"],
        "prompts": [path, "--output", "p.jsonl"],
        "publish": ["a/b", "--dry-run", "p", "--seed", "0", "--from", path],
        "samples": [path, "--output", "samples"],
        "show": [path],
        "stats": [path],
        "verify": [path],
    }
    return list(map(str, words.get(name, [])))


READING = [
    pytest.param(("jax_ir_synth", name), id=name)
    for name in application.COMMANDS
    if _on(name, Path("x"))
]


@pytest.mark.parametrize("module", READING)
def test_rows_with_half_a_character(run, rows, tmp_path, module):
    first, second, *_ = rows.read_text(encoding="utf-8").splitlines()
    broken = tmp_path / "broken.jsonl"
    name = '"kernel_name": "'
    broken.write_text(first.replace(name, name + r"\ud800") + f"\n{second}\n")
    done = run(module, *_on(module[1], broken))
    assert done.returncode in (1, 2)
    said = done.stderr.decode() + done.stdout.decode()
    told = (
        r"line 1 of \S+broken.jsonl(: unknown:| is not proven:|) has text that is not Unicode: its "
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
        r"has text that is not Unicode: its `\udc80` holds U+DC80, half of a surrogate pair"
    )


def test_tables_on_a_terminal_of_ascii(run, rows):
    env = ASCII | {"PYTHONUTF8": "1", "PYTHONIOENCODING": "ascii"}
    for module in ("stats", "show"):
        done = run((f"jax_ir_synth.{module}",), str(rows), env=env)
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


def _application(action) -> click.Group:
    """An application with a command `act` that does this."""
    return click.Group("x", commands=[click.Command("act", callback=action)])


def _raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (exit_codes.Terminated(), 143, "terminated"),
        (UsageError("`x` (=1) must be 2"), 2, "error: `x` (=1) must be 2"),
        (DatasetError("line 3"), 2, "error: line 3"),
        (exit_codes.CommandError("no"), 1, "no"),
        (RowError("row 3: planted"), 1, "row 3: planted"),
        (OSError(28, "No space left on device"), 1, "[Errno 28] No space left on device"),
        (click.UsageError("wrong"), 2, "error: wrong"),
    ],
)
def test_errors_and_signals_become_a_line_and_a_code(capsys, error, code, said):
    assert exit_codes.run(_application(_raising(error)), ["act"]) == code
    assert capsys.readouterr().err == f"jax-ir-synth act: {said}\n"


def test_a_defect_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_codes.run(_application(_raising(ZeroDivisionError())), ["act"])


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, "x is not complete: go on"),
        (exit_codes.Terminated(), exit_codes.Terminated, "x is not complete: go on"),
        (RuntimeError("no"), exit_codes.CommandError, "x is not complete: no (go on)"),
        (
            OSError(28, "full"),
            exit_codes.CommandError,
            "x is not complete: [Errno 28] full (go on)",
        ),
        (DatasetError("line 3"), DatasetError, "line 3"),
        (ValueError("ours"), ValueError, "ours"),
    ],
)
def test_what_ends_a_command_says_what_became_of_the_result(error, kind, said):
    with (
        pytest.raises(kind) as raised,
        exit_codes.report_unfinished("x is not complete", "go on", always=True),
    ):
        raise error
    assert type(raised.value) is kind and str(raised.value) == said


def test_a_command_that_is_asked_to_end(capsys):
    def act():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    before = signal.getsignal(signal.SIGTERM)
    assert exit_codes.run(_application(act), ["act"]) == 143
    assert capsys.readouterr().err == "jax-ir-synth act: terminated\n"
    assert signal.getsignal(signal.SIGTERM) is before


# The signal comes while the command is imported: the first module that it needs sends it.
INTERRUPTED_IMPORT = """
import os, signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)
from jax_ir_synth.cli.main import main

class Sending:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(10**6):
                pass
        return None

sys.meta_path.insert(0, Sending())
sys.exit(main(["verify", "none.jsonl"]))
"""


@pytest.mark.parametrize(
    "name", ["click", "jax_ir_synth.cli.application", "jax_ir_synth.cli.verify"]
)
def test_ctrl_c_while_a_command_is_imported_is_one_line(python, name):
    done = python("-c", INTERRUPTED_IMPORT.format(name=name))
    assert (done.returncode, done.stdout) == (130, "")
    assert re.fullmatch(r"jax-ir-synth( verify)?: interrupted\n", done.stderr)


def test_what_is_spelled():
    text = "a→b … ≠ ─ \u280b \udcff \ud800 é \U0001f600"
    written = text.encode("ascii", "jax_ir_synth.spelled")
    assert written == rb"a->b ... != - * \xff \ud800 \xe9 \U0001f600"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "jax_ir_synth.spelled")


def test_streams_of_a_caller_are_its_own(monkeypatch):
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    with streams.guarded():
        assert sys.stdout is mine
    assert sys.stdout is mine


def test_names_that_are_no_text():
    with pytest.raises(ValueError, match=r"^argument `a\\xff` is not UTF-8$"):
        encoding.check_arguments(["é", os.fsdecode(b"a\xff")])
    with pytest.raises(ValueError, match="^argument `.*` is not UTF-8$"):
        encoding.check_arguments(["\ud800"])


@pytest.mark.parametrize("module", [("jax_ir_synth",), ("jax_ir_synth.verify",)])
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
    assert run(("jax_ir_synth",), "--help", cwd=parent).returncode == 0
