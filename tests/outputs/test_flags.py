"""Every output of every command: what is refused, with one line, before any work."""

import ast
import os
import socket
import stat
from pathlib import Path

import click
import pytest
from commands import COMMANDS, FOLDER, INPUT, PLACE, POSITIONAL, Output

import jax_ir_synth
from jax_ir_synth.cli import application, options
from jax_ir_synth.cli.command import OldArgument, name_of
from jax_ir_synth.cli.main import main
from jax_ir_synth.errors import UsageError
from jax_ir_synth.storage import outputs

PACKAGE = Path(jax_ir_synth.__file__).parent
OUTPUTS = [
    pytest.param(name, flag, id=f"{name}-{flag}")
    for name, command in COMMANDS.items()
    for flag in command.outputs
]
FILES = [case for case in OUTPUTS if COMMANDS[case.values[0]].outputs[case.values[1]].within is None
         and not COMMANDS[case.values[0]].outputs[case.values[1]].new]  # fmt: skip
READING = [case for case in OUTPUTS if INPUT in COMMANDS[case.values[0]].words]


def _sources():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree, *names):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = node.func.id if isinstance(node.func, ast.Name) else ""
            if getattr(node.func, "attr", named) in names:
                yield node


def test_every_command_is_known_and_reads_its_words_in_one_way():
    assert set(COMMANDS) == set(application.COMMANDS)
    for name, tree in _sources():
        imported = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not imported & {"argparse", "optparse", "getopt"}, name
        assert "click" not in imported or name.startswith("jax_ir_synth.cli."), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_is_an_output_an_input_or_no_file(name):
    """A new flag that names a file must be added to `commands`, and is then tested below."""
    command, found = COMMANDS[name], set()
    params = _params(name)
    for param in params:
        if getattr(param, "is_flag", False) or isinstance(
            param.type, options.Integer | options.Amount
        ):
            continue
        if type(param.type) is options.OneOf:
            continue
        if isinstance(param.type, options.OutputPath):
            # An old way to name it is for what a flag names too.
            found.add("--output" if isinstance(param, OldArgument) else name_of(param))
        else:
            assert param.name in command.inputs | command.others, param
    assert found == set(command.outputs)
    # One that goes on in what is there, and one that must be new, replace nothing.
    if not all(output.new for output in command.outputs.values()):
        assert outputs.OVERWRITE in {name for param in params for name in param.opts}


def _params(name):
    command = application.application.get_command(None, name)
    return command.params


def test_no_command_writes_in_another_way():
    for name, tree in _sources():
        if not name.startswith("jax_ir_synth.cli."):
            continue
        for call in _calls(tree, "open", "write_text", "write_bytes", "replace", "rename"):
            text = ast.unparse(call)
            # Either a partial file of `outputs`, or a file that is read.
            allowed = "partial" in text or text.startswith("outputs.") or _reads(call)
            assert allowed or not _is_path(call), (name, text)


