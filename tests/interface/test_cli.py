"""The command line: its flags, its rows, one line for what is wrong, and interruptions."""

import configparser
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import datasets
import pytest

from jax_ir_synth import __version__
from jax_ir_synth.cli import application, generate, options
from jax_ir_synth.cli.main import main
from jax_ir_synth.request.config import CONFIGS

PROGRAM = f"{application.PROGRAM} generate"
# A shell starts background jobs with Ctrl-C ignored, and the tests may run in one.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from jax_ir_synth.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def command(python, tmp_path):
    def run(*arguments, **kwargs):
        return python("-m", "jax_ir_synth", *arguments, cwd=tmp_path, **kwargs)

    return run


def _asked(wanted):
    return ("--count", wanted.count, "--seed", wanted.seed)


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("number", [1, 2])
def test_the_earlier_systems_flags(command, tmp_path, wanted, reference, number):
    done = command(
        *_asked(wanted), "--output", "data/large.jsonl", "--jsonl", "--device", "both",
        "--num-proc", number,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert _lines(tmp_path / "data" / "large.jsonl") == reference
    assert done.stderr.splitlines()[-1] == f"{wanted.count}/{wanted.count} rows"


def test_rows_that_are_not_proven_say_so(command, tmp_path, wanted, reference):
    done = command(*_asked(wanted), "--output", "rows.jsonl", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert _lines(tmp_path / "rows.jsonl") == [row | {"verified": "none"} for row in reference]
    assert "--no-verify" in command("generate", "--help").stdout


def test_summary_and_one_row_are_shown(command, wanted, reference):
    done = command(*_asked(wanted), "--output", "out.jsonl")
    assert done.returncode == 0, done.stderr
    for category in CONFIGS:
        assert category in done.stdout
    assert f"\nout.jsonl: {wanted.count} rows, " in done.stdout and " rows/s" in done.stdout
    assert reference[0]["python"].strip() in done.stdout
    assert reference[0]["cpp"].splitlines()[0] in done.stdout
    # Sober where no terminal is: no colours, no cursor movements.
    assert "\x1b" not in done.stdout + done.stderr


def test_parquet_and_a_folder(command, tmp_path, wanted, reference):
    asked = (*_asked(wanted), "--device", "cuda")
    expected = [row | {"cpp": None} for row in reference]
    assert command(*asked, "--output", "out.parquet").returncode == 0
    rows = datasets.Dataset.from_parquet(
        str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert list(rows) == expected
    assert command(*asked).returncode == 0
    saved = datasets.load_from_disk(tmp_path / generate.DEFAULT_OUTPUT)
    made = sorted((row for split in saved.values() for row in split), key=lambda row: row["id"])
    assert made == expected


def test_one_category(command, tmp_path, wanted, reference):
    done = command("--config", "unary", "--count", 3, "--seed", wanted.seed, "--output", "u.jsonl")
    assert done.returncode == 0, done.stderr
    assert _lines(tmp_path / "u.jsonl") == [
        row for row in reference if row["type"] == "generate_unary"
    ]


def test_the_console_script_is_the_same_command():
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    name, target = setup["options.entry_points"]["console_scripts"].strip().split(" = ")
    assert (name, EntryPoint(name, target, "console_scripts").load()) == (
        application.PROGRAM,
        main,
    )


@pytest.mark.parametrize(
    ("arguments", "given", "allowed"),
    [
        (("--config", "loops"), "'loops'", ", ".join(CONFIGS)),
        (("--count", "0"), "0", "from 1 to"),
        (("--count", "-3"), "-3", "from 1 to"),
        (("--count", "many"), "'many'", "must be an integer"),
        (("--seed", "-1"), "-1", "from 0 to"),
        (("--seed", str(2**64)), str(2**64), "from 0 to"),
        (("--device", "gpu"), "'gpu'", "cpu, cuda, both"),
        (("--dialect", "mlir"), "'mlir'", "stablehlo"),
        (("--target", "sm_70"), "'sm_70'", "sm_90"),
        (("--num-proc", "0"), "0", "from 1 to"),
        (("--output", "a.csv"), "a.csv", ".jsonl or .parquet"),
        (("--output", "file/a.jsonl"), "file/a.jsonl", "can't be written"),
        (("--output", "folder", "--jsonl"), "folder", "is a folder"),
        (("--output", "folder"), "folder", "something else"),
        (("--wat",), "--wat", "there is no flag"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    monkeypatch, capsys, tmp_path, arguments, given, allowed
):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "theirs").write_text("")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generate, "_run", None)  # any work would fail
    code = main(list(arguments))
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1 and shown.err.startswith(f"{PROGRAM}: error: ")
    assert given in shown.err and allowed in shown.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_without_write_permission(monkeypatch, capsys, tmp_path):
    def refused(path, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    # Not by chmod: root, which tests may run as, is allowed everything.
    monkeypatch.setattr(Path, "mkdir", refused)
    code = main(["--output", str(tmp_path / "a.jsonl")])
    assert code == 2
    shown = capsys.readouterr().err
    assert shown.endswith("a.jsonl) can't be written: Permission denied\n")


HEAVY = {"jax", "jaxlib", "datasets", "pyarrow", "rich", "pandas", "matplotlib", "datatrove"}


@pytest.mark.parametrize("name", ["", *application.COMMANDS])
def test_help_loads_nothing_heavy(python, name):
    words = [name] if name else []
    done = python("-X", "importtime", "-m", "jax_ir_synth", *words, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: {' '.join(['jax-ir-synth', *words])} ")
    loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "jax_ir_synth.cli.main" in loaded
    assert not loaded & HEAVY
    # That of all commands reads none of them.
    assert name or "jax_ir_synth.cli.options" not in loaded


def test_the_version(capsys):
    for words in (["--version"], ["generate", "--version"], ["--count", "3", "--version"]):
        assert main(words) == 0
        assert capsys.readouterr().out == f"jax-ir-synth {__version__}\n"


def test_what_each_command_is_for_is_said_once_more_in_its_own_help(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, line in application.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", shown, re.MULTILINE)
        command = application.application.get_command(None, name)
        assert (command.name, bool(command.help), bool(command.epilog)) == (name, True, True)


def test_no_words_at_all_are_a_mistake(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("Usage: jax-ir-synth ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["veryfi", "x"],
            "jax-ir-synth: error: there is no command 'veryfi'; did you mean verify?",
        ),
        (
            ["verify", "x", "--tiemout", "3"],
            "jax-ir-synth verify: error: there is no flag --tiemout; did you mean --timeout?",
        ),
        (["--coutn", "3"], "jax-ir-synth generate: error: there is no flag --coutn; did you mean "),
        # A prefix is another word.
        (["--cou", "3"], "jax-ir-synth generate: error: there is no flag --cou; did you mean "),
        (["verif", "x"], "jax-ir-synth: error: there is no command 'verif'; did you mean verify?"),
        (["stats", "x", "--json", "--markdown"], "jax-ir-synth stats: error: `--json` needs a v"),
        (["stats", "x", "--json"], "jax-ir-synth stats: error: `--json` needs a value"),
        (["stats", "x", "--markdown=yes"], "jax-ir-synth stats: error: `--markdown` takes no v"),
        (["verify", "x", "y"], "jax-ir-synth verify: error: Got unexpected extra argument (y)"),
        (["card", "x", "--seed", "7"], "jax-ir-synth card: error: `--output` is missing"),
    ],
)
def test_what_was_meant(capsys, words, line):
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith(line)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_shell_completes_commands_flags_and_values(python, capsys, shell):
    assert main(["--completion", shell]) == 0
    assert "_JAX_IR_SYNTH_COMPLETE" in capsys.readouterr().out
    env = {"_JAX_IR_SYNTH_COMPLETE": f"{shell}_complete"}
    for words, expected in (
        ("jax-ir-synth ver", "verify"),
        ("jax-ir-synth verify --tim", "--timeout"),
        ("jax-ir-synth evaluate --task back", "backward"),
        ("jax-ir-synth generate --config mul", "multi_statement"),
        ("jax-ir-synth show nested", "nested_branch"),
    ):
        last = words.split()[-1] if shell == "fish" else str(len(words.split()) - 1)
        done = python("-m", "jax_ir_synth", env=env | {"COMP_WORDS": words, "COMP_CWORD": last})
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_a_shell_that_is_unknown(capsys):
    assert main(["--completion", "cmd"]) == 2
    assert (
        "`--completion` (=cmd) must be one of: bash, zsh, fish, powershell"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("show", "show [DATASET] [OPTIONS]"),
        ("stats", "stats DATASET... [OPTIONS]"),
        ("lower", "lower FUNCTION SHAPE... [OPTIONS]"),
        ("evaluate", "evaluate DATASET --predictions P [OPTIONS]"),
        ("verify", "verify DATASET [OPTIONS]"),
        ("card", "card DATASET --output FOLDER --seed N [OPTIONS]"),
        ("samples", "samples DATASET --output FOLDER [OPTIONS]"),
        ("levels", "levels --output FILE [OPTIONS]"),
    ],
)
def test_usage(capsys, command, usage):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"Usage: jax-ir-synth {usage}"


def test_defaults_are_shown_in_one_way(capsys):
    for command in application.COMMANDS:
        assert main([command, "--help"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "if not given" not in text and "if none is" not in text, command
        if command == "show":
            assert "all:seed=7,count=1500 [default: all]" in text
            for default in ("the first", "both", "300"):
                assert f"[default: {default}]" in text


def test_flags_with_several_values():
    evaluate = application.application.get_command(None, "evaluate")
    for words in (["--k", "1", "10"], ["--k", "1", "--k", "10"], ["--k=1", "--k", "10"]):
        for rest in ([], ["--split", "test"]):
            context = evaluate.make_context("x", ["d", "--predictions", "p", *words, *rest])
            assert context.params["k"] == (1, 10) and context.params["dataset"] == "d"
    # What follows is no value of it.
    context = evaluate.make_context("x", ["--predictions", "p", "--k", "1", "-2", "--", "d"])
    assert context.params["k"] == (1, -2) and context.params["dataset"] == "d"


def test_flags_of_before_go_on_working_and_are_not_shown():
    def parse(name, *words):
        return application.application.get_command(None, name).make_context(name, list(words))

    assert parse("scale", "--workers", "3").params["num_proc"] == 3
    context = parse("baselines", "--dataset", "d", "--seed", "7", "--count", "3",
                    "--baseline", "identity", "--output", "p.jsonl")  # fmt: skip
    assert context.params["old_dataset"] == "d" and context.params["count"] == 3
    for name, gone in (("scale", "--workers"), ("baselines", "--dataset"), ("samples", "FOLDER]")):
        command = application.application.get_command(None, name)
        assert gone not in command.get_help(command.make_context(name, [], resilient_parsing=True))


@pytest.mark.parametrize("name", application.COMMANDS)
def test_the_same_thing_has_the_same_name(name):
    """And no command calls it otherwise."""
    params = application.application.get_command(None, name).params
    flags = {opt for param in params for opt in param.opts if not param.name.startswith("old")}
    hidden = {opt for param in params for opt in getattr(param, "old_names", ())}
    assert not (flags - hidden) & {"--jobs", "--workers", "--out", "--dest", "--force", "-j", "-o"}
    for param in params:
        if "--num-proc" in param.opts:
            assert (param.default, param.metavar) == (1, "N")
        if "--output" in param.opts:
            assert isinstance(param.type, options.OutputPath)
        if isinstance(param.type, options.DatasetName):
            assert param.metavar == "DATASET" or param.hidden


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
    ],
)
@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet", "out"])
def test_a_signal_leaves_nothing(tmp_path, sent, code, word, name):
    (tmp_path / "out.jsonl").write_text("from before\n")
    flags = ["--overwrite"] if name == "out.jsonl" else []
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            INTERRUPTIBLE,
            "--count",
            "50000",
            "--output",
            name,
            "--num-proc",
            "2",
            *flags,
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Once something is being written, and the workers are at it.
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out*.partial")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(2)
        running.send_signal(sent)
        _, shown = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == code
    assert shown.splitlines() == [f"{PROGRAM}: {word}, {name} was not written"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "from before\n"


def test_a_failing_row_is_told_and_leaves_nothing(monkeypatch, capsys, tmp_path):
    from jax_ir_synth.generate.rows import RowError

    def failing(*_):
        raise RowError("row 3 (category='loop', seed=0, candidate=9): planted")

    monkeypatch.setattr(generate, "_run", failing)
    assert main(["--output", str(tmp_path / "a.jsonl")]) == 1
    assert "candidate=9): planted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_gets_a_progress_bar(monkeypatch, capsys):
    from jax_ir_synth.terminal.progress import progress

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    rows = [{"id": number} for number in range(20)]
    assert list(progress(rows, 20)) == rows
    shown = capsys.readouterr().err
    assert "20/20" in shown and "\x1b" in shown


@pytest.mark.parametrize("name", ["jax_ir_synth", "jax_ir_synth/__main__.py"])
def test_the_folder_run_as_a_script_is_one_line(python, name):
    done = python(Path(__file__).parents[2] / name, "--count", 1)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "jax_ir_synth is a package: run python -m jax_ir_synth in the folder above it"
    ]
