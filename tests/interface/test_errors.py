"""Exceptions have two bases, each keeps its built-in class, and a missing extra has one message."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import jax_ir_synth
from jax_ir_synth import JaxIrSynthError, UsageError
from jax_ir_synth.request import extras

PACKAGE = Path(jax_ir_synth.__file__).parent
# They end what runs, as KeyboardInterrupt does: no `except Exception` may stop them.
SIGNALS = {"StreamLost", "Terminated", "_Interrupted"}
# What each was before it had a base: a caller's `except` goes on catching it.
BUILT_IN = {
    "CardError": ValueError,
    "CompileError": ValueError,
    "DatasetError": ValueError,
    "GrammarExhausted": RuntimeError,
    "HelperDied": RuntimeError,
    "JournalError": RuntimeError,
    "LimitsError": ValueError,
    "NotPlacedError": OSError,
    "NotProven": ValueError,
    "NotReady": RuntimeError,
    "NotStarted": RuntimeError,
    "OutputError": ValueError,
    "PredictionsError": ValueError,
    "PublishError": RuntimeError,
    "RowError": RuntimeError,
    "SandboxError": RuntimeError,
    "ScaleError": RuntimeError,
    "ShowError": ValueError,
    "UnknownName": AttributeError,
}


def _classes() -> dict[str, type[BaseException]]:
    """Each exception class of the package, by its name; from the sources, so that none is missed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = [
            node.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef) and node.bases
        ]
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if not names or path.stem == "__main__":
            continue
        try:
            loaded = importlib.import_module(module.removesuffix(".__init__"))
        except ImportError as error:
            # One that needs an extra.
            assert path.parent.name == "scale", error
            continue
        for name in names:
            kind = getattr(loaded, name, None)
            if inspect.isclass(kind) and issubclass(kind, BaseException):
                found[name] = kind
    return found


def test_each_class_has_a_base_of_ours():
    classes = _classes()
    assert len(classes) > 30
    for name, kind in classes.items():
        if name in SIGNALS:
            assert not issubclass(kind, Exception), name
        else:
            assert issubclass(kind, JaxIrSynthError), name


def test_each_class_is_still_the_built_in_one_that_it_was():
    classes = _classes()
    for name, built_in in BUILT_IN.items():
        assert issubclass(classes[name], built_in), name
    assert issubclass(UsageError, ValueError)


def test_the_bases_can_be_imported_from_the_package():
    assert {"JaxIrSynthError", "UsageError"} <= set(jax_ir_synth.__all__)
    assert jax_ir_synth.UsageError is importlib.import_module("jax_ir_synth.errors").UsageError


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: jax_ir_synth.load("loops"),
        lambda: jax_ir_synth.load(seed=-1),
        lambda: jax_ir_synth.load("loop", wat=1),
        lambda: jax_ir_synth.JaxIrSynth(config_name="loop", count=0),
        lambda: importlib.import_module("jax_ir_synth.lowering").lower(3),
        lambda: importlib.import_module("jax_ir_synth.evaluate").evaluate([], []),
    ],
)
def test_a_users_mistake_is_one_line(mistake):
    with pytest.raises(UsageError, match=r"^[^\n]+$"):
        mistake()


def test_every_missing_extra_has_the_one_message():
    """Which packages an extra brings is looked up by nothing but the helper."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "extras.py" or path.parent.name != "request":
            assert "find_spec(" not in text, path
            assert "pip install 'jax_ir_synth[" not in text, path


def test_a_missing_extra():
    extras.require("this", "evaluate", "json", "email.mime")
    for module in ("no_such_module", "no_such_parent.module", "json.none"):
        line = f"^this needs {module}: pip install 'jax_ir_synth\\[evaluate\\]' \\(in a clone: '.\\[evaluate\\]'\\)$"
        with pytest.raises(extras.MissingExtraError, match=line):
            extras.require("this", "evaluate", "json", module)


def test_a_module_in_whose_place_is_none(monkeypatch):
    monkeypatch.setitem(importlib.import_module("sys").modules, "matplotlib", None)
    assert extras.is_missing("matplotlib")


def test_every_module_of_the_package_is_looked_at():
    names = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])}
    assert {"errors", "request", "cli"} <= names
