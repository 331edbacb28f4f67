"""Changes a text by position, so that all that isn't changed stays as its author wrote it."""

import ast
import io
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jax_ir_synth.functions.cutting.pieces import Part, Parts


class Edit(NamedTuple):
    """What stands in the place of a part of a file.

    Attributes:
      start: The first character.
      end: The character after the last one.
      parts: What is written there.
    """

    start: int
    end: int
    parts: Parts = ()


class Text:
    """The text of a file, in which a syntax tree's nodes have places.

    Args:
      text: The text.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # Python counts lines by newlines alone.
        self._lines = io.StringIO(text).readlines()
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def find(self, line: int, column: int) -> int:
        """Find the place of a line (from 1) and a column in bytes, as trees have them."""
        content = self._lines[line - 1] if line <= len(self._lines) else ""
        if content.isascii():
            return self._starts[line - 1] + column
        return self._starts[line - 1] + len(content.encode()[:column].decode())

    def start(self, node: Any) -> int:
        """The place where a node begins."""
        return self.find(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        """The place after a node."""
        return self.find(node.end_lineno, node.end_col_offset)

    def line_start(self, line: int) -> int:
        """The place where a line begins."""
        return self._starts[line - 1]

    def drop_lines(self, node: Any) -> Edit:
        """Make the edit that leaves out all lines of a decorator or a definition."""
        decorators = getattr(node, "decorator_list", ())
        first = min([node.lineno, *(each.lineno for each in decorators)])
        return Edit(self.line_start(first), self.line_start(node.end_lineno + 1))

    def find_lines(self, node: Any) -> tuple[int, int] | None:
        """Find the lines of a statement that has them for itself, with the newline.

        Blank lines after it are among them if there are blank lines before it, too.
        """
        first, last = self._starts[node.lineno - 1], node.end_lineno
        before = self.text[first : self.start(node)]
        after = self.text[self.end(node) : self._starts[last]].split("#")[0]
        if before.strip() or after.strip():
            return None
        if node.lineno > 1 and not self._lines[node.lineno - 2].strip():
            while last < len(self._lines) and not self._lines[last].strip():
                last += 1
        return first, self._starts[last]

    def dedent(self, node: Any, first: int, indent: str = "") -> Iterator[Edit]:
        """Make the edits that move a statement to the left margin.

        The lines of strings over several lines stay, except for docstrings.

        Args:
          node: The statement.
          first: The number of its first line, from 1, which may have a decorator.
          indent: What its lines begin with then.
        """
        fixed = set()
        for inside in ast.walk(node):
            if isinstance(inside, ast.Constant | ast.JoinedStr):
                fixed |= self._find_inner_lines(inside)
        for inside in ast.walk(node):
            if isinstance(inside, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inside):
                docstring: Any = inside.body[0]
                fixed -= {*range(docstring.lineno, docstring.end_lineno + 1)}
        for line in range(first, node.end_lineno + 1):
            content = self._lines[line - 1]
            margin = min(len(content) - len(content.lstrip(" \t")), node.col_offset)
            if margin and line not in fixed:
                start = self._starts[line - 1]
                yield Edit(start, start + margin, [indent])

    def _find_inner_lines(self, node: Any) -> set[int]:
        """Find the lines that begin within a string, not between strings that are joined."""
        text = self.text[self.start(node) : self.end(node)]
        if not any(mark in text for mark in ('"""', "'''", "\\\n")):
            return set()
        return {*range(node.lineno + 1, node.end_lineno + 1)}

    def apply(self, start: int, end: int, edits: Iterable[Edit]) -> list[Part]:
        """Write the text from start to end with its edits.

        An edit within another one, or before the start, is left out.
        """
        parts: list[Part] = []
        place = start
        for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
            if edit.start < place or edit.end > end:
                continue
            parts += [self.text[place : edit.start], *edit.parts]
            place = edit.end
        return [*parts, self.text[place:end]]
