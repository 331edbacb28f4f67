"""Reads the text of a module, as MLIR prints it, into blocks of statements.

MLIR prints each operation on a line of its own. To read these lines takes a tenth of the time in
which MLIR's bindings for Python walk over the operations. Only what JAX's modules consist of is
read: an operation's names of values are separated from the rest, which `snippets` gives a meaning.
A text of any other form is `Unreadable`.
"""

import re
from typing import NamedTuple

from jax_ir_synth.verify.arrays.tensors import Unknown, check_types


class Unreadable(Unknown):
    """A text isn't in the form in which MLIR prints modules like JAX's."""


class Statement(NamedTuple):
    """One operation.

    Attributes:
      given: the names of its results.
      taken: the names of its operands, of those outside of its regions.
      text: the rest, with a bare `%` for each operand; for a call, the function's name.
      blocks: the blocks of a loop, condition first, or of a choice.
      kinds: the types of the results of a loop, a choice or a call; others have them in `text`.
    """

    given: list[str]
    taken: list[str]
    text: str
    blocks: tuple["Block", ...] = ()
    kinds: tuple[str, ...] = ()


class Block(NamedTuple):
    """The statements of a function or a region: its arguments with their types, and its results."""

    arguments: list[tuple[str, str]]
    statements: list[Statement]
    returned: list[str]


LOOP, CHOICE, TEST, CALL = "stablehlo.while", "stablehlo.case", "stablehlo.if", "func.call"
_WORD = r"[\w$.\-]+"
_VALUE = rf"%{_WORD}(?:#\d+)?"
_NAME = re.compile(_VALUE)
_NAMES = rf"{_VALUE}(?:, {_VALUE})*"
_SPLIT = re.compile(rf"({_VALUE})")
_GIVEN = re.compile(rf"(%{_WORD}(?::\d+)?(?:, %{_WORD}(?::\d+)?)*) = ")
_SYMBOL = rf'@({_WORD}|"[^"\\]*")'
_TENSOR = r"tensor<(?:[^<>]|<[^<>]*>)*>"
_KIND = re.compile(_TENSOR)
_MODULE = re.compile(rf"module(?: {_SYMBOL})?(?: attributes \{{.*\}})? \{{")
_FUNCTION = re.compile(rf"func\.func (?:public |private )?{_SYMBOL}\((.*)\{{")
_ARGUMENT = re.compile(rf"(%{_WORD}): ({_TENSOR})")
_RETURN = re.compile(rf"(?:func\.|stablehlo\.)?return(?: ({_NAMES}) : .*)?")
_CALL = re.compile(rf"(?:func\.)?call {_SYMBOL}\(({_NAMES})?\) : \(.*\) -> (.*)")
# Nothing but a result could tell that a function was called.
_IDLE_CALL = re.compile(rf"(?:func\.)?call {_SYMBOL}\((?:{_NAMES})?\) : \(.*\) -> \(\)")
_LOOP = re.compile(r"stablehlo\.while\(([^()]*)\) : (.*)")
_CARRIED = re.compile(rf"(%{_WORD}) = ({_VALUE})")
_CHOICE = re.compile(rf'"(stablehlo\.case|stablehlo\.if)"\(({_VALUE})\) \(\{{')
_CHOSEN = re.compile(r"\}\) : \(.*\) -> (.*)")


def read_functions(text: str) -> dict[str, Block]:
    """Read a module's functions by name. Raises Unknown."""
    return _Reader(text).read_module()


