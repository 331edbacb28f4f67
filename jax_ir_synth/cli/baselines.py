"""The command `baselines`: writes a baseline's predictions."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
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
from jax_ir_synth.evaluate.tasks import TASKS, describe_nothing_to_ask
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.evaluate.baselines import AnsweredRow
    from jax_ir_synth.evaluate.dataset import Dataset, Item


@click.command(
    "baselines",
    cls=Command,
    help="Write the predictions of a baseline, to be scored as a model's are. references: the "
    "right answers. retrieval: the answer to the nearest row of train, by the edit distance of the "
    "Python sources. identity: what was given, echoed.",
    epilog="Example: jax-ir-synth baselines data/large --baseline retrieval --output p.jsonl",
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
        rows, count = _rows(opened, task, split, baseline)
        with (
            outputs.write_output(output, overwrite) as partial,
            open(partial, "w", encoding="utf-8") as file,
        ):
            number = _write(rows, baseline, split, opened.title, file.write)
            if not number:
                title = f"`DATASET` (={opened.title})"
                raise UsageError(describe_nothing_to_ask(title, split, TASKS[task], count))
    with outputs.divert_stdout(output):
        print(f"{output}: {number} predictions of the baseline {baseline}")
    return 0


def _rows(
    opened: "Dataset", task: str, split: str | None, baseline: str
) -> "tuple[list[AnsweredRow], int]":
    """List the rows that the baseline needs, and count all rows of the split."""
    from jax_ir_synth.terminal.progress import progress

    count = 0

    def wanted(_: int, of: str) -> bool:
        # Retrieval needs train, whatever the split.
        return (baseline == RETRIEVAL and of == SPLITS[0]) or split in (None, of)

    def counted(items: "Iterable[Item]") -> "Iterator[Item]":
        nonlocal count
        for item in items:
            count += split in (None, item.split)
            yield item

    items: Any = opened.items(wanted)
    with contextlib.closing(items):
        shown = progress(items, opened.count) if opened.made else items
        return list(answer_rows(counted(shown), TASKS[task], wanted)), count


def _write(
    rows: "list[AnsweredRow]",
    baseline: str,
    split: str | None,
    title: str,
    write: Callable[[str], object],
) -> int:
    """Write the predictions for the rows of a split, and return how many there are."""
    from jax_ir_synth.terminal.progress import progress

    asked = [row for row in rows if split in (None, row.split)]
    try:
        for prediction in progress(predict(asked, baseline, rows), len(asked), "predictions"):
            write(json.dumps(prediction._asdict(), ensure_ascii=False) + "\n")
    except ValueError as error:
        raise UsageError(f"`DATASET` (={title}): {error}") from error
    return len(asked)
