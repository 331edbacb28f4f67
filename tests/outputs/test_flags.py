"""Every output of every command: what is refused, with one line, before any work."""

import argparse
import ast
import importlib
import os
import socket
import stat
from pathlib import Path

import pytest
from commands import COMMANDS, FOLDER, INPUT, PLACE, Output

import jax_ir_synth
from jax_ir_synth.storage import outputs

PACKAGE = Path(jax_ir_synth.__file__).parent
OUTPUTS = [
    pytest.param(module, flag, id=f"{module.removeprefix('jax_ir_synth.')}-{flag}")
    for module, command in COMMANDS.items()
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


def test_every_parser_is_a_commands():
    made = ("OneLineParser", "ArgumentParser")
    assert {name for name, tree in _sources() if any(_calls(tree, *made))} == set(COMMANDS)


@pytest.mark.parametrize("module", COMMANDS)
def test_every_flag_is_an_output_an_input_or_no_file(module):
    """A new flag that names a file must be added to `commands`, and is then tested below."""
    command, parser = COMMANDS[module], importlib.import_module(module)._parser()
    found = set()
    for action in parser._actions:
        if action.nargs == 0 or action.choices is not None or action.type in (int, float):
            continue
        if isinstance(action, argparse._HelpAction | argparse._VersionAction):
            continue
        if action.type is outputs.path:
            found.add((action.option_strings or [action.metavar])[0])
        else:
            assert action.dest in command.inputs | command.others, action
    assert found == set(command.outputs)
    # One that goes on in what is there, and one that must be new, replace nothing.
    if not all(output.new for output in command.outputs.values()):
        assert outputs.OVERWRITE in parser._option_string_actions


def test_no_command_writes_in_another_way():
    for name, tree in _sources():
        if name not in COMMANDS:
            continue
        for call in _calls(tree, "open", "write_text", "write_bytes", "replace", "rename"):
            text = ast.unparse(call)
            assert "partial" in text or text.startswith("outputs.") or not _is_path(call), text


def _is_path(call) -> bool:
    # `str.replace` takes two texts.
    return not (getattr(call.func, "attr", "") == "replace" and len(call.args) == 2)


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
    """`refused(module, flag, value, *more)`: the line that says why; nothing was changed."""
    from jax_ir_synth.cli import generate

    monkeypatch.setattr(generate, "_run", None)

    def run(module, flag, value, *more, input=INPUT) -> str:
        pytest.importorskip("datatrove" if "scale" in module else "json")
        words = [input if word == INPUT else word for word in COMMANDS[module].words]
        if PLACE in words:
            words[words.index(PLACE)] = value
        else:
            words += [flag, value]
        before = listed()
        with pytest.raises(SystemExit) as raised:
            importlib.import_module(module).main([*map(str, words), *more])
        shown = capsys.readouterr()
        assert (raised.value.code, shown.out, shown.err.count("\n")) == (2, "", 1), shown
        assert flag in shown.err
        assert listed() == before
        return shown.err

    return run


def _output(module, flag) -> Output:
    return COMMANDS[module].outputs[flag]


def _file(output: Output) -> Path:
    """A file that the output would write; its folder is there then."""
    path = Path(output.example)
    if output.within is None:
        return path
    path.mkdir()
    return path / output.within


def _overwrite(output: Output) -> list[str]:
    return [] if output.new else [outputs.OVERWRITE]


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
def test_no_path_at_all(refused, module, flag):
    assert "'' is none" in refused(module, flag, "")


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
@pytest.mark.parametrize("url", ["s3://b/x.jsonl", "hf://datasets/a/b", "FILE:///tmp/x"])
def test_a_url_is_no_path(refused, module, flag, url):
    assert f"it must be a path on this machine, '{url}' is a URL" in refused(module, flag, url)


@pytest.mark.parametrize("module", [name for name in COMMANDS if COMMANDS[name].inputs])
def test_an_input_is_no_url(here, listed, capsys, module):
    parser, before = importlib.import_module(module)._parser(), listed()
    for action in parser._actions:
        if action.dest in COMMANDS[module].inputs:
            with pytest.raises(argparse.ArgumentError, match="'s3://b/x' is a URL"):
                parser._get_value(action, "s3://b/x")
    assert listed() == before


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
def test_what_is_there_already_stays(refused, module, flag):
    output = _output(module, flag)
    _file(output).write_text("the user's")
    said = refused(module, flag, output.example)
    if not output.new:
        assert "exists already: add --overwrite" in said


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
def test_what_a_link_leads_to_stays(refused, module, flag):
    Path("mine").write_text("the user's")
    output = _output(module, flag)
    _file(output).symlink_to(Path("mine").absolute())
    refused(module, flag, output.example)


@pytest.mark.parametrize(("module", "flag"), FILES)
def test_a_folder_is_no_file(refused, module, flag):
    output = _output(module, flag)
    Path(output.example).mkdir()
    (Path(output.example) / "mine").write_text("the user's")
    refused(module, flag, output.example, outputs.OVERWRITE)


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
@pytest.mark.parametrize("kind", ["socket", "disk", "loop"])
def test_what_is_no_file_at_all(refused, module, flag, kind):
    output = _output(module, flag)
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
    refused(module, flag, output.example, *_overwrite(output))


@pytest.mark.parametrize(("module", "flag"), READING)
@pytest.mark.parametrize("link", ["hard", "symbolic"])
def test_no_output_is_an_input(refused, module, flag, link):
    output = _output(module, flag)
    path = _file(output)
    if link == "hard":
        path.hardlink_to(INPUT)
    else:
        path.symlink_to(Path(INPUT).absolute())
    said = refused(module, flag, output.example, *_overwrite(output))
    assert output.new or "must be another file than" in said


@pytest.mark.parametrize(("module", "flag"), READING)
@pytest.mark.parametrize("name", [FOLDER, "link"])
def test_no_output_is_in_an_input(refused, module, flag, name):
    Path("link").symlink_to(FOLDER)
    output = _output(module, flag)
    said = refused(module, flag, f"{name}/{output.example}", *_overwrite(output), input=FOLDER)
    assert "must be another file than" in said


@pytest.mark.parametrize("one", COMMANDS["jax_ir_synth.cli.evaluate"].outputs)
@pytest.mark.parametrize("other", COMMANDS["jax_ir_synth.cli.evaluate"].outputs)
@pytest.mark.parametrize("there", [True, False])
def test_no_output_is_another(refused, one, other, there):
    if one == other:
        return
    module = "jax_ir_synth.cli.evaluate"
    first, second = (_output(module, flag).example for flag in (one, other))
    if there:
        Path(first).write_text("the user's")
    Path(second).symlink_to(first)
    said = refused(module, other, second, one, first, outputs.OVERWRITE)
    assert "must be another file than" in said


def test_no_two_outputs_are_the_standard_output(refused):
    module = "jax_ir_synth.cli.evaluate"
    said = refused(module, "--judgements", "/dev/stdout", "--json", "-")
    assert "must be another file than" in said


@pytest.mark.parametrize(("module", "flag"), OUTPUTS)
def test_a_folder_that_cant_be_written(refused, module, flag, monkeypatch):
    def full(*_):
        raise OSError(30, "Read-only file system")

    if "scale" in module:
        pytest.skip("it makes its folder's first file at once")
    for user in ("outputs", "destinations", "writers"):
        for name in ("partial_file", "partial_folder"):
            monkeypatch.setattr(f"jax_ir_synth.storage.{user}.{name}", full, raising=False)
    assert "Read-only file system" in refused(module, flag, _output(module, flag).example)


@pytest.mark.parametrize(("module", "flag"), [case for case in OUTPUTS if case not in FILES])
def test_a_folder_is_no_stream(refused, module, flag):
    for name in ("-", "/dev/stdout"):
        refused(module, flag, name)


@pytest.mark.parametrize("name", ["o.json.gz", "o.zst"])
def test_a_report_is_not_called_compressed(refused, name):
    assert "isn't written compressed" in refused("jax_ir_synth.cli.stats", "--json", name)


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
    assert levels.main([name]) == 0
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

    monkeypatch.setattr(stats, "summarise", lambda path: {"rows": 6, "faults": []})
    monkeypatch.setattr(stats, "_show", lambda *_: print("the table"))
    for name, out, err in (("-", True, "the table\n"), ("o.json", False, "")):
        assert stats.main([INPUT, "--json", name]) == 0
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
        assert levels.main([output]) == 1
        said = capsys.readouterr().err
        assert f"{output} was not written: No space left on device; what was made is kept" in said
        assert Path(said.strip().split("kept in ")[1]).read_text() == "the page\n"
    assert not list(here.rglob(".*"))
