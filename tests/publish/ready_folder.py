"""Has the command publish a folder that is written already: no row is taken, no card made."""

import shutil

from jax_ir_synth.cli import publish
from jax_ir_synth.publish import rows_file


def use(folder: str) -> None:
    """In this process, from now on."""

    def written(_arguments, _configs, _rows, to) -> str:
        shutil.copytree(folder, to)
        return "its rows"

    publish._write = written
    publish._check_first_row = lambda *_: None
    rows_file.open_source = lambda path: None
    rows_file.take = lambda *_: []
