"""The pages that the tests of this folder read: README.md, CONTRIBUTING.md and docs/."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

_BLOCK = re.compile(r"^(?:<!-- (.*?) -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code in a page.

    Attributes:
      page, language, text: where it is, in which language, and what it is.
      note: the HTML comment on the line before it, empty if there is none.
    """

    page: Path
    language: str
    text: str
    note: str


def blocks(language: str, *pages: Path) -> list[Block]:
    """All blocks in a language, in order."""
    return [
        Block(page, found[2], found[3], found[1] or "")
        for page in pages or PAGES
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
        if found[2] == language
    ]


def first_column(page: Path, header: str) -> list[str]:
    """The first cells of the table whose header line begins like this, without backticks."""
    text = page.read_text(encoding="utf-8")
    lines = text[text.index(f"\n| {header} ") + 1 :].split("\n\n")[0].splitlines()
    return [line.split("|")[1].strip(" `") for line in lines[2:]]
