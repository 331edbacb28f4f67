"""The command `lower`: prints the IR of a user's function and of its gradient."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.application import PROGRAM
from jax_ir_synth.cli.arguments import DTYPES, Argument, Aval, NamedArgument, Shape
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import CommandError, report_unfinished
from jax_ir_synth.cli.functions import (
    bind_arguments,
    check_names,
    describe_error,
    find_file,
    find_function,
)
from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.request.config import DEVICES
from jax_ir_synth.request.dialects import DEFAULT, DIALECTS
from jax_ir_synth.request.passes import DEFAULT as DEFAULT_PASSES
from jax_ir_synth.request.passes import PASSES, parse_passes
from jax_ir_synth.request.targets import TARGETS
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.writers import choose_format, open_output

__all__ = ["DTYPES", "Aval", "Shape", "command", "find_function"]


# What a row has no choice of, with the flags' defaults.
_OF_TEXTS = {"dialect": DEFAULT, "target": None, "argnums": (), "passes": ",".join(DEFAULT_PASSES)}


@click.command(
    "lower",
    cls=Command,
    help="Print the compiler IR of a function of JAX arrays, and of its gradient. The text has the "
    "header and the sections of a row's. No GPU is needed, and nothing is executed but what the "
    "module does when it is imported. With --row, write a row instead, as the other commands take "
    "it: the function's own text with all that it needs, its IR, and a proof.",
    epilog="Examples: jax-ir-synth lower model.py:gelu_residual 8x16xf32 16x16xf32 --device cuda; "
    "jax-ir-synth lower model.py:norm --arg 'x: f32[8,16] -1..1' axis=0 --row --output rows.jsonl",
)
@options.argument(
    "function",
    "FUNCTION",
    help="module:function, or file.py:function",
)
@options.argument(
    "shapes",
    "SHAPE",
    type=Shape(),
    nargs=-1,
    help="of each argument its shape and dtype, as MLIR writes them: 8x16xf32, or f32 for a scalar "
    "(float32[8,16] is read too)",
)
@options.option(
    "--arg",
    "named",
    type=Argument(),
    several=True,
    metavar="TEXT [TEXT...]",
    help="the same by name, 'x: f32[8,16]', with the range of its values in a row, "
    "'x: f32[8,16] -1..1'; or a value that stays, 'axis=-1'",
)
@options.option(
    "--device",
    type=options.OneOf(DEVICES),
    default="both",
    metavar="NAME",
    help=f"{', '.join(DEVICES)}: one text for each device",
)
@options.option(
    "--dialect",
    type=options.Name(DIALECTS),
    default=DEFAULT,
    metavar="NAME[,NAME...]",
    help=f"{', '.join(DIALECTS)}; several give a section each",
)
@options.option(
    "--target",
    type=options.Name(tuple(TARGETS)),
    metavar="NAME[,NAME]",
    help=f"what optimized_hlo, llvm and asm are compiled for: {', '.join(TARGETS)}",
)
@options.option(
    "--argnums",
    type=options.Integer(low=0),
    several=True,
    metavar="N [N...]",
    help="the arguments to differentiate by, counted from 0  [default: all floating-point ones]",
)
@options.option(
    "--passes",
    type=options.Name(PASSES),
    default=",".join(DEFAULT_PASSES),
    metavar="NAME[,NAME...]",
    help=f"{', '.join(PASSES)}; a section for each, in this order",
)
@options.option("--name", metavar="NAME", help="the module's name  [default: the function's own]")
@options.flag("--row", help="write a row, as JSON or, to a file of that name, as .parquet")
@options.option(
    "--id", type=options.Integer(low=0), default=0, metavar="N", help="the id of the row"
)
@options.flag("--no-verify", help="don't prove the row")
@options.output("a file, or - for the standard output  [default: -]", "FILE")
@options.overwrite
@options.flag("-v", "--verbose", help="print the traceback of an error in the function too")
def command(
    function: str,
    shapes: Sequence[Aval],
    named: Sequence[NamedArgument],
    device: str,
    dialect: str,
    target: str | None,
    argnums: Sequence[int],
    passes: str,
    name: str | None,
    row: bool,
    id: int,
    no_verify: bool,
    output: Path | None,
    overwrite: bool,
    verbose: bool,
) -> int:
    """Print the texts, the CPU's first, or the row."""
    path = Path("-") if output is None else output
    outputs.check({"--output": path}, {"FUNCTION": find_file(function)}, overwrite)
    check_names(named)
    platforms = ("cpu", "cuda") if device == "both" else (device,)
    if row:
        given = {"dialect": dialect, "target": target, "argnums": argnums, "passes": passes}
        for flag, value in given.items():
            if value != _OF_TEXTS[flag]:
                raise UsageError(f"`--{flag}` is for texts: a row has its own, without `--row`")
        kind = choose_format(path, jsonl=False)
        fn = find_function(function, verbose)
        args, kwargs = bind_arguments(fn, shapes, named)
        made = _make_row(
            function,
            verbose,
            fn,
            args,
            kwargs=kwargs,
            ranges={each.name: each.range for each in named if each.range is not None} or None,
            name=name,
            platforms=platforms,
            prove=not no_verify,
            id=id,
        )
        # Imported late, since --help or a wrong argument must not wait for pyarrow.
        from jax_ir_synth.schema.columns import ORIGIN_SCHEMA

        with (
            report_unfinished(f"{path} was not written"),
            open_output(path, kind, overwrite, schema=ORIGIN_SCHEMA) as write,
        ):
            write(made)
        print(f"{PROGRAM} lower: {made['kernel_name']}: {made['verified']}", file=sys.stderr)
        return 0
    for each in named:
        if each.range is not None:
            raise UsageError(f"`--arg` ({each.name}) has a range, which is for a row: see `--row`")
    for flag, is_given in {"id": id > 0, "no-verify": no_verify}.items():
        if is_given:
            raise UsageError(f"`--{flag}` is for a row: see `--row`")
    from jax_ir_synth.request import dialects, targets

    chosen = dialects.parse_dialects(dialect)
    kinds = parse_passes(passes)
    machines = None if target is None else targets.parse_targets(target)
    fn = find_function(function, verbose)
    args, kwargs = bind_arguments(fn, shapes, named)
    # Imported late, since --help or a wrong argument must not wait for jax.
    from jax_ir_synth.lowering import lower

    static = {each.name for each in named if each.aval is None}
    positions = [number for number, value in enumerate(args) if not hasattr(value, "dtype")]
    try:
        texts = lower(
            fn,
            *args,
            kwargs=kwargs,
            static_argnums=positions or None,
            static_argnames=sorted(static & kwargs.keys()) or None,
            platforms=platforms,
            dialect=chosen,
            target=machines,
            argnums=tuple(argnums) or None,
            name=name,
            passes=kinds,
        )
    except JaxIrSynthError:
        raise
    # The user's function may raise anything.
    except Exception as error:
        raise describe_error(
            CommandError, f"{function} can't be lowered", error, verbose
        ) from error
    with report_unfinished(f"{path} was not written"):
        outputs.write_text(path, "\n".join(texts.values()), overwrite)
    return 0


def _make_row(
    function: str, verbose: bool, fn: Callable[..., Any], args: Sequence[Any], **settings: Any
) -> dict[str, Any]:
    # Imported late, since --help or a wrong argument must not wait for jax.
    from jax_ir_synth.functions.row import make_row

    try:
        return make_row(fn, *args, **settings)
    except JaxIrSynthError:
        raise
    # The user's function may raise anything.
    except Exception as error:
        what = f"{function} can't be made a row"
        raise describe_error(CommandError, what, error, verbose) from error
