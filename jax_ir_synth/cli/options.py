"""The flags that several commands have, each written once, and the types of their values."""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from jax_ir_synth.cli.command import OldArgument, Option, name_of
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.config import (
    ALL,
    CONFIGS,
    DEFAULTS,
    DEVICES,
    Request,
    parse_num_proc,
)
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.request.passes import DEFAULT as DEFAULT_PASSES
from jax_ir_synth.request.passes import PASSES
from jax_ir_synth.request.targets import DEFAULTS as MACHINES
from jax_ir_synth.request.targets import TARGETS
from jax_ir_synth.runtime.sandbox.resource_limits import MAX_GIGABYTES, MAX_SECONDS
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.paths import parse_path, refuse_url

# The largest values of the flags for a helper's limits.
OVERWRITE = outputs.OVERWRITE
DATASET_HELP = f"""a .jsonl or .parquet file; a folder of save_to_disk, of scale or of publish
--dry-run; a Hub dataset (user/name); or rows to be made: a config, alone or with settings as in
{ALL}:seed=7,count=1500"""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
# An argument with its value, at the beginning of a message.
_ARGUMENT = re.compile(r"^`(\w+)` \(=")


class Type(click.ParamType[Any]):
    """A type whose `read` raises UsageError, with or without the parameter's name."""

    # How a shell completes values: `file`, `dir` or not at all.
    completion = ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a word to its value; a default is already a value."""
        if not isinstance(value, str):
            return value
        name = name_of(param) if param is not None else "value"
        try:
            return self.read(value, name)
        except UsageError as error:
            if f"`{name}`" in str(error):
                raise
            raise click.BadParameter(str(error), ctx, param) from error

    def read(self, text: str, name: str) -> Any:
        """Parse the value. Raises UsageError if it is wrong."""
        raise NotImplementedError

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete names of files."""
        return [CompletionItem(incomplete, type=self.completion)] if self.completion else []


class OutputPath(Type):
    """A file or folder that is written. The command has to check it, see `storage.outputs`."""

    name, completion = "path", "file"

    def read(self, text: str, name: str) -> Path:
        """Parse the path; see `outputs.parse_output`."""
        return outputs.parse_output(text)


class InputPath(Type):
    """A file or folder that is read."""

    name, completion = "path", "file"

    def read(self, text: str, name: str) -> Path:
        """Parse the path; URLs are refused."""
        return parse_path(text)


class DatasetName(Type):
    """A dataset by name, see `storage.dataset_names`."""

    name, completion = "dataset", "file"

    def read(self, text: str, name: str) -> str:
        """Parse the name; URLs are refused."""
        return refuse_url(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete configs and names of files."""
        configs = [CompletionItem(name) for name in CONFIGS if name.startswith(incomplete)]
        return configs or super().shell_complete(ctx, param, incomplete)


class Integer(Type):
    """An integer, with a lower bound `low` if that is given."""

    name = "integer"

    def __init__(self, low: int | None = None):
        self.low = low

    def read(self, text: str, name: str) -> int:
        """The number."""
        try:
            number = int(text)
        except ValueError:
            raise UsageError(f"`{name}` (={text!r}) must be an integer") from None
        if self.low is not None and number < self.low:
            raise UsageError(f"`{name}` (={number}) must be {self.low} or more")
        return number


class Amount(Type):
    """A number above 0, of a unit."""

    name = "number"

    def __init__(self, unit: str, most: float):
        self.unit, self.most = unit, most

    def read(self, text: str, name: str) -> float:
        """The number."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # Written so that NaN fails, too.
        if not 0 < value <= self.most:
            raise UsageError(
                f"`{name}` (={text}) must be a number of {self.unit} above 0, up to {self.most}"
            )
        return value


class OneOf(Type):
    """One of a few words."""

    name = "name"

    def __init__(self, allowed: Sequence[str]):
        self.allowed = tuple(allowed)

    def read(self, text: str, name: str) -> str:
        """The word."""
        if text not in self.allowed:
            raise UsageError(f"`{name}` (={text}) must be one of: {', '.join(self.allowed)}")
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the words with this beginning."""
        return [CompletionItem(word) for word in self.allowed if word.startswith(incomplete)]


class Name(OneOf):
    """A name, or several with commas; `Request` checks them, and known names are completed."""

    def read(self, text: str, name: str) -> str:
        """Return the text unchanged."""
        return text


@contextlib.contextmanager
def name_flags() -> Iterator[None]:
    """Within it a UsageError about an argument, as `num_proc` (=0), is about its flag."""
    try:
        yield
    except UsageError as error:
        if not _ARGUMENT.match(str(error)):
            raise
        raise UsageError(_ARGUMENT.sub(_name_flag, str(error))) from error


def _name_flag(argument: re.Match[str]) -> str:
    return f"`--{argument[1].replace('_', '-')}` (="


def option(*declarations: str, **settings: Any) -> Decorator:
    """Make a flag; for `settings` see `Option`."""
    return click.option(*declarations, cls=Option, **settings)


def argument(declaration: str, metavar: str, **settings: Any) -> Decorator:
    """Make a positional argument; for `settings` see `click.Argument`."""
    return click.argument(declaration, metavar=metavar, **settings)


def flag(*declarations: str, **settings: Any) -> Decorator:
    """Make a flag without a value."""
    return option(*declarations, is_flag=True, show_default=False, **settings)


overwrite = flag(OVERWRITE, help="replace an output that is there already")
verbose = flag("-v", "--verbose", help="print each failure in full")
strict = flag(
    "--strict",
    help="stop at the first row that can't be made or proven, instead of leaving it out",
)


def num_proc(help: str = "worker processes", old_names: Sequence[str] = ()) -> Decorator:
    """Make the flag `--num-proc`, an integer from 1."""

    def check(ctx: click.Context, param: click.Parameter, value: int) -> int:
        with name_flags():
            return parse_num_proc(value)

    return option(
        "--num-proc",
        type=Integer(),
        default=1,
        metavar="N",
        callback=check,
        help=help,
        old_names=old_names,
    )


def output(help: str, metavar: str = "PATH", flag: str = "--output", **settings: Any) -> Decorator:
    """Make a flag that names an output."""
    return option(flag, type=OutputPath(), metavar=metavar, help=help, **settings)


def old_output(name: str, metavar: str) -> Decorator:
    """Make the old positional argument that named an output before `--output` did."""
    return argument(name, metavar, type=OutputPath(), required=False, cls=OldArgument)


def one_output(named: Path | None, positional: Path | None) -> Path:
    """Find the output from its flag, or from the old argument.

    Raises:
      UsageError: it is named twice, or not at all.
    """
    if named is not None and positional is not None:
        raise UsageError(f"`--output` (={named}) is named twice: {positional} as well")
    found = named if named is not None else positional
    if found is None:
        raise UsageError("`--output` is missing")
    return found


def dataset(name: str = "dataset", required: bool = True, **settings: Any) -> Decorator:
    """Make the parameters for the dataset that a command reads, and for its config."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        config = option(
            "--config",
            type=Name(CONFIGS),
            metavar="NAME",
            help="of a Hub dataset, or of a folder of publish --dry-run: its config  "
            f"[default: {ALL}]",
        )
        default = settings.get("default")
        shown = DATASET_HELP if default is None else f"{DATASET_HELP}  [default: {default}]"
        named = argument(
            name, "DATASET", type=DatasetName(), required=required, help=shown, **settings
        )
        return named(config(function))

    return decorate


