"""The command `verify`: proves each row of a dataset again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.schema.verification import EXECUTORS
from jax_ir_synth.storage import outputs

if TYPE_CHECKING:
    from jax_ir_synth.runtime.sandbox.resource_limits import Limits
    from jax_ir_synth.storage.dataset_reader import DatasetReader
    from jax_ir_synth.verify.results import Results


@click.command(
    "verify",
    cls=Command,
    help="Prove each row of a dataset anew, from nothing but its own columns. The exit code is 1 "
    "if a row fails; one that says itself that it is unproven doesn't. Rows are checked in helper "
    "processes within limits, so that a row that hangs or crashes fails alone.",
    epilog="Example: jax-ir-synth verify data/large --num-proc 2",
)
@options.dataset()
@options.num_proc("helper processes")
@click.option(
    "--executor",
    type=click.Choice(EXECUTORS),
    default=EXECUTORS[0],
    show_default=True,
    help="What runs the IR on all inputs but the first: StableHLO's reference interpreter, as on "
    "the first; or arrays, by NumPy, which is faster, as while rows are generated.",
)
@options.limits("row", seconds=60, gigabytes=4)
@options.output("write all counts and failures to it", "FILE", "--json")
@options.overwrite
@options.verbose
def command(
    dataset: str,
    config: str | None,
    num_proc: int,
    executor: str,
    timeout: float,
    memory: float,
    json: Path | None,
    overwrite: bool,
    verbose: bool,
) -> int:
    """Prove the rows; return 1 if one is not proven."""
    outputs.check({"--json": json}, {"DATASET": Path(dataset)}, overwrite)
    # Imported late, since --help or a wrong argument must not wait for them.
    from jax_ir_synth.runtime.sandbox.resource_limits import Limits
    from jax_ir_synth.storage.dataset_reader import check_columns, open_saved
    from jax_ir_synth.verify.results import Results

    results = Results(verbose)
    with report_unreadable(dataset):
        saved = open_saved(find_dataset(dataset, config, num_proc, verify=False))
        check_columns(saved, dataset)
        _prove(saved, num_proc, executor, Limits(timeout, memory), results)
    if json is not None:
        with report_unfinished(f"{json} was not written"):
            _write(json, dataset, results, overwrite)
    with outputs.divert_stdout(json):
        results.show(dataset)
    return int(bool(results.failures))


def _write(path: Path, dataset: str, results: "Results", overwrite: bool) -> None:
    text = json.dumps({"path": dataset} | results.figures(), indent=1)
    outputs.write_text(path, text + "\n", overwrite)


def _prove(
    saved: "DatasetReader", number: int, executor: str, limits: "Limits", results: "Results"
) -> None:
    from jax_ir_synth.schema.read_result import ReadResult
    from jax_ir_synth.terminal.progress import progress
    from jax_ir_synth.verify import reproof
    from jax_ir_synth.verify.sandbox import Outcome

    def settle(entry: ReadResult, outcome: Outcome) -> None:
        if outcome.passed:
            assert entry.row is not None, "only a row can be proven"
            results.count_proven(entry.row, outcome.said)
        else:
            results.count_failed(entry.where, entry.row, outcome.said)

    check = reproof.CHECK_BY_ARRAYS if executor == "arrays" else reproof.CHECK
    reproof.prove_each(saved.entries, saved.count, check, number, limits, settle, progress)
