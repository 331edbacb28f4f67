"""The application `jax-ir-synth`: its commands by name, each imported when it is needed.

    jax-ir-synth generate --count 1500 --output data/rows

Flags without a command are those of `generate`, as they were before there were commands.
"""

import importlib
import os

import click
from click.shell_completion import get_completion_class, shell_complete

from jax_ir_synth import __version__
from jax_ir_synth.cli.command import help_option, message_option, suggest

PROGRAM = "jax-ir-synth"
# The commands' lines in `--help`, which needn't import them for that.
COMMANDS = {
    "generate": "make rows and write them to a file or a folder",
    "verify": "prove the rows of a dataset anew",
    "show": "print a row, or write a page with many",
    "stats": "print a dataset's figures, and check its promises",
    "samples": "write one row of each category as a page to read",
    "levels": "write one kernel in all dialects as a page to read",
    "card": "write a dataset's card for the Hub",
    "publish": "make and prove rows, and publish them on the Hub",
    "scale": "make Parquet shards by many processes or machines",
    "evaluate": "score the IR that a model wrote",
    "baselines": "write the predictions of a baseline",
    "prompts": "write what a model is asked, row by row",
    "harvest": "make rows of the functions of installed packages",
    "lower": "print the IR of a function of your own",
}
_SHELLS = ("bash", "zsh", "fish", "powershell")
_COMPLETE = "_JAX_IR_SYNTH_COMPLETE"
_WITHOUT_A_COMMAND = "generate"


class Application(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands' names, in the order of a dataset's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of a name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"jax_ir_synth.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command with which the words begin.

        Raises:
          UsageError: there is no such command; the message suggests a similar one.
        """
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            names = suggest(args[0], COMMANDS) or f": {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}{names}", ctx)
        return args[0], command, args[1:]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; flags without a command are those of `generate`."""
        own = {name for param in self.get_params(ctx) for name in param.opts}
        first = args[0].partition("=")[0] if args else ""
        if first.startswith("-") and first not in own:
            args = [_WITHOUT_A_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' names and descriptions."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def complete() -> int | None:
    """Answer a shell that asks for completions, by an environment variable.

    Returns:
      The exit code; None if no shell asks.
    """
    asked = os.environ.get(_COMPLETE)
    return shell_complete(application, {}, PROGRAM, _COMPLETE, asked) if asked else None


def version_option() -> click.Option:
    """Make the flag `--version`."""
    return message_option(
        "--version", help="Show the version and exit.", text=lambda _: f"{PROGRAM} {__version__}"
    )


def _print_completion(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    if shell is None or ctx.resilient_parsing:
        return
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"`--completion` (={shell}) must be one of: {', '.join(_SHELLS)}")
    print(found(application, {}, PROGRAM, _COMPLETE).source())
    ctx.exit()


application = Application(
    PROGRAM,
    help="Pairs of a JAX program's Python source and its compiler IR: made, proven, looked at, "
    "published, and scored.\n\n`jax-ir-synth COMMAND --help` says more of each command.",
    epilog="Flags without a command are those of generate: jax-ir-synth --count 5000 --output "
    "data/large",
    add_help_option=False,
    no_args_is_help=True,
    subcommand_metavar="COMMAND ...",
    params=[
        click.Option(
            ["--completion"],
            metavar="SHELL",
            is_eager=True,
            expose_value=False,
            callback=_print_completion,
            help=f"Print what completes commands and flags in {', '.join(_SHELLS)}: "
            f'eval "$({PROGRAM} --completion bash)"',
        ),
        version_option(),
        help_option(),
    ],
)
