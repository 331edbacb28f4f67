"""The lines of a function while it is written."""

from collections.abc import Sequence

INDENT = "    "


class Frame:
    """A function being written: its nesting level, its lines so far and its indentation."""

    def __init__(self, level: int, indent: int):
        self.level = level
        self.indent = indent
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Adds a line at the frame's indentation."""
        self.lines.append(INDENT * self.indent + line)

    def blank(self) -> None:
        """Adds an empty line, but neither as the first nor after another one."""
        if self.lines and self.lines[-1]:
            self.lines.append("")


def grouped(names: Sequence[str]) -> str:
    """One name alone, several as a tuple, none as `_`."""
    if not names:
        return "_"
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
