"""The command `baselines`: writes a baseline's predictions."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.evaluate import add_dataset, find_dataset_name
from jax_ir_synth.cli.evaluate import task as task_option
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.errors import UsageError
from jax_ir_synth.evaluate import extras
from jax_ir_synth.evaluate.baselines import BASELINES, RETRIEVAL, answer_rows, predict
from jax_ir_synth.evaluate.dataset import open_dataset
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.evaluate.baselines import AnsweredRow
    from jax_ir_synth.evaluate.dataset import Dataset


@click.command(
    "baselines",
    cls=Command,
    help="Write the predictions of a baseline, to be scored as a model's are. references: the "
    "right answers. retrieval: the answer to the nearest row of train, by the edit distance of the "
    "Python sources. identity: what was given, echoed.",
    epilog="Example: jax-ir-synth baselines data/large.jsonl --baseline retrieval --output p.jsonl",
)
@add_dataset
@options.option(
    "--baseline",
    type=options.OneOf(BASELINES),
    required=True,
    metavar="NAME",
    help=", ".join(BASELINES),
)
@task_option
@options.split("only for its rows  [default: all]")
@options.output("a .jsonl file, for evaluate --predictions", "FILE", required=True)
@options.overwrite
@options.num_proc("worker processes, for rows to be made")
def command(
    dataset: str | None,
    old_dataset: str | None,
    config: str | None,
    seed: int | None,
    count: int | None,
    baseline: str,
    task: str,
    split: str | None,
    output: Path,
    overwrite: bool,
    num_proc: int,
) -> int:
    """Write the predictions. Unless this succeeds, the output doesn't change."""
    name = find_dataset_name(dataset, old_dataset)
    if output.suffix.lower() != ".jsonl" and not outputs.locate("--output", output).is_stream:
        raise UsageError(f"`--output` (={output}) must be a .jsonl file")
    outputs.check({"--output": output}, {"DATASET": Path(name)}, overwrite)
    if baseline == RETRIEVAL:
        extras.need(f"`--baseline {RETRIEVAL}`", extras.DISTANCES)
    with report_unfinished(f"{output} was not written"):
        opened = open_dataset(name, config, TASKS[task], num_proc, seed=seed, count=count)
        rows = _rows(opened, task, split, baseline)
        with (
            outputs.write_output(output, overwrite) as partial,
            open(partial, "w", encoding="utf-8") as file,
        ):
            number = _write(rows, baseline, split, opened.title, file.write)
    with outputs.divert_stdout(output):
        print(f"{output}: {number} predictions of the baseline {baseline}")
    return 0


def _rows(opened: "Dataset", task: str, split: str | None, baseline: str) -> "list[AnsweredRow]":
    from jax_ir_synth.terminal.progress import progress

    def wanted(_: int, of: str) -> bool:
        # Retrieval needs train, whatever the split.
        return (baseline == RETRIEVAL and of == SPLITS[0]) or split in (None, of)

    items: Any = opened.items(wanted)
    with contextlib.closing(items):
        shown = progress(items, opened.count) if opened.made else items
        return list(answer_rows(shown, TASKS[task], wanted))


def _write(
    rows: "list[AnsweredRow]",
    baseline: str,
    split: str | None,
    title: str,
    write: Callable[[str], object],
) -> int:
    """Write the predictions for the rows of a split, and return how many there are."""
    from jax_ir_synth.terminal.progress import progress

    splits = {row.id: row.split for row in rows}
    number = 0
    try:
        for prediction in progress(predict(rows, baseline), len(rows), "predictions"):
            if split in (None, splits[prediction.id]):
                write(json.dumps(prediction._asdict(), ensure_ascii=False) + "\n")
                number += 1
    except ValueError as error:
        raise UsageError(f"`DATASET` (={title}): {error}") from error
    if not number:
        raise UsageError(f"`DATASET` (={title}) has no row to ask")
    return number