def _reads(call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else None
    return isinstance(mode, ast.Constant) and mode.value in ("r", "rb")


def _is_path(call) -> bool:
    # `str.replace` takes two texts, and `dataclasses.replace` is of no file.
    text = ast.unparse(call.func)
    return text != "dataclasses.replace" and not (text.endswith(".replace") and len(call.args) == 2)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with inputs that no command could read: any work would be told in other words."""
    monkeypatch.chdir(tmp_path)
    Path(INPUT).write_text("no row\n")
    Path(FOLDER).mkdir()
    (Path(FOLDER) / "no_dataset.txt").write_text("no dataset\n")
    return tmp_path


@pytest.fixture
def refused(here, listed, capsys, monkeypatch):
    """`refused(name, flag, value, *more)`: the line that says why; nothing was changed."""
    from jax_ir_synth.cli import generate

    monkeypatch.setattr(generate, "_run", None)

    def run(name, flag, value, *more, input=INPUT, words=None) -> str:
        pytest.importorskip("datatrove" if name == "scale" else "json")
        words = [input if word == INPUT else word for word in words or COMMANDS[name].words]
        if PLACE in words:
            words[words.index(PLACE)] = value
        else:
            words += [flag, value]
        before = listed()
        code = main([name, *map(str, words), *more])
        shown = capsys.readouterr()
        assert (code, shown.out, shown.err.count("\n")) == (2, "", 1), shown
        assert flag in shown.err
        assert listed() == before
        return shown.err

    return run


def _output(name, flag) -> Output:
    return COMMANDS[name].outputs[flag]


def _file(output: Output) -> Path:
    """A file that the output would write; its folder is there then."""
    path = Path(output.example)
    if output.within is None:
        return path
    path.mkdir()
    return path / output.within


def _overwrite(output: Output) -> list[str]:
    return [] if output.new else [outputs.OVERWRITE]


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
def test_no_path_at_all(refused, name, flag):
    assert "'' is none" in refused(name, flag, "")


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
@pytest.mark.parametrize("url", ["s3://b/x.jsonl", "hf://datasets/a/b", "FILE:///tmp/x"])
def test_a_url_is_no_path(refused, name, flag, url):
    assert f"it must be a path on this machine, '{url}' is a URL" in refused(name, flag, url)


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if COMMANDS[name].inputs - {"function"}]
)
def test_an_input_is_no_url(here, listed, name):
    before, params = listed(), {param.name: param for param in _params(name)}
    for input in COMMANDS[name].inputs:
        with pytest.raises((UsageError, click.BadParameter), match="'s3://b/x' is a URL"):
            params[input].type.convert("s3://b/x", params[input], None)
    assert listed() == before


@pytest.mark.parametrize("name", POSITIONAL)
def test_an_output_without_a_flag_is_checked_as_well(refused, name):
    output = _output(name, "--output")
    _file(output).write_text("the user's")
    said = refused(name, "--output", output.example, words=POSITIONAL[name])
    assert "exists already: add --overwrite" in said
    # Not by both.
    said = refused(name, "--output", "other", "--output", "o2", words=POSITIONAL[name])
    assert "is named twice" in said


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
def test_what_is_there_already_stays(refused, name, flag):
    output = _output(name, flag)
    _file(output).write_text("the user's")
    said = refused(name, flag, output.example)
    if not output.new:
        assert "exists already: add --overwrite" in said


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
def test_what_a_link_leads_to_stays(refused, name, flag):
    Path("mine").write_text("the user's")
    output = _output(name, flag)
    _file(output).symlink_to(Path("mine").absolute())
    refused(name, flag, output.example)


@pytest.mark.parametrize(("name", "flag"), FILES)
def test_a_folder_is_no_file(refused, name, flag):
    output = _output(name, flag)
    Path(output.example).mkdir()
    (Path(output.example) / "mine").write_text("the user's")
    refused(name, flag, output.example, outputs.OVERWRITE)


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
@pytest.mark.parametrize("kind", ["socket", "disk", "loop"])
def test_what_is_no_file_at_all(refused, name, flag, kind):
    output = _output(name, flag)
    path = _file(output)
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "disk":
        try:
            # Of a major number for local use, which nothing has.
            os.mknod(path, stat.S_IFBLK | 0o600, os.makedev(240, 7))
        except PermissionError as error:
            pytest.skip(f"no device can be made: {error}")
    else:
        path.symlink_to(path.name)
    refused(name, flag, output.example, *_overwrite(output))


@pytest.mark.parametrize(("name", "flag"), READING)
@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_no_output_is_an_input(refused, name, flag, link):
    output = _output(name, flag)
    path = _file(output)
    if link == "hard":
        path.hardlink_to(INPUT)
    else:
        path.symlink_to(Path(INPUT).absolute())
    said = refused(name, flag, output.example, *_overwrite(output))
    assert output.new or "must be another file than" in said


@pytest.mark.parametrize(("name", "flag"), READING)
@pytest.mark.parametrize("place", [FOLDER, "link"])
def test_no_output_is_in_an_input(refused, name, flag, place):
    Path("link").symlink_to(FOLDER)
    output = _output(name, flag)
    said = refused(name, flag, f"{place}/{output.example}", *_overwrite(output), input=FOLDER)
    assert "must be another file than" in said


@pytest.mark.parametrize("one", COMMANDS["evaluate"].outputs)
@pytest.mark.parametrize("other", COMMANDS["evaluate"].outputs)
@pytest.mark.parametrize("there", [True, False])
def test_no_output_is_another(refused, one, other, there):
    if one == other:
        return
    name = "evaluate"
    first, second = (_output(name, flag).example for flag in (one, other))
    if there:
        Path(first).write_text("the user's")
    Path(second).symlink_to(first)
    said = refused(name, other, second, one, first, outputs.OVERWRITE)
    assert "must be another file than" in said


def test_no_two_outputs_are_the_standard_output(refused):
    name = "evaluate"
    said = refused(name, "--judgements", "/dev/stdout", "--json", "-")
    assert "must be another file than" in said


@pytest.mark.parametrize(("name", "flag"), OUTPUTS)
def test_a_folder_that_cant_be_written(refused, name, flag, monkeypatch):
    def full(*_):
        raise OSError(30, "Read-only file system")

    if name == "scale":
        pytest.skip("it makes its folder's first file at once")
    for user in ("outputs", "destinations", "writers"):
        for maker in ("partial_file", "partial_folder"):
            monkeypatch.setattr(f"jax_ir_synth.storage.{user}.{maker}", full, raising=False)
    assert "Read-only file system" in refused(name, flag, _output(name, flag).example)


@pytest.mark.parametrize(("name", "flag"), [case for case in OUTPUTS if case not in FILES])
def test_a_folder_is_no_stream(refused, name, flag):
    for stream in ("-", "/dev/stdout"):
        refused(name, flag, stream)


@pytest.mark.parametrize("name", ["o.json.gz", "o.zst"])
def test_a_report_is_not_called_compressed(refused, name):
    assert "isn't written compressed" in refused("stats", "--json", name)


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "pipe", "link.md", "o.md"])
def test_a_small_output_goes_where_it_is_sent(here, monkeypatch, capfd, name):
    from threading import Thread

    from jax_ir_synth.cli import levels

    monkeypatch.setattr(levels, "page", lambda: "the page\n")
    Path("link.md").symlink_to("real.md")
    taken = []
    if name == "pipe":
        os.mkfifo(name)
        reader = Thread(target=lambda: taken.append(Path(name).read_text()))
        reader.start()
    assert main(["levels", "--output", name]) == 0
    if name == "pipe":
        reader.join(60)
        assert stat.S_ISFIFO(os.stat(name).st_mode)
    elif name in ("-", "/dev/stdout"):
        taken.append(capfd.readouterr().out)
    else:
        taken.append(Path(name).read_text())
    assert taken == ["the page\n"]
    assert Path("link.md").is_symlink()
    assert not list(here.rglob(".*"))


def test_what_is_printed_gives_way_to_an_output(here, monkeypatch, capfd):
    """The figures alone are on the standard output then, and can be read."""
    import json

    from jax_ir_synth.cli import stats

    monkeypatch.setattr(stats, "summarise", lambda dataset: {"rows": 6, "faults": []})
    monkeypatch.setattr(stats, "_show", lambda *_: print("the table"))
    for name, out, err in (("-", True, "the table\n"), ("o.json", False, "")):
        assert main(["stats", INPUT, "--json", name]) == 0
        shown = capfd.readouterr()
        assert shown.err == err
        text = shown.out if out else Path(name).read_text()
        assert json.loads(text) == {INPUT: {"rows": 6, "faults": []}}


def test_a_small_output_that_cant_be_put_in_place_is_kept(here, monkeypatch, capsys):
    from jax_ir_synth.cli import levels
    from jax_ir_synth.storage import destinations

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(levels, "page", lambda: "the page\n")
    monkeypatch.setattr(destinations, "_rename", full)
    # As long as names may be.
    name = "o" * 250 + ".md"
    for output in ("o.md", name):
        assert main(["levels", "--output", output]) == 1
        said = capsys.readouterr().err
        assert f"{output} was not written: No space left on device; the output is kept" in said
        assert Path(said.strip().split("kept in ")[1]).read_text() == "the page\n"
    assert not list(here.rglob(".*"))
