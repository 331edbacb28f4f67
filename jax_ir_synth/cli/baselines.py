"""The command `python -m jax_ir_synth.evaluate.baselines`: writes a baseline's predictions."""

import contextlib
import json
from pathlib import Path

from jax_ir_synth.cli.evaluate import add_processes, add_task
from jax_ir_synth.cli.generate import OneLineParser, Terminated, sigterm_raises
from jax_ir_synth.evaluate import dataset, extras
from jax_ir_synth.evaluate.baselines import BASELINES, RETRIEVAL, answered, predictions
from jax_ir_synth.evaluate.tasks import TASKS
from jax_ir_synth.request.config import parse_num_proc
from jax_ir_synth.schema.splits import SPLITS
from jax_ir_synth.storage import outputs
from jax_ir_synth.terminal.streams import command

PROGRAM = "jax_ir_synth.evaluate.baselines"


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code.

    0: written. 1: a row or the writing failed. 2: wrong arguments or dataset, before any work. 130
    and 143: interrupted, terminated. After anything but 0 nothing new is under the output's name.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    task, output = TASKS[arguments.task], arguments.output
    try:
        if output.suffix.lower() != ".jsonl" and not outputs.locate("--output", output).is_stream:
            raise ValueError(f"`--output` (={output}) must be a .jsonl file")
        outputs.check(
            {"--output": output}, {"--dataset": Path(arguments.dataset)}, arguments.overwrite
        )
        if arguments.baseline == RETRIEVAL:
            extras.need(f"`--baseline {RETRIEVAL}`", extras.DISTANCES)
        number = parse_num_proc(arguments.num_proc)
        opened = dataset.opened(arguments, task, number)
    except ValueError as error:
        parser.error(str(error))
    # Late: they load what reads the rows.
    from jax_ir_synth.storage.dataset_reader import DatasetError

    try:
        with sigterm_raises():
            written = _write(opened, task, arguments)
    except DatasetError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return parser.failed(f"interrupted, {output} was not written", 130)
    except Terminated:
        return parser.failed(f"terminated, {output} was not written", 143)
    except (RuntimeError, OSError) as error:
        return parser.failed(f"{output} was not written: {error}", 1)
    with outputs.talking(output):
        print(f"{output}: {written} predictions of the baseline {arguments.baseline}")
    return 0


def _write(opened: dataset.Dataset, task, arguments) -> int:
    from jax_ir_synth.storage.dataset_reader import DatasetError
    from jax_ir_synth.terminal.progress import progress

    def wanted(_: int, split: str) -> bool:
        # Retrieval looks at train, whatever is asked.
        train = arguments.baseline == RETRIEVAL and split == SPLITS[0]
        return train or arguments.split in (None, split)

    with contextlib.closing(opened.items(wanted)) as items:
        shown = progress(items, opened.count) if opened.made else items
        rows = list(answered(shown, task, wanted))
    written = 0
    with (
        outputs.written(arguments.output, arguments.overwrite) as partial,
        open(partial, "w", encoding="utf-8") as file,
    ):
        splits = {row.id: row.split for row in rows}
        try:
            for prediction in progress(
                predictions(rows, arguments.baseline), len(rows), "predictions"
            ):
                if arguments.split in (None, splits[prediction.id]):
                    file.write(json.dumps(prediction._asdict(), ensure_ascii=False) + "\n")
                    written += 1
        except ValueError as error:
            raise DatasetError(f"`--dataset` (={opened.title}): {error}") from error
        if not written:
            raise DatasetError(f"`--dataset` (={opened.title}) has no row to ask")
    return written


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog=f"python -m {PROGRAM}",
        description="Write the predictions of a baseline, to be scored as a model's are. "
        "references: the right answers. retrieval: the answer to the nearest row of train, by the "
        "edit distance of the Python sources. identity: what was given, echoed.",
    )
    parser.add_argument("--baseline", required=True, choices=BASELINES, help="which one")
    dataset.add_arguments(parser)
    add_task(parser)
    parser.add_argument("--split", choices=SPLITS, help="only for its rows (default: all)")
    parser.add_argument(
        "--output",
        required=True,
        metavar="FILE",
        type=outputs.path,
        help="a .jsonl file, for --predictions",
    )
    outputs.add_overwrite(parser)
    add_processes(parser)
    return parser
