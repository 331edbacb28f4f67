"""Parses the words of all commands: grammar, help, and the line for a mistake.

It adds to click: a flag may take several values (`--k 1 10`), old spellings of a flag work but
aren't shown, and a flag in place of a missing value isn't taken for the value.
"""

import copy
import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

# The width of the help, even on a wider terminal.
_WIDTH = 100


class Option(click.Option):
    """An option with a few more properties than click's.

    Attributes:
      old_names: earlier spellings, which still work but aren't shown.
      several: whether it takes one or more values, up to the next flag; it may also be repeated.
      needed: whether it must be given, unless an old argument gives the same value. Click itself
        requires it only if there is no such argument.
    """

    def __init__(
        self,
        declarations: Sequence[str],
        old_names: Sequence[str] = (),
        several: bool = False,
        needed: bool = False,
        **settings: Any,
    ):
        super().__init__([*declarations, *old_names], multiple=several, **settings)
        self.needed = needed or self.required
        self.old_names = tuple(old_names)
        self.several = several

    @property
    def flag(self) -> str:
        """The spelling that messages use."""
        return next(name for name in reversed(self.opts) if name not in self.old_names)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's line in `--help`, without the old spellings."""
        shown = copy.copy(self)
        shown.opts = [name for name in self.opts if name not in self.old_names]
        return click.Option.get_help_record(shown, ctx)


class OldArgument(click.Argument):
    """A positional argument that a flag has replaced; it still works, but isn't shown."""


def message_option(*names: str, help: str, text: Callable[[click.Context], str]) -> click.Option:
    """Make a flag that prints a text and ends the command.

    It uses `print`, since `click.echo` bypasses a stream that supports only ASCII, and so bypasses
    `terminal.streams`.
    """

    def show(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            print(text(ctx))
            ctx.exit()

    return click.Option(
        names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=help
    )


def help_option() -> click.Option:
    """Make the flag `--help`."""
    return message_option(
        "-h", "--help", help="Show this message and exit.", text=lambda ctx: ctx.get_help()
    )


class Command(click.Command):
    """A command of the application."""

    def __init__(self, name: str | None, params: list[click.Parameter] | None, **settings: Any):
        super().__init__(
            name,
            params=[*(params or ()), help_option()],
            add_help_option=False,
            context_settings={"show_default": True, "max_content_width": _WIDTH},
            **settings,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, once flags with several values are repeated for each value."""
        return super().parse_args(ctx, list(self._spread(ctx, args)))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """List the parts of the usage line: positional arguments, required flags, the rest."""
        params = self.get_params(ctx)
        required = [
            f"{param.flag} {param.make_metavar(ctx)}"
            for param in params
            if isinstance(param, Option) and param.needed
        ]
        return [*map(_show_usage, _arguments(params)), *required, "[OPTIONS]"]

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the positional arguments, except old ones."""
        records = [param.get_help_record(ctx) for param in _arguments(self.get_params(ctx))]
        if lines := [record for record in records if record is not None]:
            with formatter.section("Arguments"):
                formatter.write_dl(lines)

    def _spread(self, ctx: click.Context, words: Sequence[str]) -> Iterable[str]:
        """Repeat each flag that takes several values before each of its values."""
        options = {
            name: param
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        }
        rest = list(words)
        while rest:
            word = rest.pop(0)
            yield word
            if word == "--":
                yield from rest
                return
            option = options.get(word)
            if option is None or option.is_flag or option.count:
                continue
            if not rest or rest[0].partition("=")[0] in options:
                if ctx.resilient_parsing:
                    # A shell asks for completions of the value.
                    continue
                raise click.UsageError(f"`{word}` needs a value", ctx)
            yield rest.pop(0)
            while getattr(option, "several", False) and rest and not _is_flag(rest[0]):
                yield word
                yield rest.pop(0)


def name_of(param: click.Parameter) -> str:
    """Return a parameter's name in messages: its flag, or its metavar."""
    if isinstance(param, Option):
        return param.flag
    if isinstance(param, click.Option):
        return param.opts[-1]
    return str(param.metavar or param.name)


def describe(error: click.UsageError) -> str:
    """Describe a mistake that click found, in one line."""
    if isinstance(error, click.NoSuchOption):
        known = [
            name
            for param in (error.ctx.command.get_params(error.ctx) if error.ctx else ())
            for name in param.opts
        ]
        return f"there is no flag {error.option_name}{suggest(error.option_name, known)}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"`{name_of(error.param)}` is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"argument {name_of(error.param)}: {error.message}"
    if isinstance(error, click.BadOptionUsage):
        return f"`{error.option_name}` takes no value"
    return " ".join(error.format_message().split())


def suggest(word: str, known: Iterable[str]) -> str:
    """Format `; did you mean ...?`, or an empty text if no known word is similar."""
    # The dashes that all flags begin with make no two of them similar.
    by_letters = {name.lstrip("-"): name for name in sorted(known)}
    near = [
        by_letters[letters]
        for letters in difflib.get_close_matches(word.lstrip("-"), by_letters, n=2)
    ]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _arguments(params: Iterable[click.Parameter]) -> list[click.Argument]:
    return [
        param
        for param in params
        if isinstance(param, click.Argument) and not isinstance(param, OldArgument)
    ]


def _show_usage(argument: click.Argument) -> str:
    """Format a positional argument for the usage line: `NAME`, `NAME...`, or `[NAME]`."""
    name = f"{argument.metavar}{'...' if argument.nargs == -1 else ''}"
    # Without a default it must be given, perhaps in an old way that the command still accepts.
    return name if argument.required or not isinstance(argument.default, str) else f"[{name}]"


def _is_flag(word: str) -> bool:
    # A negative number is a value, not a flag.
    return word[:1] == "-" and len(word) > 1 and not word[1:].isdigit()
