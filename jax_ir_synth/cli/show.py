"""The command `python -m jax_ir_synth.show`: a row in the terminal, or a page with many."""

import argparse
import sys
from pathlib import Path

from jax_ir_synth.cli.generate import (
    OneLineParser,
    Terminated,
    add_request_arguments,
    request_of,
    sigterm_raises,
)
from jax_ir_synth.request import choices, dialects
from jax_ir_synth.request.config import ALL, CONFIGS, DEFAULTS, DEVICES
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.destinations import NotPlacedError
from jax_ir_synth.storage.paths import no_url
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.show"
ROWS = 300
PASSES = ("forward", "backward", "both")
# What says how rows are made; a saved dataset's are made already.
_MAKING = ("seed", "count", "target", "verify")
# What a page lets its reader choose.
_VIEWING = {"id": "--id", "passes": "--pass"}
_FLAGS = {"verify": "--no-verify"}


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done. 1: a row couldn't be made, or the writing failed. 2: wrong arguments, nothing there by
    that name or id, a malformed row, or a page that can't be written. 130 and 143: interrupted,
    terminated. After anything but 0 no page is written.
    """
    parser = _parser()
    # What is not given stays None, so that it can be told from a default.
    none = argparse.Namespace(**dict.fromkeys((*DEFAULTS, "id", "passes", "rows")))
    arguments = parser.parse_args(argv, none)
    try:
        _validate(arguments)
        request = _request(arguments)
        _dialects(arguments)
    except ValueError as error:
        parser.error(str(error))
    # Late: they bring jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.show.sources import GeneratedRows, SavedRows

    try:
        source = SavedRows(Path(arguments.what)) if request is None else GeneratedRows(request)
        with sigterm_raises():
            (_print if arguments.html is None else _write)(source, arguments)
    except KeyboardInterrupt:
        return _fail(parser, "interrupted", 130)
    except Terminated:
        return _fail(parser, "terminated", 143)
    except NotPlacedError as error:
        return _fail(parser, f"{arguments.html} was not written: {error}", 1)
    except RuntimeError as error:
        # A row that can't be made, or a grammar that has no more programs.
        return _fail(parser, str(error), 1)
    except ValueError as error:
        parser.error(_told(error, arguments))
    except OSError as error:
        where = error.filename or arguments.html or arguments.what
        parser.error(f"{where}: {error.strerror or error}")
    return 0


def _fail(parser: OneLineParser, message: str, code: int) -> int:
    print(f"{parser.prog}: {message}", file=sys.stderr)
    return code


def _told(error: ValueError, arguments) -> str:
    from jax_ir_synth.show.sources import ShowError
    from jax_ir_synth.storage.dataset_reader import DatasetError

    if isinstance(error, DatasetError | ShowError):
        return str(error)
    return f"`PATH` (={arguments.what}) has a malformed row: {error}"


def _print(source, arguments) -> None:
    from jax_ir_synth.show.parts import COLUMNS_OF_DEVICE, PASSES, list_parts
    from jax_ir_synth.show.sources import ShowError
    from jax_ir_synth.show.terminal import make_console, show_row

    view = source.one(arguments.id)
    both = arguments.passes in (None, "both")
    passes = PASSES if both else (arguments.passes,)
    parts = list_parts(view, COLUMNS_OF_DEVICE[arguments.device or "both"], passes)
    if arguments.dialect is not None:
        have = list(dict.fromkeys(part.dialect for part in parts))
        if missing := [name for name in arguments.dialect if name not in have]:
            raise ShowError(
                f"`--dialect` (={','.join(missing)}) is none of the row's: {', '.join(have)}"
            )
        parts = [part for name in arguments.dialect for part in parts if part.dialect == name]
    if not parts:
        raise ShowError(f"`--device` (={arguments.device}): the row has no IR for it")
    show_row(make_console(), view, parts)


def _write(source, arguments) -> None:
    from jax_ir_synth.show.page import write_page

    with outputs.written(arguments.html, arguments.overwrite) as partial:
        shown, total = write_page(partial, source, arguments.rows or ROWS)
        size = partial.stat().st_size
    with outputs.talking(arguments.html):
        print(f"{arguments.html}: {shown} of {total} rows, {size / 1e6:.1f} MB")


def _validate(arguments) -> None:
    if arguments.html is not None:
        if given := [
            flag for name, flag in _VIEWING.items() if getattr(arguments, name) is not None
        ]:
            raise ValueError(f"`{given[0]}` is for the terminal: a page has all of that in it")
        what = {} if arguments.what in CONFIGS else {"PATH": Path(arguments.what)}
        outputs.check({"--html": arguments.html}, what, arguments.overwrite)
    elif arguments.rows is not None:
        raise ValueError(f"`--rows` (={arguments.rows}) is for a page, see --html")
    if arguments.rows is not None and arguments.rows < 1:
        raise ValueError(f"`--rows` (={arguments.rows}) must be 1 or more")
    if arguments.device not in (None, *DEVICES):
        raise ValueError(f"`device` (={arguments.device!r}) must be one of: {', '.join(DEVICES)}")


def _request(arguments):
    """What to make for a config's name, None for a saved dataset."""
    if arguments.what in CONFIGS:
        given = {name: getattr(arguments, name) for name in DEFAULTS}
        set_ = {name: value for name, value in given.items() if value is not None}
        return request_of(argparse.Namespace(config=arguments.what, **{**DEFAULTS, **set_}))
    if not Path(arguments.what).exists():
        raise ValueError(
            f"`PATH` (={arguments.what}) doesn't exist, nor is it a config's name: it must be a "
            f"folder of save_to_disk, a .jsonl or .parquet file, or one of: {', '.join(CONFIGS)}"
        )
    for name in _MAKING:
        if getattr(arguments, name) is not None:
            flag = _FLAGS.get(name, f"--{name}")
            raise ValueError(
                f"`{flag}` is for rows to be made (a config's name), {arguments.what} is saved"
            )
    if arguments.html is not None:
        for name in ("device", "dialect"):
            if getattr(arguments, name) is not None:
                raise ValueError(
                    f"`--{name}` is for the terminal: a page has rows as they are saved"
                )
    return None


def _dialects(arguments) -> None:
    if arguments.dialect is not None:
        arguments.dialect = choices.unpack_names(dialects.parse_dialects(arguments.dialect))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Print a row: its source beside its IR, forward and backward, and what differs "
        "between CPU and CUDA; or write a page to browse many rows, which needs no network.",
        epilog="Example: python -m jax_ir_synth.show data/large.jsonl --id 42",
    )
    parser.add_argument(
        "what",
        metavar="PATH or CONFIG",
        nargs="?",
        type=no_url,
        default=ALL,
        help="a folder of save_to_disk, a .jsonl or .parquet file; or a config, whose rows are "
        f"made from --seed: {', '.join(CONFIGS)} (default: %(default)s)",
    )
    parser.add_argument("--id", type=int, metavar="N", help="the row's id (default: the first)")
    parser.add_argument(
        "--pass",
        dest="passes",
        choices=PASSES,
        metavar="NAME",
        help=f"{', '.join(PASSES)} (default: both)",
    )
    parser.add_argument("--html", type=outputs.path, metavar="FILE", help="write a page instead")
    outputs.add_overwrite(parser)
    parser.add_argument(
        "--rows",
        type=int,
        metavar="N",
        help=f"rows of a page, as many of each category and split as can be (default: {ROWS})",
    )
    add_request_arguments(parser, config=False)
    return parser
