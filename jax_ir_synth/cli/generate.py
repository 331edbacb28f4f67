"""The command line: checks the arguments, makes the rows in worker processes, writes them."""

import argparse
import contextlib
import signal
import sys
import threading
import time
from pathlib import Path

from jax_ir_synth import __version__
from jax_ir_synth.cli.left_out import LeftOut
from jax_ir_synth.request.config import CONFIGS, DEFAULTS, DEVICES, Request, parse_num_proc
from jax_ir_synth.request.dialects import DIALECTS
from jax_ir_synth.request.targets import DEFAULTS as MACHINES
from jax_ir_synth.request.targets import TARGETS
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.encoding import check_arguments, check_folders
from jax_ir_synth.storage.writers import choose_format, open_output
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax-ir-synth"
# Not the package's name: a folder of that name would be imported in its place.
DEFAULT_OUTPUT = "data/rows"

_OUTPUT_HELP = f"""where to: a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file with all rows in the
order of their ids; a folder (no extension) with train, validation and test for
datasets.load_from_disk; or - for JSON lines on the standard output (default: {DEFAULT_OUTPUT})"""


class Terminated(BaseException):
    """SIGTERM or SIGHUP: like KeyboardInterrupt, so that all is cleaned up on the way out."""


class OneLineParser(argparse.ArgumentParser):
    """Reports a wrong argument in one line, without repeating the usage."""

    def parse_known_args(self, args=None, namespace=None):
        try:
            check_arguments(sys.argv[1:] if args is None else args)
            parsed = super().parse_known_args(args, namespace)
            check_folders()
        except ValueError as error:
            self.error(str(error))
        return parsed

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message}\n")

    def failed(self, message: str, code: int) -> int:
        """Reports in one line why there is no result; returns the exit code."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        return code


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: done; rows that could not be made are left out, and a file beside the output tells of them.
    1: the writing failed, or a row with `--strict`. 2: wrong arguments or an output that can't be
    written or is there already, before any work. 130 and 143: interrupted, terminated. After
    anything but 0 nothing new is under the output's name.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        request = request_of(arguments)
        number = parse_num_proc(arguments.num_proc)
        default = Path(DEFAULT_OUTPUT + (".jsonl" if arguments.jsonl else ""))
        output = arguments.output or default
        kind = choose_format(output, arguments.jsonl)
    except ValueError as error:
        parser.error(str(error))
    started, left_out = time.perf_counter(), LeftOut(PROGRAM)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(sigterm_raises())
            try:
                write = stack.enter_context(open_output(output, kind, arguments.overwrite))
                left_out.check(output, arguments.overwrite)
            except outputs.OutputError as error:
                parser.error(str(error))
            summary = _run(request, number, write, left_out)
        left_out.record(output, arguments.overwrite)
    except KeyboardInterrupt:
        return _fail(f"interrupted, {output} was not written", 130)
    except Terminated:
        return _fail(f"terminated, {output} was not written", 143)
    except (RuntimeError, OSError) as error:
        return _fail(f"{output} was not written: {error}", 1)
    from jax_ir_synth.cli import report

    with outputs.talking(output):
        report.show(summary, request, output, time.perf_counter() - started, left_out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog=PROGRAM,
        description="Generate Python -> compiler IR rows. The same arguments always give the same "
        "rows, whatever --num-proc and the output's format are.",
        epilog="Example: python -m jax_ir_synth --count 5000 --output data/large.jsonl --jsonl "
        "--device both --seed 12345",
    )
    add_request_arguments(parser)
    parser.add_argument("--output", metavar="PATH", type=outputs.path, help=_OUTPUT_HELP)
    outputs.add_overwrite(parser)
    parser.add_argument(
        "--jsonl", action="store_true", help="write JSON lines, whatever the extension is"
    )
    parser.add_argument(
        "--num-proc", type=int, default=1, metavar="N", help="worker processes (default: 1)"
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def add_request_arguments(parser: argparse.ArgumentParser, config: bool = True) -> None:
    """The flags that say which rows are wanted; `request_of` makes a `Request` of them.

    Args:
      parser: what to add them to.
      config: whether `--config` is among them; the caller has to set it otherwise.
    """
    if config:
        parser.add_argument(
            "--config",
            default=CONFIGS[0],
            metavar="NAME",
            help=f"{', '.join(CONFIGS)} (default: %(default)s)",
        )
    add_row_arguments(parser)
    parser.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        help="don't prove the rows: a quarter faster, and nothing then shows that the IR in a row "
        "computes what its Python means",
    )
    add_strict_argument(parser)


def add_strict_argument(parser: argparse.ArgumentParser) -> None:
    """The flag `--strict`, for a `Request`'s `strict`."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first row that can't be made or proven, instead of leaving it out",
    )


def add_row_arguments(parser: argparse.ArgumentParser) -> None:
    """Of these flags, those that are not about categories and proofs."""
    parser.add_argument(
        "--count",
        type=int,
        default=DEFAULTS["count"],
        help="rows in all splits together (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULTS["seed"],
        help="0 to 2**64 - 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--device",
        default=DEFAULTS["device"],
        metavar="NAME",
        help=f"{', '.join(DEVICES)}: the IR columns to fill (default: %(default)s)",
    )
    parser.add_argument(
        "--dialect",
        default=DEFAULTS["dialect"],
        metavar="NAME[,NAME...]",
        help=f"{', '.join(DIALECTS)}; several give a section each (default: %(default)s)",
    )
    parser.add_argument(
        "--target",
        default=DEFAULTS["target"],
        metavar="NAME[,NAME]",
        help=f"what optimized_hlo, llvm and asm are compiled for: {', '.join(TARGETS)} (default: "
        f"{','.join(MACHINES.values())}); CUDA's need the extra cuda-ir, no GPU and no CUDA",
    )


def request_of(arguments: argparse.Namespace) -> Request:
    """What the flags of `add_request_arguments` ask for. Raises ValueError, as `Request` does."""
    return Request(
        category=arguments.config,
        seed=arguments.seed,
        count=arguments.count,
        device=arguments.device,
        dialect=arguments.dialect,
        target=arguments.target,
        verify=arguments.verify,
        strict=arguments.strict,
    )


def _run(request: Request, number: int, write, left_out: LeftOut):
    """Make and write all rows; returns the `report.Summary` of them."""
    # Late: a wrong argument or --help must not wait for these.
    from jax_ir_synth.cli import report
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.generate.workers import Workers
    from jax_ir_synth.terminal.progress import progress

    summary = report.Summary()
    # Workers even for one process: this one then has no jax to load and answers Ctrl-C at once.
    with Workers(number, request.count) as workers:
        planned = plan_rows(request, draw=workers.draw, tell=left_out)
        made = rows(request, planned, workers, left_out)
        for row in progress(made, request.count):
            write(row)
            summary.add(row)
    return summary


@contextlib.contextmanager
def sigterm_raises():
    """Within it SIGTERM and SIGHUP raise Terminated, where signals can be handled at all.

    Not SIGHUP where it is ignored, as by `nohup`.
    """
    # Signals can only be handled in the main thread; a caller elsewhere keeps what it has.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_terminated(*_):
        raise Terminated

    previous = {
        number: signal.signal(number, raise_terminated)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if number == signal.SIGTERM or signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _fail(message: str, code: int) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code