def split(help: str) -> Decorator:
    """Make the flag `--split`."""
    return option("--split", type=OneOf(SPLITS), metavar="NAME", help=help)


def limits(what: str, seconds: float, gigabytes: float) -> Decorator:
    """Make the flags `--timeout` and `--memory` for a helper process."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        timeout = option(
            "--timeout",
            type=Amount("seconds", MAX_SECONDS),
            default=seconds,
            metavar="SECONDS",
            help=f"CPU time for one {what}; ten times as much wall time",
        )
        memory = option(
            "--memory",
            type=Amount("GB", MAX_GIGABYTES),
            default=gigabytes,
            metavar="GB",
            help="memory of one helper, with what jax takes",
        )
        return timeout(memory(function))

    return decorate


def rows(defaults: bool = True) -> Decorator:
    """Make the flags that say how rows are made, except those for categories and proofs.

    Args:
      defaults: whether a flag that isn't given has its default, or else None.
    """
    default = DEFAULTS if defaults else dict.fromkeys(DEFAULTS)

    def shown(name: str) -> str:
        return "" if defaults else f"  [default: {DEFAULTS[name]}]"

    flags = (
        option(
            "--count",
            type=Integer(),
            default=default["count"],
            metavar="N",
            help=f"rows in all splits together{shown('count')}",
        ),
        option(
            "--seed",
            type=Integer(),
            default=default["seed"],
            metavar="N",
            help=f"0 to 2**64 - 1; other seeds give other rows{shown('seed')}",
        ),
        option(
            "--device",
            type=Name(DEVICES),
            default=default["device"],
            metavar="NAME",
            help=f"{', '.join(DEVICES)}: the IR columns to fill{shown('device')}",
        ),
        option(
            "--dialect",
            type=Name(DIALECTS),
            default=default["dialect"],
            metavar="NAME[,NAME...]",
            help=f"{', '.join(DIALECTS)}; several give a section each{shown('dialect')}",
        ),
        option(
            "--target",
            type=Name(tuple(TARGETS)),
            default=default["target"],
            metavar="NAME[,NAME]",
            help=f"what optimized_hlo, llvm and asm are compiled for: {', '.join(TARGETS)}; CUDA's "
            "need the extra cuda-ir, no GPU and no CUDA  "
            f"[default: {','.join(MACHINES.values())}]",
        ),
        option(
            "--passes",
            type=Name(PASSES),
            default=",".join(DEFAULT_PASSES) if defaults else None,
            metavar="NAME[,NAME...]",
            help=f"{', '.join(PASSES)}; each gives a module, and forward must be among them"
            + ("" if defaults else f"  [default: {','.join(DEFAULT_PASSES)}]"),
        ),
    )
    return _all(flags)


def request(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags for a request, and call it with a `request`."""

    @functools.wraps(function)
    def call(
        config: str,
        count: int,
        seed: int,
        device: str,
        dialect: str,
        target: str | None,
        passes: str,
        no_verify: bool,
        strict: bool,
        **others: Any,
    ) -> Any:
        with name_flags():
            wanted = Request(
                config, seed, count, device, dialect, target, not no_verify, strict, passes
            )
        return function(request=wanted, **others)

    config = option(
        "--config",
        type=Name(CONFIGS),
        default=ALL,
        metavar="NAME",
        help=", ".join(CONFIGS),
    )
    return _all((config, rows(), no_verify, strict))(call)


no_verify = flag(
    "--no-verify",
    help="don't prove the rows: a quarter faster, and nothing then shows that the IR in a row "
    "computes what its Python means",
)


def _all(decorators: Sequence[Decorator]) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate
