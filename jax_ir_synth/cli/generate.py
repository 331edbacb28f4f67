"""The command `generate`: makes the rows in worker processes and writes them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.application import PROGRAM, version_option
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.cli.left_out import LeftOut
from jax_ir_synth.request.config import Request
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.writers import choose_format, open_output

if TYPE_CHECKING:
    from jax_ir_synth.cli.report import Summary

# Not the package's name, since a folder of that name would be imported instead.
DEFAULT_OUTPUT = "data/rows"

_OUTPUT_HELP = f"""where to: a folder (no extension) with train, validation and test for
datasets.load_from_disk; a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file with the rows of all
splits in the order of their ids; or - for JSON lines on the standard output  [default:
{DEFAULT_OUTPUT}]"""


@click.command(
    "generate",
    cls=Command,
    help="Make Python -> compiler IR rows and write them. The same arguments always give the same "
    "rows, whatever --num-proc and the output's format are. Rows that can't be made are left out, "
    "and a file beside the output says which and why.",
    params=[version_option()],
    epilog="Example: jax-ir-synth generate --count 5000 --output data/large --seed 12345",
)
@options.request
@options.output(_OUTPUT_HELP)
@options.overwrite
@options.flag("--jsonl", help="write JSON lines, whatever the extension is")
@options.num_proc()
def command(
    request: Request, output: Path | None, overwrite: bool, jsonl: bool, num_proc: int
) -> int:
    """Make and write the rows. Unless this succeeds, the output doesn't change."""
    path = output or Path(DEFAULT_OUTPUT + (".jsonl" if jsonl else ""))
    kind = choose_format(path, jsonl)
    started, left_out = time.perf_counter(), LeftOut(f"{PROGRAM} generate")
    with report_unfinished(f"{path} was not written"):
        with open_output(path, kind, overwrite) as write:
            left_out.check(path, overwrite)
            summary = _run(request, num_proc, write, left_out)
        left_out.record(path, overwrite)
    from jax_ir_synth.cli import report

    with outputs.divert_stdout(path):
        report.show(summary, request, path, time.perf_counter() - started, left_out)
    return 0


def _run(
    request: Request, number: int, write: Callable[[dict[str, Any]], None], left_out: LeftOut
) -> "Summary":
    """Make and write all rows."""
    # Imported late, since a wrong argument or --help must not wait for them.
    from jax_ir_synth.cli import report
    from jax_ir_synth.generate.plan import plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.generate.workers import Workers
    from jax_ir_synth.terminal.progress import progress

    summary = report.Summary()
    # Workers even for one process: this one needn't import jax then, and reacts to Ctrl-C at once.
    with Workers(number, request.count) as workers:
        planned = plan_rows(request, draw=workers.draw, tell=left_out)
        made = rows(request, planned, workers, left_out)
        for row in progress(made, request.count):
            write(row)
            summary.add(row)
    return summary
