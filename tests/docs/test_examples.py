"""The examples in README and docs/ run, and print what the pages say they print."""

import contextlib
import importlib.util
import io
import re

import jax
import pytest
from docs_pages import PAGES, README, blocks

from jax_ir_synth.lowering import lower_source
from jax_ir_synth.request import targets

# By the note on an example: whether it can run here.
NEEDS = {
    "": lambda: True,
    "needs torch": lambda: importlib.util.find_spec("torchdata") is not None,
    "needs the compiler for CUDA": lambda: _can_compile(),
    "needs the Hub": lambda: False,
    "needs the package index": lambda: False,
    "needs data/million": lambda: False,
}
_OUTPUT = re.compile(r"(<!-- output -->\n```text\n)(.*?)^```$", re.DOTALL | re.MULTILINE)


def _can_compile() -> bool:
    try:
        targets.check_compilers(("llvm", "asm"), ("cpu", "cuda"), ("x86-64-v2", "sm_80"))
    except ValueError:
        return False
    return True


def _run(page) -> str:
    """What a page's examples print, run one after the other as one program."""
    names, shown = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(shown):
        for block in blocks("python", page):
            code = compile(block.text, page.name, "exec")
            # What is a row, or needs what isn't here, is only compiled.
            if NEEDS[block.note]() and "def kernel_" not in block.text:
                exec(code, names)
    return shown.getvalue()


@pytest.mark.parametrize("page", [p for p in PAGES if p != README], ids=lambda page: page.name)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _run(page)


def test_the_readmes_example_prints_what_it_says(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    printed = _run(README)
    text = README.read_text(encoding="utf-8")
    if request.config.getoption("--record-goldens"):
        text = _OUTPUT.sub(lambda found: f"{found[1]}{printed}```", text)
        README.write_text(text, encoding="utf-8")
    else:
        assert [found[2] for found in _OUTPUT.finditer(text)] == [printed]
    # Of the two answers that are scored the first is right.
    assert printed.splitlines()[-2:] == ["pass", "numeric"]


def test_the_lowering_example(capsys):
    (example,) = [block for block in blocks("python") if "lowering import lower" in block.text]
    exec(compile(example.text, example.page.name, "exec"), {})
    shown = capsys.readouterr().out
    assert shown.startswith("# JAX compiler IR (backend=gpu, dialect=stablehlo)\n## Forward\n")
    assert "@jit_gelu_residual_loss" in shown


def test_the_example_row_is_what_is_lowered():
    (python,) = [block.text for block in blocks("python") if "def kernel_exp(" in block.text]
    (shown,) = blocks("mlir")
    kinds = [((16, 10), "float32"), ((), "int32"), ((), "float32")]
    avals = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in kinds]
    text = lower_source(python, "kernel_exp", avals, (0, 2), ("cpu",)).columns["cpu"]
    position = 0
    for line in shown.text.splitlines():
        if line.strip() != "…":
            assert line in text[position:]
            position = text.index(line, position)


def test_the_picture_is_what_is_lowered():
    place = README.parent / "docs" / "row_picture.py"
    spec = importlib.util.spec_from_file_location("row_picture", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recorded = (README.parent / "docs" / "row.svg").read_text(encoding="utf-8")
    # Another rich may draw the same text otherwise.
    assert _texts(recorded) == _texts(module.picture())
    assert "lapack_spotrf_ffi" in recorded and "cusolver_potrf_ffi" in recorded


def _texts(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)
