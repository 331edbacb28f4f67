"""The command `prompts`: writes a prompt for each row, as a JSON object."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.application import PROGRAM
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.evaluate import task as task_option
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate import prompts
from jax_ir_synth.evaluate.tasks import TASKS, describe_nothing_to_ask, reference
from jax_ir_synth.schema.splits import split_of
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.storage.dataset_reader import Source

CHAT, TEXT = FORMS = ("chat", "text")


class _Asked(NamedTuple):
    """The contents of each line; see the flags."""

    task: str
    split: str | None
    form: str
    answers: bool
    shots: prompts.Shots


@click.command(
    "prompts",
    cls=Command,
    help="Write what a model is asked for each row of a dataset, as JSON lines with the row's id "
    "and split. The chat's messages are under `messages`, the text that a base model continues is "
    "under `prompt`. `format` names the wording: give it beside any result.",
    epilog="Example: jax-ir-synth prompts all:seed=7,count=1500 --split test --task backward "
    "--shots 2 --output prompts.jsonl",
)
@options.dataset()
@task_option
@options.split("only its rows  [default: all]")
@options.option(
    "--form",
    type=options.OneOf(FORMS),
    default=CHAT,
    metavar="NAME",
    help=f"{CHAT}: messages; {TEXT}: plain text for a base model",
)
@options.option(
    "--shots",
    type=options.Integer(low=0),
    default=0,
    metavar="N",
    help="examples in each prompt, rows of train with their answers",
)
@options.option(
    "--shots-seed",
    type=options.Integer(),
    default=0,
    metavar="N",
    help="which examples: another seed picks other examples",
)
@options.option(
    "--longest",
    type=options.Integer(low=1),
    metavar="N",
    help="characters of an example's answer at most  [default: any number]",
)
@options.flag("--answers", help="write the right answer too, under `answer`")
@options.output("a .jsonl file, or - for the standard output  [default: -]", "FILE")
@options.overwrite
@options.num_proc("worker processes, for rows to be made")
def command(
    dataset: str,
    config: str | None,
    task: str,
    split: str | None,
    form: str,
    shots: int,
    shots_seed: int,
    longest: int | None,
    answers: bool,
    output: Path | None,
    overwrite: bool,
    num_proc: int,
) -> int:
    """Write the prompts. Unless this succeeds, the output doesn't change."""
    path = Path("-") if output is None else output
    if path.suffix.lower() != ".jsonl" and not outputs.locate("--output", path).is_stream:
        raise UsageError(f"`--output` (={path}) must be a .jsonl file")
    outputs.check({"--output": path}, {"DATASET": Path(dataset)}, overwrite)
    with report_unfinished(f"{path} was not written"):
        source = find_dataset(dataset, config, num_proc, verify=False)
        drawn = prompts.draw_shots(_rows(source), task, shots, shots_seed, longest)
        asked = _Asked(task, split, form, answers, drawn)
        written = skipped = 0
        with (
            outputs.write_output(path, overwrite) as partial,
            open(partial, "w", encoding="utf-8") as file,
        ):
            for line in _lines(source, asked):
                if line is None:
                    skipped += 1
                else:
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                    written += 1
            if not written:
                title = f"`DATASET` (={dataset})"
                raise UsageError(describe_nothing_to_ask(title, split, TASKS[task], skipped))
    nothing = f", {skipped} rows have nothing to ask" if skipped else ""
    print(f"{PROGRAM} prompts: {written} prompts{nothing}", file=sys.stderr)
    return 0


def _rows(source: "Path | Source") -> Iterator[Mapping[str, Any]]:
    """Read the rows of a dataset. Raises UsageError for a row that can't be read."""
    from jax_ir_synth.evaluate.dataset import COLUMNS
    from jax_ir_synth.schema.row_reader import read_row
    from jax_ir_synth.storage.dataset_reader import DatasetError, open_saved

    for entry in open_saved(source).entries:
        if entry.row is None:
            raise DatasetError(f"{entry.where} {entry.fault}")
        yield read_row(entry.row, entry.where, COLUMNS)


def _lines(source: "Path | Source", asked: _Asked) -> Iterator[dict[str, Any] | None]:
    """Make the line for each row of the split; None if the task asks nothing of it."""
    for row in _rows(source):
        try:
            of = split_of(row["skeleton_hash"])
            if asked.split in (None, of):
                yield _line(row, of, asked)
        except UsageError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"row {row['id']!r:.40} is malformed: {error}") from error


def _line(row: Mapping[str, Any], split: str, asked: _Asked) -> dict[str, Any] | None:
    if reference(row, TASKS[asked.task]) is None:
        return None
    line = {"id": row["id"], "split": split, "task": asked.task, "format": prompts.FORMAT}
    if asked.form == CHAT:
        line["messages"] = prompts.messages(row, asked.task, asked.shots)
    else:
        line["prompt"] = prompts.completion_prompt(row, asked.task, asked.shots)
    if asked.answers:
        line["answer"] = prompts.completion_target(row, asked.task)
    return line
