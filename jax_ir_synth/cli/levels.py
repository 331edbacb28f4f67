"""The command `levels`: writes a page with one kernel in all dialects."""

from pathlib import Path

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.show.levels import page
from jax_ir_synth.storage import outputs


@click.command(
    "levels",
    cls=Command,
    help="Write a Markdown page with one kernel's forward pass in every dialect, for the CPU and "
    "for CUDA.",
    epilog="Example: jax-ir-synth levels --output levels.md",
)
@options.old_output("file", "FILE")
@options.output("the page", "FILE", needed=True)
@options.overwrite
def command(file: Path | None, output: Path | None, overwrite: bool) -> int:
    """Write the page."""
    path = options.one_output(output, file)
    outputs.check({"--output": path}, {}, overwrite)
    with report_unfinished(f"{path} was not written"):
        outputs.write_text(path, page(), overwrite)
    return 0
