"""Modules that are written to a folder, imported, and forgotten again."""

import importlib
import itertools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
_numbers = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Give a function that writes a text to a module of its own, and imports it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def write(text):
        names.append(f"constructs_{next(_numbers)}")
        (tmp_path / f"{names[-1]}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(names[-1])

    yield write
    for name in names:
        sys.modules.pop(name, None)
