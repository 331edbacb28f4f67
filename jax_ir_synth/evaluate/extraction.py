"""Finds the modules in a completion's answer, however a model wrapped them (no jax here).

It accepts modules as MLIR prints them, also in MLIR's generic form, or functions without a module.
It searches the code blocks if one of them holds such text, and the entire answer otherwise. Around
the modules there may be prose, the header lines of this project's columns, and other modules.
`answers` says what isn't part of the answer, such as thoughts.

Of several modules for one section the last counts, unless the caller asks for the first. A model
that thinks aloud corrects itself, so its last block is the one it means. Public harnesses came to
the same choice: LiveCodeBench (`extract_code`); EvalScope and NeMo Skills, which took the first
before (https://github.com/modelscope/evalscope/pull/1170 and
https://github.com/NVIDIA-NeMo/Skills/pull/801); the rewards of open-r1 (`extract_code`) and verl
(`prime_code`). The first is right for a base model that goes on to other examples.
"""

import bisect
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jax_ir_synth.evaluate.answers import find_answer, find_answer_tags
from jax_ir_synth.evaluate.prompts import STOP
from jax_ir_synth.evaluate.tasks import BACKWARD, FORWARD

# Which of several modules for a section counts.
FIRST, LAST = TAKES = ("first", "last")
# In the place of one of `TAKES`: the row's right answer is taken, not what the completion holds.
OWN = "own"

# Code begins a line, or follows a tag, a colon, or bold type.
_LINE = r"(?:^|(?<=[>\]▷:*]))[ \t]*+"
# A Markdown code block: three or more of one character open it; at least as many, or the end of the
# text, close it. In a list it may be indented by any number of blanks.
_FENCE = re.compile(rf"{_LINE}(?P<fence>`{{3,}}+|~{{3,}}+)(?P<info>[^\n`]*+)$", re.MULTILINE)
_QUOTED_FENCE = re.compile(r"^[ \t]*+>[ \t>]*+(?:```|~~~)", re.MULTILINE)
_QUOTE_SIGNS = re.compile(r"^[ \t]*+(?:>[ \t]?)++", re.MULTILINE)
# What may be before the code of a block: its language, blank lines, comments, headings, aliases.
_PREAMBLE = re.compile(r"(?:[ \t]*+(?:(?://|[#!])[^\n]*+|mlir|stablehlo|text)?[ \t]*+\n)*+")
_NAME = r'@(?:"(?:[^"\\\n]|\\.)*+"|[\w.$-]++)'
_MODULE = re.compile(
    rf'{_LINE}(?:"builtin\.module"[ \t]*+(?=[(<])|(?:builtin\.)?module\b[ \t]*+(?P<name>{_NAME})?+'
    r"(?=\s*+(?:attributes\s*+)?\{))",
    re.MULTILINE,
)
_FUNCTION = re.compile(
    rf'{_LINE}(?:func\.func[ \t]++(?:\w++[ \t]++)?@|"func\.func"[ \t]*+(?=[(<]))', re.MULTILINE
)
_ALIAS = re.compile(r"^(?P<name>[#!][A-Za-z_][\w$.]*+)[ \t]*+=[^\n]*+$", re.MULTILINE)
_SYMBOL = re.compile(r'sym_name\s*+=\s*+"([^"\\\n]*+)"')
_HEADER = re.compile(
    r"^# JAX compiler IR \(backend=(\w++), dialect=\w++[^\n]*\)[ \t]*+$", re.MULTILINE
)
_HEADING = re.compile(
    r"^[^\w\n]{0,6}(?:\d{1,2}[^\w\n]{1,6})?(forward|backward)\b", re.MULTILINE | re.IGNORECASE
)
# The tokens that matter to nesting: brackets, strings and comments, which hide brackets, and arrows
# and comparisons, which only look like brackets. A string that isn't closed ends with its line, so
# that none is read twice.
_BRACKET = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?|//[^\n]*+|->|[<>]=|[(){}\[\]<>]')
_CLOSES = {")": "(", "}": "{", "]": "[", ">": "<"}
# A module in generic form ends with its type.
_TYPE = re.compile(r"\s*+:\s*+\(\s*+\)\s*+->\s*+\(\s*+\)")
_ATTRIBUTES = re.compile(r"\s*+attributes\s*+(?=\{)")
_BODY = re.compile(r"\{[ \t]*+(?://[^\n]*+)?$", re.MULTILINE)
_LOSS = "_loss"


