"""The command `python -m jax_ir_synth.verify`: proves each row of a saved dataset anew."""

import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jax_ir_synth.cli import OneLineParser
from jax_ir_synth.config import ALL, number_of_processes

PROGRAM = "jax_ir_synth.verify"
# What a helper calls with each row; tests put others in its place.
CHECK = "jax_ir_synth.verify.checked:check"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_MAX_SECONDS = 24 * 60 * 60
_MAX_GIGABYTES = 1024


def main(argv: list[str] | None = None, check: str = CHECK) -> int:
    """Run the command; returns the exit code.

    0: every row is proven. 1: some are not. 2: wrong arguments, or no saved dataset. 130:
    interrupted.
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


def _verify(arguments, check: str, parser: OneLineParser) -> int:
    # Late: --help or a wrong argument must not wait for them.
    from jax_ir_synth.saved import SavedError
    from jax_ir_synth.verify.results import Results
    from jax_ir_synth.verify.sandbox import SandboxError

    results = Results(arguments.verbose)
    try:
        _run(arguments, check, results)
        results.show(arguments.path)
        if arguments.json is not None:
            text = json.dumps({"path": arguments.path} | results.figures(), indent=1)
            arguments.json.write_text(text + "\n", encoding="utf-8")
    except (SavedError, SandboxError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return int(bool(results.failures))


def _run(arguments, check: str, results) -> None:
    from jax_ir_synth import report
    from jax_ir_synth.verify.sandbox import Limits, Sandbox

    saved = _opened(arguments)
    if not saved.count:
        _refuse(f"`PATH` (={arguments.path}) holds no row")
    limits = Limits(arguments.timeout, arguments.memory)
    with Sandbox(check, min(arguments.num_proc, saved.count), limits) as sandbox:
        done = sandbox.outcomes(_jobs(saved.entries))
        for (entry, reason), outcome in report.progress(done, saved.count):
            if outcome is None or not outcome.passed:
                results.failed(entry.where, entry.row, reason or outcome.said)
            else:
                results.proven(entry.row, outcome.said)


def _opened(arguments):
    from jax_ir_synth.columns import SCHEMA
    from jax_ir_synth.saved import ADDED, open_hub, open_saved

    path = Path(arguments.path)
    if not path.exists() and not path.suffix and _HUB_NAME.fullmatch(arguments.path):
        saved = open_hub(arguments.path, arguments.config or ALL)
    elif arguments.config is not None:
        _refuse(
            f"`--config` (={arguments.config}) is for a Hub dataset (user/name), `PATH` is "
            f"{arguments.path}"
        )
    else:
        saved = open_saved(path)
    needed = (name for name in SCHEMA.names if name not in ADDED)
    missing = [name for name in needed if name not in (saved.columns or SCHEMA.names)]
    if missing:
        _refuse(f"`PATH` (={arguments.path}) has no column {', '.join(missing)}")
    return saved


def _jobs(entries) -> Iterator:
    """For each entry: it and why it is not looked at, if so; and the row for a helper."""
    # What a row can't tell of itself; all else about it is a helper's to find out.
    ids: dict[int, str] = {}
    for entry in entries:
        reason, number = entry.fault, None
        if entry.row is not None:
            number = entry.row.get("id")
        if type(number) is int:
            if number in ids:
                reason = f"its id (={number}) is that of {ids[number]} too"
            ids.setdefault(number, entry.where)
        yield (entry, reason), None if reason else entry.row


def _validate(arguments) -> None:
    arguments.num_proc = number_of_processes(arguments.num_proc)
    _in_range("--timeout", arguments.timeout, "seconds", _MAX_SECONDS)
    _in_range("--memory", arguments.memory, "GB", _MAX_GIGABYTES)
    if arguments.json is not None and (
        arguments.json.is_dir() or not arguments.json.absolute().parent.is_dir()
    ):
        raise ValueError(f"`--json` (={arguments.json}) must be a file in a folder that exists")


def _in_range(flag: str, value: float, unit: str, most: int) -> None:
    # Not so for nan either.
    if not 0 < value <= most or math.isinf(value):
        raise ValueError(f"`{flag}` (={value:g}) must be a number of {unit} above 0, up to {most}")


def _refuse(message: str):
    from jax_ir_synth.saved import SavedError

    raise SavedError(message)


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
        "--json", metavar="FILE", type=Path, help="write all counts and failures to it"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell the whole of a failure, not one line"
    )
    return parser
