"""The consoles of all commands. They print plain text, and rich's markup has no effect.

Paths, rows and reasons hold `[/a]` and `:x:`, which a console of rich's defaults takes for its own.
"""

from rich.console import Console


def plain_console(stderr: bool = False, width: int | None = None) -> Console:
    """Make a console that interprets no text as markup or emoji, and highlights nothing.

    That holds for titles and cells of tables too.
    """
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def format_size(size: int) -> str:
    """Format a number of bytes in KB (1,000 bytes) or, from 1,000,000 bytes on, in MB.

    Args:
      size: A number of bytes.
    """
    return f"{size / 1e3:.1f} KB" if size < 1e6 else f"{size / 1e6:.1f} MB"


def printable(text: str) -> str:
    """Make a foreign text safe to print, so that no part of it can control the terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
