"""Writes pieces of Markdown for the dataset's pages."""


def fenced(language: str, text: str) -> str:
    """Format a text as a block of code, highlighted as `language` unless that is empty."""
    return f"```{language}\n{text.rstrip()}\n```"