class Module(NamedTuple):
    """A module found in a completion.

    Attributes:
      text: the module's text, with the aliases that are defined beside it.
      section: the section of the heading above it; None without one.
      backend: the backend of the header line above it; None without one.
      name: its symbol; empty without one.
      place: its place in the completion, in words.
    """

    text: str
    section: str | None
    backend: str | None
    name: str
    place: str


class _Area(NamedTuple):
    """A part of an answer that is searched for code, from `start` to `stop`.

    `prompted` says whether it is a block that the prompt opened.
    """

    start: int
    stop: int
    place: str
    prompted: bool = False


class _Found(NamedTuple):
    """A module's place: the `number` from 0 of those in its area, whose bounds are `spans`."""

    area: _Area
    spans: Sequence[tuple[int, int]]
    number: int
    section: str | None
    backend: str | None
    name: str


def extract_modules(completion: str, wanted: Sequence[str], take: str = LAST) -> list[Module]:
    """Extract the module for each of the wanted sections; fewer if the completion has too few.

    Those under the section's heading come before those whose name says the section (`…_loss` is the
    backward pass's), and these before all others.

    Args:
      completion: what a model wrote.
      wanted: sections, in the order in which a completion would have them.
      take: which of several counts, one of `TAKES`; see above. Where the prompt opened a code block
        and the completion closes it, that is the place for the answer, and so the first counts.
    """
    text = _read_answer(completion)
    found = list(_find_modules(text))
    backwards = take == LAST and not any(each.area.prompted for each in found)
    # Then the sections go backwards too: of two modules that nothing tells apart, the last is the
    # last section's.
    step = -1 if backwards else 1
    left = found[::step]
    chosen = {}
    for section in wanted[::step]:
        under = [each for each in left if each.section == section]
        free = [each for each in left if each.section is None] or left
        named = [each for each in free if each.name.endswith(_LOSS) == (section == BACKWARD)]
        if candidates := under or named or free:
            chosen[section] = candidates[0]
            left = [each for each in left if each is not candidates[0]]
    return [_make_module(text, chosen[section]) for section in wanted if section in chosen]


def _read_answer(completion: str) -> str:
    """Read the answer to this question, without the signs of a quotation."""
    text = find_answer(completion.replace("\r\n", "\n"))
    if _QUOTED_FENCE.search(text):
        text = _QUOTE_SIGNS.sub("", text)
    # A base model that isn't stopped goes on with a question of its own.
    stop = text.find(STOP)
    return text[:stop] if stop != -1 and _holds_code(text, 0, stop) else text


def _find_modules(text: str) -> Iterator[_Found]:
    """Find all modules of an answer, in order."""
    headings = [(m.start(), m[1].lower()) for m in _HEADING.finditer(text)]
    headers = [(m.start(), m[1]) for m in _HEADER.finditer(text)]
    for area in _find_areas(text):
        named = list(_find_module_spans(text, area)) or list(_find_functions_span(text, area))
        spans = [(start, stop) for start, stop, _ in named]
        for number, (start, _, name) in enumerate(named):
            header = _find_before(headers, start)
            heading = _find_before(headings, start)
            # A heading above the column's header line belongs to an earlier column.
            section = heading[1] if heading and (not header or heading > header) else None
            yield _Found(
                area,
                spans,
                number,
                section if section in (FORWARD, BACKWARD) else None,
                header[1] if header else None,
                name,
            )


def _make_module(text: str, found: _Found) -> Module:
    start, stop = found.spans[found.number]
    body = text[start:stop]
    indent = body[: len(body) - len(body.lstrip(" \t"))]
    # In a list all lines are indented.
    if indent and text[start - 1 : start] in ("", "\n"):
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
    aliases = _collect_aliases(text, found)
    return Module(
        "\n".join([*aliases, body.strip()]),
        found.section,
        found.backend,
        found.name,
        f"{found.area.place}, module {found.number + 1} of {len(found.spans)}",
    )


def _find_before(places: list[tuple[int, str]], position: int) -> tuple[int, str] | None:
    at = bisect.bisect_left(places, (position, ""))
    return places[at - 1] if at else None


def _holds_code(text: str, start: int, stop: int) -> bool:
    return bool(_MODULE.search(text, start, stop) or _FUNCTION.search(text, start, stop))


def _find_areas(text: str) -> Iterator[_Area]:
    tagged = find_answer_tags(text)
    holding = [
        (f"answer {number} of {len(tagged)}", start, stop)
        for number, (start, stop) in enumerate(tagged, start=1)
        if _holds_code(text, start, stop)
    ]
    for place, start, stop in holding or [("", 0, len(text))]:
        areas = [
            area._replace(place=f"{place}, {area.place}" if place else area.place)
            for area in _find_blocks(text, start, stop)
            if _holds_code(text, area.start, area.stop)
        ]
        yield from areas or [_Area(start, stop, place or "the text")]


