"""Checks that a text is safe for MLIR's parser, so that nothing in it can end this process.

MLIR's parser is recursive and trusts its caller. Deeply nested brackets overflow its stack, a
truncated resource makes it read beyond the end, and each dialect brings parsers of its own. JAX
prints modules of a few dialects and forms, and only those are accepted.
"""

import itertools
import re

import numpy as np

MAX_CHARACTERS = 4 * 2**20
# JAX's own modules have about 20. A parser with a stack of 8 MiB crashes at about 12,000.
MAX_DEPTH = 200
# The dialects of JAX's modules, and of the attributes in them.
DIALECTS = frozenset({"builtin", "chlo", "func", "jax", "mhlo", "sdy", "stablehlo", "tf"})
# Words that JAX's modules never have, and that can make a short text expand without end.
_REFUSED = {
    word: re.compile(rf"(?<![\w$.\-%@]){word}\b")
    for word in (
        *("affine_map", "affine_set", "callsite", "dense_resource", "distinct", "fused", "sparse"),
    )
}
# MLIR's parser goes no further than to a string that isn't closed on its line. It is matched too,
# so that no part of it is read again, from each quote within it.
_SKIPPED = re.compile(r'//[^\n]*+|"(?:[^"\\\n]++|\\.)*+"?')
_MARKED = re.compile(r"[#!]([A-Za-z_$][\w$\-]*)")
_DEFINED = re.compile(r"^[ \t]*[#!]([A-Za-z_$][\w$\-]*)[ \t]*=(.*)$", re.MULTILINE)
_LOCATION = re.compile(r'loc\((?:unknown|""(?::\d+:\d+(?: to (?:\d*):\d+)?)?(?:\(#(\w+)\))?)\)')
_GOES_ON = re.compile(r"^\s*(?:->|:)", re.MULTILINE)
_BEFORE_A_DOT = re.compile(r"[\w$\-]*$")
_NAME = re.compile(r"[%@^][\w$.\-]+")
# An operation in its generic form begins with its name as a string; so does a location.
_CALLED = re.compile(r"\s*\(")
_OF_LOCATION = re.compile(r"loc\s*\(\s*$")
_CONTROL = bytes({*range(32), 127} - set(b"\t\n\r"))
_OPENING, _CLOSING = b"([{<", b")]}>"
_NO_BRACKET = bytes(set(range(256)) - set(_OPENING + _CLOSING))
# The bytes of the 8-bit integers 1 and -1.
_STEPS = bytes.maketrans(_OPENING + _CLOSING, b"\x01" * 4 + b"\xff" * 4)


def check_text(text: str) -> None:
    """Raise ValueError, with a one-line message, unless a text is safe for MLIR's parser."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is {len(text):,} characters long, above {MAX_CHARACTERS:,}")
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds {text[error.start]!a}, which is no character") from None
    if len(encoded.translate(None, _CONTROL)) < len(encoded):
        raise ValueError("it holds control characters")
    plain = _SKIPPED.sub(_drop_literal, text)
    _check_words(plain)
    _check_depth(plain)


def _drop_literal(match: re.Match[str]) -> str:
    """Replace a comment by nothing, and a string by an empty one."""
    literal = match[0]
    if literal[0] != '"':
        return ""
    # A symbol such as @"<lambda>" is none.
    is_symbol = match.start() > 0 and match.string[match.start() - 1] == "@"
    if not is_symbol and _CALLED.match(match.string, match.end()):
        before = match.string[max(0, match.start() - 8) : match.start()]
        if not _OF_LOCATION.search(before):
            _check_operation(literal[1:-1])
    return '""'


def _check_operation(name: str) -> None:
    """Raise ValueError for the name of an operation of another dialect."""
    if "\\" in name:
        raise ValueError(f'an operation\'s name (="{name:.40}") must be written without escapes')
    if name.partition(".")[0] not in DIALECTS:
        raise ValueError(f'the operation "{name:.40}" is of no dialect that is read here')


def _check_words(plain: str) -> None:
    if "{-#" in plain:
        raise ValueError("resources are not read here")
    for word, standing_alone in _REFUSED.items():
        if word in plain and standing_alone.search(plain):
            raise ValueError(f"{word} is not read here")
    # Names of values and functions may contain dots too. Removing them takes time, so this is done
    # only if needed.
    if _find_dialects(plain) - DIALECTS:
        plain = _NAME.sub("", plain)
    for name in _find_dialects(plain) - DIALECTS:
        raise ValueError(f"{name[:40]} is no dialect that is read here")
    if aliases := _find_aliases(plain):
        _check_aliases(plain, aliases)


def _find_aliases(plain: str) -> set[str]:
    """Find the names of attributes and types that belong to no accepted dialect."""
    return {*_MARKED.findall(plain)} - DIALECTS


def _check_aliases(plain: str, aliases: set[str]) -> None:
    """Raise ValueError unless each alias is defined by a line that refers to no other alias.

    If aliases could refer to two others, a few lines could expand without end. A location may refer
    to one other.
    """
    if _GOES_ON.search(plain):
        raise ValueError("a definition that goes on in another line is not read here")
    outer = {}
    for name, meaning in _DEFINED.findall(plain):
        location = _LOCATION.fullmatch(meaning.strip())
        if name in outer or not (location or _is_flat(meaning)):
            raise ValueError(f"the definition of the alias {name[:40]} is not read here")
        outer[name] = location and location[1]
    for name in aliases:
        depth = 0
        while name and depth <= MAX_DEPTH:
            if name not in outer:
                raise ValueError(f"the alias or attribute {name[:40]} is not read here")
            name, depth = outer[name], depth + 1
        if name:
            raise ValueError(f"locations are more than {MAX_DEPTH} deep")


def _is_flat(meaning: str) -> bool:
    brackets = _count_brackets(meaning)
    return bool(meaning.strip()) and not _find_aliases(meaning) and not brackets.sum()


def _find_dialects(plain: str) -> set[str]:
    """Find the names before a dot that a word follows, except numbers."""
    before = {
        piece.rsplit(None, 1)[-1]
        for piece, after in itertools.pairwise(plain.split("."))
        if piece and not piece[-1].isspace() and (after[:1].isalpha() or after[:1] == "_")
    }
    names = {match[0] for piece in before if (match := _BEFORE_A_DOT.search(piece))}
    return {name for name in names if not name.isdigit()}


def _check_depth(plain: str) -> None:
    depths = np.cumsum(_count_brackets(plain), dtype=np.int64)
    if depths.max(initial=0) > MAX_DEPTH:
        raise ValueError(f"its brackets are {depths.max():,} deep, above {MAX_DEPTH}")
    if depths.min(initial=0) < 0:
        raise ValueError("it closes a bracket that it doesn't open")


def _count_brackets(plain: str) -> np.ndarray:
    """Return 1 for each opening bracket, and -1 for each closing one."""
    brackets = plain.replace("->", "").encode().translate(_STEPS, _NO_BRACKET)
    return np.frombuffer(brackets, np.int8)
