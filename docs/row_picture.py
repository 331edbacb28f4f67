"""Draws the README's picture of a row: its Python, and its IR for the CPU beside that for CUDA.

python docs/row_picture.py docs/row.svg
"""

import difflib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from jax_ir_synth.lowering import lower_source
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.show.lexers import THEME, get_lexer

# A row of `compound`: for linear algebra JAX lowers to other calls on the CPU than on CUDA.
PYTHON = """\
def kernel_eye(x, matrix, m, X, batch, gamma=1.5):
    L = jnp.linalg.cholesky(
        X @ jnp.swapaxes(X, 0, 1) + gamma * jnp.eye(8)
    )
    delta = batch + jnp.matmul(
        L, jnp.einsum("ij,jk->ik", x, matrix) + m
    )
    return lax.square(delta).mean(axis=0)
"""
SHAPES = ((8, 4), (4, 4), (8, 4), (8, 8), (8, 4))
# Lines that are shown from the start, and beside each place where the two texts differ.
FIRST, BESIDE = 10, 1
WIDTH = 56
_PYTHON_WIDTH = max(map(len, PYTHON.split("\n")))
GAP = "    …"


class Pair(NamedTuple):
    """A line of both texts, empty where one of them has none, and whether they differ."""

    cpu: str
    cuda: str
    differ: bool


def lowered() -> tuple[str, str]:
    """The forward pass for the CPU and for CUDA."""
    avals = [jax.ShapeDtypeStruct(shape, "float32") for shape in SHAPES]
    columns = lower_source(PYTHON, "kernel_eye", avals, (0, 1, 2, 3, 4), ("cpu", "cuda")).columns
    cpu, cuda = (read_section(columns[name], "stablehlo").forward for name in ("cpu", "cuda"))
    return cpu, cuda


def pairs(cpu: str, cuda: str) -> Iterator[Pair]:
    """The lines of both texts, side by side."""
    left, right = cpu.split("\n"), cuda.split("\n")
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        for number in range(max(a2 - a1, b2 - b1)):
            yield Pair(
                left[a1 + number] if a1 + number < a2 else "",
                right[b1 + number] if b1 + number < b2 else "",
                tag != "equal",
            )


def shortened(lines: list[Pair]) -> Iterator[Pair]:
    """The first lines, and those that differ, with what is beside them."""
    near = {
        place
        for number, line in enumerate(lines)
        if line.differ
        for place in range(number - BESIDE, number + BESIDE + 1)
    }
    skipped = False
    for number, line in enumerate(lines):
        if number < FIRST or number in near:
            if skipped:
                yield Pair(GAP, GAP, False)
            yield line
            skipped = False
        else:
            skipped = True
    if skipped:
        yield Pair(GAP, GAP, False)


def code(text: str, language: str) -> Text:
    """A text in colours, each line cut to its column."""
    width = WIDTH if language == "mlir" else _PYTHON_WIDTH
    lines = (line if len(line) <= width else line[: width - 1] + "…" for line in text.split("\n"))
    shown = Text(no_wrap=True)
    for token, value in get_lexer(language).get_tokens("\n".join(lines)):
        shown.append(value, THEME.get_style_for_token(token))
    return shown


def picture() -> str:
    """The picture as SVG: equal texts give equal bytes, with one version of rich."""
    lines = list(shortened(list(pairs(*lowered()))))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("python", no_wrap=True, width=_PYTHON_WIDTH)
    table.add_column("cpp: StableHLO for the CPU, forward", no_wrap=True, width=WIDTH)
    table.add_column("cuda: StableHLO for CUDA, forward", no_wrap=True, width=WIDTH)
    sides = []
    for name in ("cpu", "cuda"):
        text = code("\n".join(getattr(line, name) for line in lines), "mlir")
        start = 0
        for line in lines:
            length = min(len(getattr(line, name)), WIDTH)
            if line.differ:
                text.stylize("on #5b3a00", start, start + length)
            start += length + 1
        sides.append(text)
    table.add_row(code(PYTHON.rstrip("\n"), "python"), *sides)
    width = _PYTHON_WIDTH + 2 + 2 * (WIDTH + 2) + 2
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor")
    console.print(Padding(table, (0, 1)))
    # No font from elsewhere: a page that shows the picture loads nothing for it.
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(
        title="one row of jax_ir_synth, shortened",
        theme=DIMMED_MONOKAI,
        code_format=template,
        unique_id="row",
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(), encoding="utf-8")
