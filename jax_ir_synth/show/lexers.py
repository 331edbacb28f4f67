"""Pygments lexers for the languages in `lexicon`, and their colours in a terminal."""

import functools

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers import PythonLexer, TextLexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
    Text,
    Token,
)
from rich.style import Style
from rich.syntax import ANSISyntaxTheme

from jax_ir_synth.show.lexicon import LEXICON

TOKENS = {
    "": Text,
    "comment": Comment,
    "string": String,
    "number": Number,
    "keyword": Keyword,
    "operation": Name.Function,
    "type": Keyword.Type,
    "value": Name.Variable,
    "symbol": Name.Label,
    "attribute": Name.Attribute,
}

# Colours of the terminal's own palette that are legible on black and on white.
THEME = ANSISyntaxTheme(
    {
        Token: Style(),
        Comment: Style(dim=True, italic=True),
        String: Style(color="green"),
        Number: Style(color="yellow"),
        Keyword: Style(color="magenta"),
        Keyword.Type: Style(color="cyan"),
        Operator.Word: Style(color="magenta"),
        Name.Builtin: Style(color="cyan"),
        Name.Function: Style(color="blue", bold=True),
        Name.Label: Style(color="red"),
        Name.Decorator: Style(color="magenta"),
        Name.Attribute: Style(italic=True),
        Name.Variable: Style(),
    }
)


@functools.cache
def get_lexer(language: str) -> Lexer:
    """Return the lexer of a language. For an unknown one, the lexer leaves all text plain.

    Args:
      language: A key of `lexicon.LEXICON`.
    """
    options = {"stripnl": False, "ensurenl": False}
    if language == "python":
        # The lexer of Pygments is more exact than the few rules of the page.
        return PythonLexer(**options)
    if language not in LEXICON:
        return TextLexer(**options)
    rules = [(expression, TOKENS[kind]) for kind, expression in LEXICON[language]]
    # A character that no rule matches is plain, and the rules are tried again after it.
    tokens = {"root": [*rules, (r"[\s\S]", Text)]}
    made = type(f"{language.title()}Lexer", (RegexLexer,), {"name": language, "tokens": tokens})
    return made(**options)
