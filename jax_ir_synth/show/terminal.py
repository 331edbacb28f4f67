"""A row printed in the terminal: what it is, its source beside its IR, and what CUDA's changes."""

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

# Where no terminal is, the layout's width; lines of code are left whole there.
PIPED_WIDTH = 100
# Source and IR stand side by side where so many columns are left for the IR.
_MIN_IR = 80
_GAP = 3
# How much further in a broken line goes on.
_HANGING = 4
_HASH_DIGITS = 12
# A line's indent, with the sign that a difference puts before it.
_START = re.compile(r"[-+]?\s*")
_LINE_STYLES = {OUT: "red", IN: "green", GAP: "cyan"}
# Control characters as signs: a row's text must not command the terminal.
_SIGNS = {
    **{code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}


def make_console() -> Console:
    """A console of the terminal's own width, or a plain one of PIPED_WIDTH columns."""
    console = plain_console()
    return console if console.is_terminal else plain_console(width=PIPED_WIDTH)


def show_row(console: Console, view: RowView, parts: Sequence[Part]) -> None:
    """Print a row with some of its parts (see `parts.parts_of`)."""
    console.print(_head(view))
    source = _code(view.row["python"].rstrip("\n"), "python")
    left: list[RenderableType] = [_rule("Python"), source]
    right: list[RenderableType] = []
    for part in parts:
        right += [*([Text()] if right else []), *_part(part)]
    width = max(map(len, source.plain.split("\n")))
    if not console.is_terminal:
        # Whole lines, for those who search in them.
        for piece in [*left, Text(), *right]:
            console.print(piece, soft_wrap=isinstance(piece, Text))
    elif console.width - width - _GAP >= _MIN_IR:
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=width)
        rest = console.width - width - _GAP
        table.add_column(width=rest)
        table.add_row(Group(*left), Group(*_broken(console, right, rest)))
        console.print(table)
    else:
        console.print(Group(*_broken(console, [*left, Text(), *right], console.width)))


def _rule(title: str, characters: str = "─") -> Rule:
    return Rule(Text(title, style="bold"), align="left", characters=characters, style="dim")


def _broken(console: Console, pieces: Sequence[RenderableType], width: int) -> list[RenderableType]:
    """The same, with lines that are too long broken; they go on below their own start."""
    return [
        Text("\n").join(_lines(console, piece, width)) if isinstance(piece, Text) else piece
        for piece in pieces
    ]


def _lines(console: Console, text: Text, width: int) -> Iterator[Text]:
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


def _head(view: RowView) -> RenderableType:
    row = view.row
    title = Text.assemble((_plain(row["kernel_name"]), "bold"), f"  row {row['id']}")
    verified = f"verified: {row['verified'] or 'not told'}"
    facts = (view.category, view.split, verified, f"jax {row['jax_version']}")
    hashes = " · ".join(
        f"{name} {_plain(row[f'{name}_hash'])[:_HASH_DIGITS]}" for name in ("program", "skeleton")
    )
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("argument", "dtype", "shape"):
        table.add_column(name)
    table.add_column("range", justify="left")
    table.add_column("gradient")
    for number, aval in enumerate(row["in_avals"]):
        table.add_row(
            Text(_plain(aval["name"])),
            Text(_plain(aval["dtype"]), style="cyan"),
            str(aval["shape"]),
            f"{aval['low']:g} to {aval['high']:g}",
            "yes" if number in row["argnums"] else "",
        )
    return Group(
        title, Text(_plain(" · ".join(facts))), Text(hashes, style="dim"), Text(), table, Text()
    )


def _part(part: Part) -> list[RenderableType]:
    """The heading and texts of one pass; the last lines say how the devices differ."""
    texts = list(part.texts.items())
    name, text = texts[0]
    column = part.columns[name]
    titles = [_titled(part, name) for name, _ in texts]
    agree = "" if len(texts) < 2 else "differ" if part.differs else "agree"
    devices = " and ".join(titles) + (f" {agree}" if agree else "")
    heading = f"{part.dialect} · {part.which} · {devices}"
    pieces: list[RenderableType] = [
        _rule(heading),
        _code(text, get_language(column.backend, column.dialect)),
    ]
    if part.differs:
        lines = diff_texts(text, texts[1][1])
        count = {kind: sum(line.kind == kind for line in lines) for kind in (OUT, IN)}
        told = f"from {titles[0]} to {titles[1]}: -{count[OUT]} +{count[IN]} lines"
        pieces += [Text(), _rule(told, "╌"), _diff(lines)]
    return pieces


def _titled(part: Part, name: str) -> str:
    target = part.columns[name].target
    return TITLES[name] + (f" ({target})" if target else "")


def _code(text: str, language: str) -> Text:
    shown = Text()
    for token, value in get_lexer(language).get_tokens(_plain(text)):
        shown.append(value, THEME.get_style_for_token(token))
    return shown


def _diff(lines: Sequence[Line]) -> Text:
    shown = Text()
    for number, line in enumerate(lines):
        style = _LINE_STYLES.get(line.kind, "dim")
        start = "" if line.kind == GAP else line.kind
        piece = Text(start + _plain(line.text), style=style)
        for begin, end in line.changed:
            piece.stylize("bold reverse", len(start) + begin, len(start) + end)
        shown.append_text(piece)
        if number < len(lines) - 1:
            shown.append("\n")
    return shown


def _plain(text) -> str:
    return str(text).translate(_SIGNS)
