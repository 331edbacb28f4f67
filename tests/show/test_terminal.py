"""A row in the terminal: recorded output, colours, and the difference between the devices."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from shown_rows import BACKWARD, FORWARD, OTHER, PYTHON, column, row

from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.parts import PASSES, list_parts
from jax_ir_synth.show.terminal import make_console, show_row

RECORDED = Path(__file__).parent / "recorded"
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _shown(row, width=100, terminal=True, passes=PASSES, **console) -> str:
    view = RowView(row)
    file = io.StringIO()
    colours = {"color_system": "standard"} if terminal else {}
    made = Console(
        file=file, width=width, force_terminal=terminal, highlight=False, **colours, **console
    )
    show_row(made, view, list_parts(view, passes=passes))
    return file.getvalue()


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in _ESCAPES.sub("", text).split("\n"))


@pytest.mark.parametrize("name", ["80", "160", "piped"])
@pytest.mark.parametrize("differs", [False, True])
def test_recorded(name, differs, request):
    # Without colours, which are tested below, because rich and Pygments choose their codes.
    made = row(differs=differs)
    shown = _plain(_shown(made, terminal=False) if name == "piped" else _shown(made, int(name)))
    path = RECORDED / f"{name}_{'differs' if differs else 'agrees'}.txt"
    if request.config.getoption("--record-goldens"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8", newline="\n")
    assert shown == path.read_text(encoding="utf-8")


def test_a_wide_terminal_has_the_source_beside_the_ir():
    wide = _plain(_shown(row(), 160)).split("\n")
    line = next(line for line in wide if line.startswith("def kernel_scaled_tanh"))
    assert "module @jit_kernel_scaled_tanh" in line
    narrow = _plain(_shown(row(), 80)).split("\n")
    starts = [line.split(" ")[0] for line in narrow]
    assert starts.index("def") < starts.index("module")
    for lines, width in ((wide, 160), (narrow, 80)):
        assert max(map(len, lines)) <= width


def test_broken_lines_go_on_below_their_start():
    lines = _plain(_shown(row(), 80)).split("\n")
    number = next(k for k, line in enumerate(lines) if "func.func public" in line)
    assert lines[number + 1].startswith(" " * 6) and lines[number + 1][6] != " "


def test_piped_text_has_whole_lines_and_no_escapes():
    text = _shown(row(differs=True), terminal=False)
    assert "\x1b" not in text
    for part in (PYTHON, FORWARD, BACKWARD):
        assert part in text
    assert OTHER not in text


def test_where_the_devices_agree_one_line_says_so():
    text = _plain(_shown(row()))
    assert text.count("CPU and CUDA agree") == 2
    assert "differ" not in text and text.count("stablehlo.tanh") == 1


def test_a_planted_difference_is_shown_with_its_parts():
    coloured = _shown(row(differs=True), 160)
    text = _plain(coloured)
    assert "stablehlo · forward · CPU and CUDA agree" in text
    assert "stablehlo · backward · CPU and CUDA differ" in text
    assert "from CPU to CUDA: -2 +1 lines" in text
    assert re.search(r"^ *-    %0 = stablehlo.custom_call @lapack_spotrf_ffi", text, re.M)
    assert re.search(r"^ *\+    %0 = stablehlo.custom_call @cusolver_potrf_ffi", text, re.M)
    # Reverse and bold, in the line's red and green.
    assert "\x1b[1;7;31mlapack_spotrf_ffi" in coloured
    assert "\x1b[1;7;32mcusolver_potrf_ffi" in coloured


def test_colours_and_none_where_the_user_wants_none(monkeypatch):
    assert "\x1b[1;34mstablehlo.tanh" in _shown(row())
    monkeypatch.setenv("NO_COLOR", "1")
    text = _shown(row(differs=True))
    codes = {code for found in re.findall(r"\x1b\[([0-9;]*)m", text) for code in found.split(";")}
    assert codes and not codes & {str(code) for code in (*range(30, 50), *range(90, 108))}


def test_several_dialects_and_one_device():
    sections = [("stablehlo", FORWARD, BACKWARD), ("asm", "\tret", "\tnop", "x86-64-v3")]
    others = [("stablehlo", FORWARD, BACKWARD), ("asm", "\tret;", "\tnop", "sm_90")]
    made = row(cpp=column("cpu", *sections), cuda=column("gpu", *others))
    text = _plain(_shown(made, passes=("forward",)))
    assert "stablehlo · forward · CPU and CUDA agree" in text
    assert "asm · forward · CPU (x86-64-v3) and CUDA (sm_90) differ" in text
    assert "from CPU (x86-64-v3) to CUDA (sm_90): -1 +1 lines" in text and "backward" not in text
    alone = _plain(_shown(made | {"cpp": None}))
    assert "asm · backward · CUDA (sm_90) ─" in alone
    assert not {"CPU", "agree", "differ"} & set(alone.split())


def test_a_row_cannot_command_the_terminal():
    hostile = row(python='def kernel_a(x):\n    """\x1b]0;title\x07\x1b[2J\x9b1m"""\n\treturn x\n')
    hostile["kernel_name"] = "kernel_\x1b[31m_[bold]a[/bold]"
    hostile["in_avals"][0]["name"] = "x\r\x08"
    hostile["verified"] = "\x1b[5m"
    for text in (_shown(hostile, terminal=False), _ESCAPES.sub("", _shown(hostile))):
        assert not set(text) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))}
        assert "␛]0;title␇" in text and "kernel_␛[31m_[bold]a[/bold]" in text


def test_the_console_where_no_terminal_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "37")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert make_console().width == 100 and not make_console().is_terminal
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert make_console().is_terminal and make_console().width == 37
