"""Pieces of Markdown that the dataset's pages are made of."""


def fenced(language: str, text: str) -> str:
    """The text as a block of code; `language` colours it, "" doesn't."""
    return f"```{language}\n{text.rstrip()}\n```"