def _find_blocks(text: str, start: int, stop: int) -> list[_Area]:
    """Find the code blocks, in order."""
    fences = list(_FENCE.finditer(text, start, stop))
    prompted = _closes_a_prompts_block(text, start, fences)
    bounds = []
    # Where the block that is open began, and by which fence; a prompt's own is closed by any.
    opened, mark = (start, "") if prompted else (None, "")
    for fence in fences:
        if opened is None:
            opened, mark = min(fence.end() + 1, stop), fence["fence"]
        elif fence["fence"].startswith(mark) and not fence["info"].strip():
            bounds.append((opened, fence.start()))
            opened = None
    if opened is not None:
        bounds.append((opened, stop))
    return [
        _Area(first, last, f"block {number} of {len(bounds)}", prompted and number == 1)
        for number, (first, last) in enumerate(bounds, start=1)
    ]


def _closes_a_prompts_block(text: str, start: int, fences: Sequence[re.Match[str]]) -> bool:
    """Tell whether the first fence closes a block that the prompt opened.

    Then the text begins with code, and no fence is left over without this one, or the next one
    opens another block.
    """
    if not fences or fences[0]["info"].strip():
        return False
    if len(fences) % 2 == 0 and not fences[1]["info"].strip():
        return False
    preamble = _PREAMBLE.match(text, start)
    begin = preamble.end() if preamble else start
    return bool(_MODULE.match(text, begin) or _FUNCTION.match(text, begin))


def _find_module_spans(text: str, area: _Area) -> Iterator[tuple[int, int, str]]:
    """Find each module's start, end and name; a module that isn't closed ends with the area."""
    at = area.start
    while match := _MODULE.search(text, at, area.stop):
        end = match.end()
        if match["name"] is None and '"' in match[0]:
            while (closed := _find_group_end(text, end, area.stop)) is not None:
                end = closed
            kind = _TYPE.match(text, end, area.stop)
            end = kind.end() if kind else area.stop
            symbol = _SYMBOL.search(text[match.start() : end].partition("({")[0])
            name = symbol[1] if symbol else ""
        else:
            if attributes := _ATTRIBUTES.match(text, end, area.stop):
                end = _find_group_end(text, attributes.end(), area.stop) or area.stop
            end = _find_group_end(text, end, area.stop) or area.stop
            name = match["name"] or ""
        yield match.start(), end, name.strip('@"')
        at = end


def _find_functions_span(text: str, area: _Area) -> Iterator[tuple[int, int, str]]:
    """Find functions without a module: the span from the first one to the end of the last."""
    first = _FUNCTION.search(text, area.start, area.stop)
    if first is None:
        return
    last: re.Match[str] | None = first
    end = area.stop
    while last:
        end = _find_function_end(text, last.end(), area.stop)
        last = _FUNCTION.search(text, end, area.stop)
    yield first.start(), end, ""


def _find_function_end(text: str, at: int, stop: int) -> int:
    """Find the end of a function: that of its body, whose opening brace is the last on its line."""
    match = _BODY.search(text, at, stop)
    end = _find_group_end(text, match.start(), stop) if match else None
    if end is None:
        return stop
    rest = text.find("\n", end, stop)
    return stop if rest == -1 else rest


def _find_group_end(text: str, at: int, stop: int) -> int | None:
    """Find the end of the bracketed group that follows; None without one, or if it isn't closed."""
    brackets: list[str] = []
    for match in _BRACKET.finditer(text, at, stop):
        sign = match[0]
        if not brackets and text[at : match.start()].strip():
            return None
        if len(sign) == 1 and sign in "({[<":
            brackets.append(sign)
        elif sign in _CLOSES:
            if not brackets or brackets.pop() != _CLOSES[sign]:
                return None
            if not brackets:
                return match.end()
    return None


def _collect_aliases(text: str, found: _Found) -> list[str]:
    """Collect the lines outside modules that define names for attributes and types.

    If a name is defined for several modules, the line nearest before this one counts.
    """
    start, _ = found.spans[found.number]
    lines: dict[str, str] = {}
    bounds = [found.area.start, *itertools.chain.from_iterable(found.spans), found.area.stop]
    for first, last in zip(bounds[::2], bounds[1::2], strict=True):
        for match in _ALIAS.finditer(text, first, last):
            if match.start() < start or match["name"] not in lines:
                lines[match["name"]] = match[0]
    return list(lines.values())
