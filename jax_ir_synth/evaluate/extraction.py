"""Finds the modules in a completion, however a model wrapped them (no jax here).

It accepts modules as MLIR prints them, also in MLIR's generic form, or functions without a module.
It searches the code blocks if one of them holds such text, and the entire completion otherwise.
Around the modules there may be prose, the header lines of this project's columns, and other
modules. Text inside `<think>` is ignored.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jax_ir_synth.evaluate.tasks import BACKWARD, FORWARD

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
# A Markdown code block: three or more of one character open it; at least as many, or the end of the
# text, close it.
_BLOCK = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<code>.*?)(?:^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
_NAME = r'@(?:"(?:[^"\\\n]|\\.)*"|[\w.$-]+)'
_MODULE = re.compile(
    rf'^[ \t]*(?:"builtin\.module"[ \t]*(?=[(<])|(?:builtin\.)?module\b[ \t]*(?P<name>{_NAME})?'
    r"(?=\s*(?:attributes\s*)?\{))",
    re.MULTILINE,
)
_FUNCTION = re.compile(
    r'^[ \t]*(?:func\.func\b(?=[^\n]*@)|"func\.func"[ \t]*(?=[(<]))', re.MULTILINE
)
_ALIAS = re.compile(r"^[#!][A-Za-z_][\w$.]*[ \t]*=[^\n]*$", re.MULTILINE)
_SYMBOL = re.compile(r'sym_name\s*=\s*"([^"\\\n]*)"')
_HEADER = re.compile(
    r"^# JAX compiler IR \(backend=(\w+), dialect=\w+[^\n]*\)[ \t]*$", re.MULTILINE
)
_HEADING = re.compile(r"^[^\w\n]{0,6}(forward|backward)\b", re.MULTILINE | re.IGNORECASE)
# The tokens that matter to nesting: brackets, strings and comments, which hide brackets, and arrows
# and comparisons, which only look like brackets.
_BRACKET = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|->|[<>]=|[(){}\[\]<>]')
_CLOSES = {")": "(", "}": "{", "]": "[", ">": "<"}
# A module in generic form ends with its type.
_TYPE = re.compile(r"\s*:\s*\(\s*\)\s*->\s*\(\s*\)")
_ATTRIBUTES = re.compile(r"\s*attributes\s*(?=\{)")
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
    """A part of a completion that is searched for code, from `start` to `stop`."""

    start: int
    stop: int
    place: str


def extract_modules(completion: str, wanted: Sequence[str]) -> list[Module]:
    """Extract the module for each of the wanted sections; fewer if the completion has too few.

    Of several modules it takes the first one under the section's heading. Without such a heading,
    it takes the first one whose name says the section (`…_loss` is a backward pass), and otherwise
    the first one that no other section has.
    """
    found = list(find_modules(completion))
    chosen: list[Module] = []
    for section in wanted:
        others = [module for module in found if module not in chosen]
        under = [module for module in others if module.section == section]
        free = [module for module in others if module.section is None] or others
        named = [m for m in free if m.name.endswith(_LOSS) == (section == BACKWARD)]
        if candidates := under or named or free:
            chosen.append(candidates[0])
    return chosen


def find_modules(completion: str) -> Iterator[Module]:
    """Find all modules of a completion, in order."""
    text = _THOUGHTS.sub("", completion.replace("\r\n", "\n"))
    headings = [(m.start(), m[1].lower()) for m in _HEADING.finditer(text)]
    headers = [(m.start(), m[1]) for m in _HEADER.finditer(text)]
    for area in _find_areas(text):
        spans = list(_find_module_spans(text, area)) or list(_find_functions_span(text, area))
        aliases = _collect_aliases(text, area, spans)
        for number, (start, stop, name) in enumerate(spans, start=1):
            header = _find_before(headers, start)
            heading = _find_before(headings, start)
            # A heading above the column's header line belongs to an earlier column.
            section = heading[1] if heading and (not header or heading > header) else None
            body = text[start:stop].strip()
            yield Module(
                f"{aliases}\n{body}" if aliases else body,
                section if section in (FORWARD, BACKWARD) else None,
                header[1] if header else None,
                name or "",
                f"{area.place}, module {number} of {len(spans)}",
            )


def _find_before(places: list[tuple[int, str]], position: int) -> tuple[int, str] | None:
    at = bisect.bisect_left(places, (position, ""))
    return places[at - 1] if at else None


def _find_areas(text: str) -> list[_Area]:
    blocks = [match.span("code") for match in _BLOCK.finditer(text)]
    areas = [
        _Area(start, stop, f"block {number} of {len(blocks)}")
        for number, (start, stop) in enumerate(blocks, start=1)
        if _MODULE.search(text, start, stop) or _FUNCTION.search(text, start, stop)
    ]
    return areas or [_Area(0, len(text), "the text")]


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
        else:
            if attributes := _ATTRIBUTES.match(text, end, area.stop):
                end = _find_group_end(text, attributes.end(), area.stop) or area.stop
            end = _find_group_end(text, end, area.stop) or area.stop
        name = match["name"] or ""
        if not name and (symbol := _SYMBOL.search(text[match.start() : end].partition("({")[0])):
            name = symbol[1]
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
    for match in re.compile(r"\{[ \t]*(?://[^\n]*)?$", re.MULTILINE).finditer(text, at, stop):
        end = _find_group_end(text, match.start(), stop)
        if end is None:
            return stop
        rest = text.find("\n", end, stop)
        return stop if rest == -1 else rest
    return stop


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


def _collect_aliases(text: str, area: _Area, spans: Sequence[tuple[int, int, str]]) -> str:
    """Collect the lines outside modules that define names for attributes and types."""
    lines = (
        match
        for match in _ALIAS.finditer(text, area.start, area.stop)
        if not any(start <= match.start() < stop for start, stop, _ in spans)
    )
    return "\n".join(match[0] for match in lines)
