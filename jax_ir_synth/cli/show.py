"""The command `show`: prints a row in the terminal, or writes a page with many."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset
from jax_ir_synth.cli.exit_codes import report_unfinished, report_unreadable
from jax_ir_synth.errors import UsageError
from jax_ir_synth.request import choices, dialects
from jax_ir_synth.request.config import ALL, DEFAULTS, DEVICES, Request
from jax_ir_synth.request.passes import DEFAULT as BOTH
from jax_ir_synth.request.passes import PASSES
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.dataset_names import Made, parse
from jax_ir_synth.storage.dataset_reader import DatasetError, describe_missing

if TYPE_CHECKING:
    from jax_ir_synth.show.sources import GeneratedRows, SavedRows

ROWS = 300
_ALL_PASSES = (*PASSES, "both")
# Flags for generating rows, which have no use for a saved dataset.
_MAKING = {
    "seed": "--seed",
    "count": "--count",
    "target": "--target",
    "passes": "--passes",
    "no_verify": "--no-verify",
}


@click.command(
    "show",
    cls=Command,
    help="Print a row: its source beside its IR, forward and backward, and what differs between "
    "CPU and CUDA; or write a page to browse many rows, which needs no network. If the "
    "dataset is a config, only the rows shown are made.",
    epilog="Examples: jax-ir-synth show data/large --id 42; jax-ir-synth show loop:seed=7 --id 24",
)
@options.dataset(required=False, default=ALL)
@options.option(
    "--id", type=options.Integer(), metavar="N", help="the row's id  [default: the first]"
)
@options.option(
    "--pass",
    "which",
    type=options.OneOf(_ALL_PASSES),
    metavar="NAME",
    help=f"{', '.join(_ALL_PASSES)}  [default: all that the row has]",
)
@options.output("write a page instead", "FILE", "--html")
@options.overwrite
@options.option(
    "--rows",
    type=options.Integer(low=1),
    metavar="N",
    help=f"rows of a page, as many of each category and split as can be  [default: {ROWS}]",
)
@options.rows(defaults=False)
@options.no_verify
@options.strict
def command(
    dataset: str,
    config: str | None,
    id: int | None,
    which: str | None,
    html: Path | None,
    overwrite: bool,
    rows: int | None,
    **given: Any,
) -> int:
    """Show a row, or write a page. Unless this succeeds, no page is written."""
    _check_flags(html, id, which, rows)
    if given["device"] not in (None, *DEVICES):
        raise UsageError(f"`device` (={given['device']!r}) must be one of: {', '.join(DEVICES)}")
    shown = None if given["dialect"] is None else dialects.parse_dialects(given["dialect"])
    found = parse(dataset, config)
    request = None
    if isinstance(found, Made):
        request = _request(found, given)
    else:
        _check_saved(dataset, html, given)
    outputs.check({"--html": html}, {"DATASET": Path(dataset)}, overwrite)
    # Imported late, since they import jax, and --help or a wrong argument must not wait for it.
    from jax_ir_synth.show.sources import GeneratedRows, SavedRows

    with report_unreadable(dataset):
        source: GeneratedRows | SavedRows = (
            SavedRows(find_dataset(dataset, config)) if request is None else GeneratedRows(request)
        )
        try:
            if html is None:
                _print(source, id, which, given["device"], choices.unpack_names(shown))
                return 0
            with report_unfinished(f"{html} was not written"):
                _write(source, html, overwrite, rows or ROWS)
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(f"`DATASET` (={dataset}) has a malformed row: {error}") from error
    return 0


def _print(
    source: "GeneratedRows | SavedRows",
    id: int | None,
    which: str | None,
    device: str | None,
    wanted: tuple[str, ...],
) -> None:
    from jax_ir_synth.show.parts import COLUMNS_OF_DEVICE, list_parts
    from jax_ir_synth.show.sources import ShowError
    from jax_ir_synth.show.terminal import make_console, show_row

    view = source.get_row(id)
    chosen = {None: PASSES, "both": BOTH}.get(which, (str(which),))
    parts = list_parts(view, COLUMNS_OF_DEVICE[device or "both"], chosen)
    if not parts and chosen != PASSES:
        kinds = dict.fromkeys(kind for each in view.sections.values() for kind in each[0].passes)
        raise ShowError(f"`--pass` (={which}) is none of the row's: {', '.join(kinds)}")
    if wanted:
        have = list(dict.fromkeys(part.dialect for part in parts))
        if missing := [name for name in wanted if name not in have]:
            raise ShowError(
                f"`--dialect` (={','.join(missing)}) is none of the row's: {', '.join(have)}"
            )
        parts = [part for name in wanted for part in parts if part.dialect == name]
    if not parts:
        raise ShowError(f"`--device` (={device}): the row has no IR for it")
    show_row(make_console(), view, parts)


def _write(source: "GeneratedRows | SavedRows", path: Path, overwrite: bool, number: int) -> None:
    from jax_ir_synth.show.page import write_page
    from jax_ir_synth.terminal.console import format_size

    with outputs.write_output(path, overwrite) as partial:
        shown, total = write_page(partial, source, number)
        size = partial.stat().st_size
    with outputs.divert_stdout(path):
        print(f"{path}: {shown} of {total} rows, {format_size(size)}")


def _check_flags(html: Path | None, id: int | None, which: str | None, rows: int | None) -> None:
    if html is None and rows is not None:
        raise UsageError(f"`--rows` (={rows}) is for a page, see --html")
    for flag, value in (("--id", id), ("--pass", which)):
        if html is not None and value is not None:
            raise UsageError(f"`{flag}` is for the terminal: a page has all of that in it")


def _request(found: Made, given: dict[str, Any]) -> Request:
    """Make the request for the rows to generate."""
    set_ = {name: value for name, value in given.items() if name in DEFAULTS and value is not None}
    for name in found.settings.keys() & set_.keys():
        raise UsageError(f"the {name} is given twice: `--{name}` (={set_[name]}) as well")
    return found.request(verify=not given["no_verify"], **set_)


def _check_saved(dataset: str, html: Path | None, given: dict[str, Any]) -> None:
    """Raise UsageError for flags that a saved dataset has no use for."""
    if not Path(dataset).exists() and "/" not in dataset:
        raise DatasetError(describe_missing(Path(dataset)))
    for name, flag in _MAKING.items():
        if given[name] is not None and given[name] is not False:
            raise UsageError(
                f"`{flag}` is for rows to be made (a config's name), {dataset} is saved"
            )
    for name in ("device", "dialect"):
        if html is not None and given[name] is not None:
            raise UsageError(f"`--{name}` is for the terminal: a page has rows as they are saved")
