"""The command `python -m jax_ir_synth.verify`: proves each row of a saved dataset anew."""

import json
import math
import re
import sys
from pathlib import Path

from jax_ir_synth.cli.generate import OneLineParser
from jax_ir_synth.request.config import ALL, parse_num_proc
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.destinations import NotPlacedError
from jax_ir_synth.storage.paths import no_url
from jax_ir_synth.terminal.progress import progress
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.verify"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
# What a flag for a helper's limits may ask for.
MAX_SECONDS = 24 * 60 * 60
MAX_GIGABYTES = 1024


@command
def main(argv: list[str] | None = None, check: str | None = None) -> int:
    """Run the command; returns the exit code. `check` as `reproof.prove_each` takes it.

    0: every row is proven. 1: some are not, or the writing failed. 2: wrong arguments, or no saved
    dataset. 130: interrupted.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        _validate(arguments)
    except ValueError as error:
        parser.error(str(error))
    try:
        return _verify(arguments, check, parser)
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130


def _verify(arguments, check: str | None, parser: OneLineParser) -> int:
    # Late: --help or a wrong argument must not wait for them.
    from jax_ir_synth.storage.dataset_reader import DatasetError
    from jax_ir_synth.verify.reproof import CHECK
    from jax_ir_synth.verify.results import Results
    from jax_ir_synth.verify.sandbox import SandboxError

    results = Results(arguments.verbose)
    try:
        _run(arguments, check or CHECK, results)
        if arguments.json is not None:
            text = json.dumps({"path": arguments.path} | results.figures(), indent=1)
            outputs.write_text(arguments.json, text + "\n", arguments.overwrite)
        with outputs.talking(arguments.json):
            results.show(arguments.path)
    except (DatasetError, SandboxError) as error:
        parser.error(str(error))
    except NotPlacedError as error:
        return parser.failed(f"{arguments.json} was not written: {error}", 1)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return int(bool(results.failures))


def _run(arguments, check: str, results) -> None:
    from jax_ir_synth.verify.reproof import prove_each
    from jax_ir_synth.verify.sandbox import Limits

    def settle(entry, outcome):
        if outcome.passed:
            results.proven(entry.row, outcome.said)
        else:
            results.failed(entry.where, entry.row, outcome.said)

    limits = Limits(arguments.timeout, arguments.memory)
    saved, number = _opened(arguments), arguments.num_proc
    prove_each(saved.entries, saved.count, check, number, limits, settle, progress)


def _opened(arguments):
    from jax_ir_synth.storage.dataset_reader import (
        DatasetError,
        check_columns,
        open_hub,
        open_saved,
    )

    path = Path(arguments.path)
    if not path.exists() and not path.suffix and _HUB_NAME.fullmatch(arguments.path):
        saved = open_hub(arguments.path, arguments.config or ALL)
    elif arguments.config is not None:
        raise DatasetError(
            f"`--config` (={arguments.config}) is for a Hub dataset (user/name), `PATH` is "
            f"{arguments.path}"
        )
    else:
        saved = open_saved(path)
    check_columns(saved, arguments.path)
    return saved


def _validate(arguments) -> None:
    arguments.num_proc = parse_num_proc(arguments.num_proc)
    in_range("--timeout", arguments.timeout, "seconds", MAX_SECONDS)
    in_range("--memory", arguments.memory, "GB", MAX_GIGABYTES)
    outputs.check({"--json": arguments.json}, {"PATH": Path(arguments.path)}, arguments.overwrite)


def in_range(flag: str, value: float, unit: str, most: int) -> None:
    """Raises ValueError unless a flag's value is above 0, up to `most`."""
    # Not so for nan either.
    if not 0 < value <= most or math.isinf(value):
        raise ValueError(f"`{flag}` (={value:g}) must be a number of {unit} above 0, up to {most}")


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Prove each row of a saved dataset anew, from nothing but its own columns. "
        "The exit code is 1 if a row fails. Rows are checked in helper processes within limits, "
        "so that a row that hangs or crashes fails alone.",
    )
    parser.add_argument(
        "path",
        metavar="PATH",
        type=no_url,
        help="a .jsonl or .parquet file, a folder of save_to_disk, or a Hub dataset (user/name)",
    )
    parser.add_argument(
        "--config", metavar="NAME", help=f"the config of a Hub dataset (default: {ALL})"
    )
    parser.add_argument(
        "--num-proc", type=int, default=1, metavar="N", help="helper processes (default: 1)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60,
        metavar="SECONDS",
        help="time for one row (default: %(default)s)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=4,
        metavar="GB",
        help="memory of one helper, with what jax takes (default: %(default)s)",
    )
    parser.add_argument(
        "--json", metavar="FILE", type=outputs.path, help="write all counts and failures to it"
    )
    outputs.add_overwrite(parser)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell the whole of a failure, not one line"
    )
    return parser