class _Reader:
    """A position in a text's lines."""

    def __init__(self, text: str):
        self._lines = text.strip("\n").split("\n")
        self._at = 0

    def read_module(self) -> dict[str, Block]:
        self._match(_MODULE)
        functions = {}
        while (line := self._next()) != "}":
            head = _FUNCTION.fullmatch(line)
            if head is None:
                raise _refuse(line)
            # Attributes of results may hold anything, those of arguments are a name and a number.
            arguments = _ARGUMENT.findall(head[2].partition(") -> ")[0])
            functions[head[1]] = self._read_block(arguments)
            self._expect("}")
        if self._at != len(self._lines):
            raise _refuse(self._lines[self._at])
        return functions

    def _read_block(self, arguments: list[tuple[str, str]]) -> Block:
        check_types(kind for _, kind in arguments)
        statements: list[Statement] = []
        while True:
            line = self._next()
            given = _GIVEN.match(line)
            if given is None:
                if _IDLE_CALL.fullmatch(line):
                    continue
                end = _RETURN.fullmatch(line)
                if end is None:
                    raise _refuse(line)
                return Block(arguments, statements, _NAME.findall(end[1] or ""))
            names = _list_given(given[1])
            statements.append(self._read_statement(names, line[given.end() :]))

    def _read_statement(self, given: list[str], line: str) -> Statement:
        if line.startswith("stablehlo.while("):
            return self._read_loop(given, line)
        if line.startswith(('"stablehlo.case"', '"stablehlo.if"')):
            return self._read_choice(given, line)
        if line.startswith(("call ", "func.call ")):
            call = _CALL.fullmatch(line)
            if call is None:
                raise _refuse(line)
            taken = _NAME.findall(call[2] or "")
            return Statement(given, taken, f"{CALL} {call[1]}", (), _list_kinds(call[3]))
        if line.endswith("({"):
            return self._read_region(given, line, "})")
        if self._at < len(self._lines) and self._lines[self._at].lstrip(" ").startswith("reducer("):
            return self._read_region(given, line, "}")
        pieces = _SPLIT.split(line)
        return Statement(given, pieces[1::2], "%".join(pieces[::2]))

    def _read_loop(self, given: list[str], line: str) -> Statement:
        head = _LOOP.fullmatch(line)
        if head is None:
            raise _refuse(line)
        pairs = _CARRIED.findall(head[1])
        kinds = _list_kinds(head[2])
        if not len(pairs) == len(kinds) == len(given):
            raise _refuse(line)
        arguments = [(name, kind) for (name, _), kind in zip(pairs, kinds, strict=True)]
        self._expect("cond {")
        condition = self._read_block(arguments)
        self._expect("} do {")
        body = self._read_block(arguments)
        self._expect("}")
        return Statement(given, [start for _, start in pairs], LOOP, (condition, body), kinds)

    def _read_choice(self, given: list[str], line: str) -> Statement:
        head = _CHOICE.fullmatch(line)
        if head is None:
            raise _refuse(line)
        blocks = [self._read_block([])]
        while (line := self._next()) == "}, {":
            blocks.append(self._read_block([]))
        end = _CHOSEN.fullmatch(line)
        if end is None:
            raise _refuse(line)
        return Statement(given, [head[2]], head[1], tuple(blocks), _list_kinds(end[1]))

    def _read_region(self, given: list[str], line: str, closing: str) -> Statement:
        """Read an operation over several lines, whose region says how elements are joined."""
        first = self._lines[self._at - 1]
        end = " " * (len(first) - len(first.lstrip(" "))) + closing
        lines = [line]
        while not lines[-1].startswith(end):
            if self._at == len(self._lines):
                raise _refuse(line)
            lines.append(self._lines[self._at])
            self._at += 1
        inner: dict[str, str] = {}
        for each in lines[1:]:
            defined = _GIVEN.match(each.lstrip(" "))
            names = _list_bases(defined[1]) if defined else [name for name, _ in _find_new(each)]
            for name in names:
                inner.setdefault(name, f"%x{len(inner)}")
        taken = []

        def rename(match: re.Match[str]) -> str:
            base, sharp, number = match[0].partition("#")
            if base in inner:
                return inner[base] + sharp + number
            taken.append(match[0])
            return "%"

        return Statement(given, taken, _NAME.sub(rename, "\n".join(lines)))

    def _next(self) -> str:
        if self._at == len(self._lines):
            raise Unreadable("a text that ends early")
        self._at += 1
        return self._lines[self._at - 1].lstrip(" ")

    def _match(self, form: re.Pattern[str]) -> None:
        if form.fullmatch(line := self._next()) is None:
            raise _refuse(line)

    def _expect(self, wanted: str) -> None:
        if (line := self._next()) != wanted:
            raise _refuse(line)


def _find_new(line: str) -> list[tuple[str, str]]:
    """Find the arguments that a line gives to a region."""
    return _ARGUMENT.findall(line) if line.lstrip(" ").startswith(("^bb0(", "reducer(")) else []


def _list_given(text: str) -> list[str]:
    """List the names of results: `%0:2` gives two, `%0#0` and `%0#1`."""
    if ":" not in text:
        return text.split(", ")
    found = []
    for each in text.split(", "):
        name, colon, count = each.partition(":")
        found += [f"{name}#{k}" for k in range(int(count))] if colon else [name]
    return found


def _list_bases(text: str) -> list[str]:
    return [each.partition(":")[0] for each in text.split(", ")]


def _list_kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(_KIND.findall(text))
    check_types(kinds)
    return kinds


def _refuse(line: str) -> Unreadable:
    return Unreadable(f"a line (={line.strip()!r:.80})")
