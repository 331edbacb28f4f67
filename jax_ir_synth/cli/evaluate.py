"""The command `python -m jax_ir_synth.evaluate`: scores a file of predictions."""

import contextlib
import sys
from pathlib import Path

from jax_ir_synth.cli.generate import OneLineParser, Terminated, sigterm_raises
from jax_ir_synth.cli.verify import MAX_GIGABYTES, MAX_SECONDS, in_range
from jax_ir_synth.evaluate import dataset, extras
from jax_ir_synth.evaluate.options import GIGABYTES, LEAVE_OUT, MISSING, SECONDS, Options
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.request.config import parse_num_proc
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.paths import local_path
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.evaluate"
_PICTURES = (".svg", ".png", ".pdf")
_OUTPUTS = ("json", "plot", "judgements")


@command
def main(argv: list[str] | None = None, make_judges=None) -> int:
    """Run the command; returns the exit code.

    0: scored, whatever the score. 1: the judging or the writing failed. 2: wrong arguments,
    predictions or dataset, an extra that isn't installed; nothing was judged. 130 and 143:
    interrupted, terminated. After 1, 130 and 143 the same command goes on where it stopped.

    `make_judges` is what judges, `pool.Judges` by default.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        options = _validated(arguments)
        opened = dataset.opened(arguments, TASKS[options.task], options.num_proc)
    except ValueError as error:
        parser.error(str(error))
    try:
        with sigterm_raises():
            return _evaluate(arguments, options, opened, make_judges, parser)
    except KeyboardInterrupt:
        return parser.failed("interrupted: the same command goes on where it stopped", 130)
    except Terminated:
        return parser.failed("terminated: the same command goes on where it stopped", 143)


def _evaluate(arguments, options: Options, opened, make_judges, parser: OneLineParser) -> int:
    # Late: --help or a wrong argument must not wait for them.
    from jax_ir_synth.evaluate import run, tables
    from jax_ir_synth.evaluate.journal import JournalError
    from jax_ir_synth.evaluate.predictions import PredictionsError, open_predictions
    from jax_ir_synth.storage.dataset_reader import DatasetError
    from jax_ir_synth.terminal.progress import progress

    try:
        with open_predictions(arguments.predictions) as predictions:
            found = run.evaluate(
                opened, predictions, options, make_judges, progress, _beside(arguments),
                lambda found, made: _write(arguments, found, made),
            )  # fmt: skip
    except (PredictionsError, DatasetError, JournalError, run.NotStarted) as error:
        *lines, last = str(error).splitlines()
        for line in lines:
            print(f"{parser.prog}: error: {line}", file=sys.stderr)
        parser.error(last)
    except (RuntimeError, OSError) as error:
        return parser.failed(f"not done, the same command goes on where it stopped: {error}", 1)
    with outputs.talking(*(getattr(arguments, name) for name in _OUTPUTS)):
        tables.show(found)
    return 0


def _beside(arguments) -> Path:
    """What the journal is beside: what is written, if something is that has a place."""
    for path in (arguments.judgements, arguments.json, arguments.plot):
        if path is not None and outputs.beside(path, "") is not None:
            return path
    return arguments.predictions


def _write(arguments, found, made) -> None:
    """Whatever files are asked for, each whole or not at all; none before all are made."""
    from jax_ir_synth.evaluate import plot
    from jax_ir_synth.storage.atomic_write import format_json

    with contextlib.ExitStack() as stack:
        partials = {
            name: stack.enter_context(outputs.written(path, arguments.overwrite))
            for name in _OUTPUTS
            if (path := getattr(arguments, name)) is not None
        }
        if "judgements" in partials:
            with open(partials["judgements"], "w", encoding="utf-8") as file:
                file.writelines(each.line() for each in made)
        if "plot" in partials:
            format = arguments.plot.suffix.lower().removeprefix(".")
            plot.draw(found, partials["plot"], format)
        if "json" in partials:
            partials["json"].write_text(format_json(found.to_json()), encoding="utf-8")


def _validated(arguments) -> Options:
    in_range("--timeout", arguments.timeout, "seconds", MAX_SECONDS)
    in_range("--memory", arguments.memory, "GB", MAX_GIGABYTES)
    outputs.check(
        {f"--{name}": getattr(arguments, name) for name in _OUTPUTS},
        {"--predictions": arguments.predictions, "--dataset": Path(arguments.dataset)},
        arguments.overwrite,
    )
    if arguments.plot is not None:
        if arguments.plot.suffix.lower() not in _PICTURES:
            raise ValueError(f"`--plot` (={arguments.plot}) must end in {', '.join(_PICTURES)}")
        extras.need("`--plot`", extras.PICTURES)
    extras.need("scoring", extras.DISTANCES)
    return Options(
        arguments.task,
        arguments.split,
        tuple(arguments.k),
        arguments.missing,
        parse_num_proc(arguments.num_proc),
        arguments.timeout,
        arguments.memory,
    ).checked()


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Score the IR that a model wrote: parse it, run it, compare its numbers with "
        "the reference's. Completions are judged in helper processes within limits. A run that "
        "was killed goes on where it stopped, and its result is the same, also with another "
        "--num-proc.",
        epilog="Example: python -m jax_ir_synth.evaluate --predictions p.jsonl "
        "--dataset all:seed=7,count=1500 --split test --k 1 10 --json score.json",
    )
    parser.add_argument(
        "--predictions",
        required=True,
        metavar="P",
        type=local_path,
        help='a .jsonl with lines {"id": 17, "completion": "..."} or {"id": 17, "completions": '
        "[...]}, an id's in one line or several; the same records as a .json list or a .parquet",
    )
    dataset.add_arguments(parser)
    add_task(parser)
    parser.add_argument(
        "--split", choices=SPLITS, help="score only its rows (default: all, and each by itself)"
    )
    parser.add_argument(
        "--missing",
        choices=MISSING,
        default=LEAVE_OUT,
        help="rows without a prediction are left out, which is told, or have failed (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--k", type=int, nargs="+", default=[1], help="report pass@k for these (default: 1)"
    )
    add_processes(parser)
    parser.add_argument(
        "--timeout",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help="time for one completion (default: %(default)s)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=GIGABYTES,
        metavar="GB",
        help="memory of one helper, with what jax takes (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", type=outputs.path, help="write all figures to it")
    parser.add_argument(
        "--plot",
        metavar="FILE",
        type=outputs.path,
        help=f"draw the ladder and pass@k ({', '.join(_PICTURES)}; the extra {extras.EXTRA})",
    )
    parser.add_argument(
        "--judgements",
        metavar="FILE",
        type=outputs.path,
        help="write each completion's judgement to it, as JSON lines",
    )
    outputs.add_overwrite(parser)
    return parser


def add_task(parser) -> None:
    """The flag for the task."""
    titles = "; ".join(f"{task.name}: {task.title}" for task in TASKS.values())
    parser.add_argument(
        "--task", choices=tuple(TASKS), default="forward", help=f"{titles} (default: %(default)s)"
    )


def add_processes(parser) -> None:
    """The flag for the number of helper processes."""
    parser.add_argument(
        "--num-proc", type=int, default=1, metavar="N", help="helper processes (default: 1)"
    )
