"""Print a row in the terminal: facts, source and IR, and the difference between the devices."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from jax_ir_synth.schema.row_view import RowView
from jax_ir_synth.show.difference import GAP, IN, OUT, Line, diff_texts
from jax_ir_synth.show.lexers import THEME, get_lexer
from jax_ir_synth.show.lexicon import get_language
from jax_ir_synth.show.parts import TITLES, Part
from jax_ir_synth.terminal.console import plain_console

# The width of the layout without a terminal. Lines of code aren't broken there.
PIPED_WIDTH = 100
# Source and IR are printed side by side if at least so many columns remain for the IR.
_MIN_IR = 80
_GAP = 3
# The additional indent where a broken line continues.
_HANGING = 4
_HASH_DIGITS = 12
# The indent of a line, after the sign of a difference.
_START = re.compile(r"[-+]?\s*")
_LINE_STYLES = {OUT: "red", IN: "green", GAP: "cyan"}
# Visible signs for control characters, because a row's text must not control the terminal.
_SIGNS = {
    **{code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def make_console() -> Console:
    """Make a console: as wide as the terminal, or without one PIPED_WIDTH columns wide."""
    console = plain_console()
    return console if console.is_terminal else plain_console(width=PIPED_WIDTH)


def show_row(console: Console, view: RowView, parts: Sequence[Part]) -> None:
    """Print a row.

    Args:
      console: The console to print to.
      view: The row.
      parts: The parts of its IR to print, see `parts.list_parts`.
    """
    console.print(_render_head(view))
    source = _colour_code(view.row["python"].rstrip("\n"), "python")
    left: list[RenderableType] = [_make_rule("Python"), source]
    right: list[RenderableType] = []
    for part in parts:
        right += [*([Text()] if right else []), *_render_part(part)]
    width = max(map(len, source.plain.split("\n")))
    if not console.is_terminal:
        # Lines aren't broken, so that other programs can search in them.
        for piece in [*left, Text(), *right]:
            console.print(piece, soft_wrap=isinstance(piece, Text))
    elif console.width - width - _GAP >= _MIN_IR:
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=width)
        rest = console.width - width - _GAP
        table.add_column(width=rest)
        table.add_row(Group(*left), Group(*_break_lines(console, right, rest)))
        console.print(table)
    else:
        console.print(Group(*_break_lines(console, [*left, Text(), *right], console.width)))


def _make_rule(title: str, characters: str = "─") -> Rule:
    return Rule(Text(title, style="bold"), align="left", characters=characters, style="dim")


def _break_lines(
    console: Console, pieces: Sequence[RenderableType], width: int
) -> list[RenderableType]:
    """Break lines that are too long. They continue below their own start."""
    return [
        Text("\n").join(_break_text(console, piece, width)) if isinstance(piece, Text) else piece
        for piece in pieces
    ]


def _break_text(console: Console, text: Text, width: int) -> Iterator[Text]:
    for line in text.split("\n", allow_blank=True):
        if line.cell_len <= width:
            yield line
            continue
        start = _START.match(line.plain)
        indent = min((start.end() if start else 0) + _HANGING, width // 2)
        first, *others = line.wrap(console, width - indent, overflow="fold")
        yield first
        for other in others:
            yield Text(" " * indent).append_text(other)


def _render_head(view: RowView) -> RenderableType:
    row = view.row
    title = Text.assemble((_show_controls(row["kernel_name"]), "bold"), f"  row {row['id']}")
    verified = f"verified: {row['verified'] or 'unknown'}"
    facts = (view.category, view.split, verified, f"jax {row['jax_version']}")
    hashes = " · ".join(
        f"{name} {_show_controls(row[f'{name}_hash'])[:_HASH_DIGITS]}"
        for name in ("program", "skeleton")
    )
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("argument", "dtype", "shape"):
        table.add_column(name)
    table.add_column("range", justify="left")
    table.add_column("gradient")
    for number, aval in enumerate(row["in_avals"]):
        table.add_row(
            Text(_show_controls(aval["name"])),
            Text(_show_controls(aval["dtype"]), style="cyan"),
            str(aval["shape"]),
            f"{aval['low']:g} to {aval['high']:g}",
            "yes" if number in row["argnums"] else "",
        )
    return Group(
        title,
        Text(_show_controls(" · ".join(facts))),
        Text(hashes, style="dim"),
        Text(),
        table,
        Text(),
    )


def _render_part(part: Part) -> list[RenderableType]:
    """Render a part: a heading, the text, and the difference between the devices, if any."""
    texts = list(part.texts.items())
    name, text = texts[0]
    column = part.columns[name]
    titles = [_format_title(part, name) for name, _ in texts]
    agree = "" if len(texts) < 2 else "differ" if part.differs else "agree"
    devices = " and ".join(titles) + (f" {agree}" if agree else "")
    heading = f"{part.dialect} · {part.which} · {devices}"
    pieces: list[RenderableType] = [
        _make_rule(heading),
        _colour_code(text, get_language(column.backend, column.dialect)),
    ]
    if part.differs:
        lines = diff_texts(text, texts[1][1])
        count = {kind: sum(line.kind == kind for line in lines) for kind in (OUT, IN)}
        summary = f"from {titles[0]} to {titles[1]}: -{count[OUT]} +{count[IN]} lines"
        pieces += [Text(), _make_rule(summary, "╌"), _colour_difference(lines)]
    return pieces


def _format_title(part: Part, name: str) -> str:
    target = part.columns[name].target
    return TITLES[name] + (f" ({target})" if target else "")


def _colour_code(text: str, language: str) -> Text:
    shown = Text()
    for token, value in get_lexer(language).get_tokens(_show_controls(text)):
        shown.append(value, THEME.get_style_for_token(token))
    return shown


def _colour_difference(lines: Sequence[Line]) -> Text:
    shown = Text()
    for number, line in enumerate(lines):
        style = _LINE_STYLES.get(line.kind, "dim")
        start = "" if line.kind == GAP else line.kind
        piece = Text(start + _show_controls(line.text), style=style)
        for begin, end in line.changed:
            piece.stylize("bold reverse", len(start) + begin, len(start) + end)
        shown.append_text(piece)
        if number < len(lines) - 1:
            shown.append("\n")
    return shown


def _show_controls(text: object) -> str:
    return str(text).translate(_SIGNS)
