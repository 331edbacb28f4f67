"""The command `evaluate`: scores a file of predictions."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import CommandError, report_unfinished
from jax_ir_synth.cli.pictures import PICTURES, check_picture
from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.evaluate import extras
from jax_ir_synth.evaluate.dataset import open_dataset
from jax_ir_synth.evaluate.extraction import LAST, TAKES
from jax_ir_synth.evaluate.options import GIGABYTES, LEAVE_OUT, MISSING, SECONDS, Options
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.evaluate.journal import Judged
    from jax_ir_synth.evaluate.report import Report

_STATE = "the evaluation is not complete"
_RESUME = "the same command goes on where it stopped"

task = options.option(
    "--task",
    type=options.OneOf(tuple(TASKS)),
    default="forward",
    metavar="NAME",
    help="; ".join(f"{task.name}: {task.title}" for task in TASKS.values()),
)


def add_dataset(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the dataset's parameters, and the old `--dataset`, `--seed` and `--count`."""
    for old in ("--seed", "--count"):
        function = options.option(old, type=options.Integer(), hidden=True)(function)
    old_name = options.option("--dataset", "old_dataset", type=options.DatasetName(), hidden=True)
    return options.dataset(required=False)(old_name(function))


def find_dataset_name(named: str | None, old: str | None) -> str:
    """Find the dataset's name, given in the new way or the old one.

    Raises:
      UsageError: it is given twice, or not at all.
    """
    if named is not None and old is not None:
        raise UsageError(f"`DATASET` (={named}) is named twice: {old} as well")
    found = named if named is not None else old
    if found is None:
        raise UsageError("`DATASET` is missing")
    return found


@click.command(
    "evaluate",
    cls=Command,
    help="Score the IR that a model wrote: parse it, run it, compare its numbers with the "
    "reference's. Completions are judged in helper processes within limits. A run that was killed "
    "goes on where it stopped, and its result is the same, also with another --num-proc.",
    epilog="Example: jax-ir-synth evaluate all:seed=7,count=1500 --predictions p.jsonl "
    "--split test --json score.json",
)
@add_dataset
@options.option(
    "--predictions",
    type=options.InputPath(),
    required=True,
    metavar="P",
    help='a .jsonl with lines {"id": 17, "completion": "..."} or {"id": 17, "completions": '
    "[...]}; an id's completions may be on several lines; the same records as a .json list or a "
    ".parquet",
)
@task
@options.split("score only its rows  [default: all, and each by itself]")
@options.option(
    "--missing",
    type=options.OneOf(MISSING),
    default=LEAVE_OUT,
    metavar="WHAT",
    help=f"rows without a prediction: {MISSING[0]}, which is reported, or {MISSING[1]}",
)
@options.option(
    "--take",
    type=options.OneOf(TAKES),
    default=LAST,
    metavar="WHICH",
    help=f"of several modules in an answer, judge the {TAKES[0]} or the {TAKES[1]}",
)
@options.option(
    "--k",
    type=options.Integer(),
    several=True,
    default=(1,),
    metavar="N [N...]",
    help="report pass@k for these",
)
@options.num_proc("helper processes")
@options.limits("completion", SECONDS, GIGABYTES)
@options.output("write all figures to it", "FILE", "--json")
@options.output(
    f"draw the ladder and pass@k ({', '.join(PICTURES)}; the extra {extras.EXTRA})",
    "FILE",
    "--plot",
)
@options.output("write each completion's judgement to it, as JSON lines", "FILE", "--judgements")
@options.overwrite
def command(
    dataset: str | None,
    old_dataset: str | None,
    config: str | None,
    seed: int | None,
    count: int | None,
    predictions: Path,
    task: str,
    split: str | None,
    missing: str,
    take: str,
    k: tuple[int, ...],
    num_proc: int,
    timeout: float,
    memory: float,
    json: Path | None,
    plot: Path | None,
    judgements: Path | None,
    overwrite: bool,
) -> int:
    """Score predictions. After a failure or a signal, the same command continues the run."""
    name = find_dataset_name(dataset, old_dataset)
    written = {"json": json, "plot": plot, "judgements": judgements}
    outputs.check(
        {f"--{flag}": path for flag, path in written.items()},
        {"--predictions": predictions, "DATASET": Path(name)},
        overwrite,
    )
    if plot is not None:
        check_picture("--plot", plot, extras.EXTRA)
    extras.need("scoring", extras.DISTANCES)
    asked = Options(task, split, k, missing, num_proc, timeout, memory, take=take).check()
    with report_unfinished(_STATE, _RESUME, always=True):
        opened = open_dataset(name, config, TASKS[task], num_proc, seed=seed, count=count)
        # Imported late, since --help or a wrong argument must not wait for them.
        from jax_ir_synth.evaluate import run, tables
        from jax_ir_synth.evaluate.predictions import open_predictions
        from jax_ir_synth.terminal.console import printable
        from jax_ir_synth.terminal.progress import progress

        def finish(report: "Report", made: "Iterable[Judged]") -> None:
            _write(written, report, made, overwrite)

        with open_predictions(predictions) as given:
            beside = _beside(predictions, judgements, json, plot)
            try:
                found = run.evaluate(opened, given, asked, None, progress, beside, finish)
            except run.NothingJudged as error:
                # The same command has nothing to go on with.
                raise CommandError(str(error)) from error
    for line in found.unjudged.describe():
        print(f"jax-ir-synth evaluate: {printable(line)}", file=sys.stderr)
    with outputs.divert_stdout(*written.values()):
        tables.show(found)
    return 0


def _beside(predictions: Path, *written: Path | None) -> Path:
    """Choose the file beside which the journal is: the first output in a folder, or the input."""
    for path in written:
        if path is not None and outputs.path_beside(path, "") is not None:
            return path
    return predictions


def _write(
    written: dict[str, Path | None], found: "Report", made: "Iterable[Judged]", overwrite: bool
) -> None:
    """Write the requested files, each completely or not at all, once all are made."""
    from jax_ir_synth.evaluate import plot
    from jax_ir_synth.storage.atomic_write import format_json

    with contextlib.ExitStack() as stack:
        partials = {
            name: stack.enter_context(outputs.write_output(path, overwrite))
            for name, path in written.items()
            if path is not None
        }
        for name, partial in partials.items():
            path = written[name]
            assert path is not None
            with _named(name, path):
                if name == "judgements":
                    with open(partial, "w", encoding="utf-8") as file:
                        file.writelines(each.line() for each in made)
                elif name == "plot":
                    plot.draw(found, partial, path.suffix.lower().removeprefix("."))
                else:
                    partial.write_text(format_json(found.to_json()), encoding="utf-8")


@contextlib.contextmanager
def _named(flag: str, path: Path) -> Iterator[None]:
    """Within it an OSError becomes one that names the flag and the path."""
    try:
        yield
    except JaxIrSynthError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandError(
            f"{_STATE}: `--{flag}` (={path}) can't be written: {reason} ({_RESUME})"
        ) from error
