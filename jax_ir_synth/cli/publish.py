"""The command `publish`: makes and proves rows, writes a card, and publishes both on the Hub."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from jax_ir_synth.cli import options
from jax_ir_synth.cli.application import PROGRAM
from jax_ir_synth.cli.command import Command
from jax_ir_synth.cli.datasets import find_dataset, has_collected
from jax_ir_synth.cli.exit_codes import report_unfinished
from jax_ir_synth.cli.left_out import LeftOut
from jax_ir_synth.errors import UsageError
from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.names import check_name
from jax_ir_synth.publish.rows_file import find_config
from jax_ir_synth.request.choices import unpack_names
from jax_ir_synth.request.config import CONFIGS, DEFAULTS, Request
from jax_ir_synth.storage import outputs
from jax_ir_synth.storage.dataset_reader import DatasetError, given_by

if TYPE_CHECKING:
    from jax_ir_synth.publish.client import Client
    from jax_ir_synth.publish.target import Published
    from jax_ir_synth.storage.dataset_reader import Source

_ROW_FLAGS = ("count", "device", "dialect", "target", "strict", "passes")


class _Job(NamedTuple):
    """The rows to be published, and where.

    Attributes:
      repo: `user/name`.
      request: the rows, where they are made.
      seed: their seed; None for functions that people wrote.
      source: the dataset that has them, or None.
      configs: the subsets; none are all that have rows.
      num_proc: worker processes.
      private: whether a new repository is for its owner alone.
      dry_run: a new folder to write to, instead of the Hub.
    """

    repo: str
    request: Request
    seed: int | None
    source: "Path | Source | None"
    configs: list[str]
    num_proc: int
    private: bool
    dry_run: Path | None


@click.command(
    "publish",
    cls=Command,
    help="Make and prove rows, write the dataset's card, and publish both on the Hugging Face Hub, "
    "as Parquet that any datasets loads without our code. All of it changes at once or not at all; "
    "what is there already isn't sent again. The token is that of `hf auth login` or HF_TOKEN.",
    epilog="Example: jax-ir-synth publish USER/NAME --count 1500 --seed 7",
)
@options.argument("repo", "USER/NAME", help="where to; it is created if need be")
@options.rows(defaults=False)
@options.strict
@options.option(
    "--from",
    "source",
    type=options.DatasetName(),
    metavar="DATASET",
    help="take the rows of this dataset instead, and prove them anew; needs the --seed that they "
    f"were made with, unless people wrote their functions. The dataset is {options.DATASET_HELP}",
)
@options.option(
    "--config",
    type=options.Name(CONFIGS),
    several=True,
    metavar="NAME",
    help=f"the subsets to publish, of {', '.join(CONFIGS)}; "
    "several are cuts of the same --count rows of all categories  [default: each that has rows]",
)
@options.num_proc()
@options.flag("--private", help="create the repository for you alone")
@options.output("write the files to this new folder, publish nothing", "FOLDER", "--dry-run")
def command(
    repo: str,
    source: str | None,
    config: tuple[str, ...],
    num_proc: int,
    private: bool,
    dry_run: Path | None,
    **given: Any,
) -> int:
    """Publish. Unless this succeeds, the published revision doesn't change."""
    request, configs = _checked(repo, source, config, given)
    if dry_run is not None:
        inputs = {} if source is None else {"--from": Path(source)}
        outputs.check_new_folder("--dry-run", dry_run, inputs)
    rows = None if source is None else find_dataset(source, None, num_proc, verify=False)
    seed = _find_seed(source, rows, request, given)
    # Without Xet, files are sent by huggingface_hub's own requests, which the tests can answer.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    with report_unfinished(f"{repo} was not published"):
        return _publish(_Job(repo, request, seed, rows, configs, num_proc, private, dry_run))


def _checked(
    repo: str, source: str | None, config: Sequence[str], given: dict[str, Any]
) -> tuple[Request, list[str]]:
    """Collect the requested rows and subsets."""
    check_name(repo)
    for name in config:
        with options.name_flags():
            Request(category=name)
    # Each once, in the registry's order.
    configs = [name for name in CONFIGS if name in config]
    set_ = {name: value for name, value in given.items() if value is not None}
    with options.name_flags():
        request = Request(category=find_config(configs), **set_)
    if source is not None:
        for name in _ROW_FLAGS:
            if name in set_ and set_[name] != DEFAULTS[name]:
                raise UsageError(f"`--{name}` is for rows to be made, `--from` has them already")
    if "stablehlo" not in unpack_names(request.dialect):
        raise UsageError(
            f"`--dialect` (={','.join(unpack_names(request.dialect))}) must be stablehlo, alone or "
            "among others: the card is about it"
        )
    return request, configs


def _find_seed(
    name: str | None, rows: "Path | Source | None", request: Request, given: dict[str, Any]
) -> int | None:
    """Find the seed that the card states. Functions that people wrote have none."""
    if rows is None:
        return request.seed
    try:
        with given_by("--from"):
            collected = has_collected(rows)
    except DatasetError:
        if given["seed"] is not None:
            raise
        collected = False
    if given["seed"] is None and not collected:
        raise UsageError(
            f"`--from` (={name}) needs `--seed`, the seed of its rows, which the card states"
        )
    if given["seed"] is not None and collected:
        raise UsageError(
            f"`--seed` (={request.seed}) is for synthesized rows; `--from` (={name}) has functions "
            "that people wrote"
        )
    return None if collected else request.seed


def _publish(job: _Job) -> int:
    # Imported late, since --help or a wrong argument must not wait for them.
    from jax_ir_synth.card import extras
    from jax_ir_synth.publish import rows_file

    started = time.perf_counter()
    left_out = LeftOut(f"{PROGRAM} publish")
    extras.require(extras.PUBLISH)
    if job.source is not None:
        rows_file.open_source(job.source)
    client, before = (None, None) if job.dry_run is not None else _ready(job)
    if job.source is not None and job.seed is not None:
        _check_first_row(job.source, job.seed)
    with _scratch(job.dry_run) as scratch:
        rows, folder = scratch / "rows.parquet", scratch / "made"
        if job.source is not None:
            from jax_ir_synth.verify import reproof

            # As rows are proven while they are made, so that making them anew gives the same.
            check = reproof.CHECK_BY_ARRAYS
            configs = rows_file.take(rows, job.source, job.configs, job.num_proc, check)
        else:
            configs = rows_file.make(rows, job.request, job.configs, job.num_proc, left_out)
        counts = _write(job, configs, rows, folder)
        if left_out:
            counts += f" ({left_out}, as said above)"
        if job.dry_run is not None:
            left_out.record(job.dry_run, overwrite=False)
            done = f"{job.dry_run}: written, not published"
        else:
            assert client is not None
            done = _push(job, client, folder, before)
    print(f"{done}; {counts}, {time.perf_counter() - started:.1f} s")
    return 0


def _check_first_row(source: "Path | Source", seed: int) -> None:
    """Notice a wrong seed before all rows are proven. Raises PublishError."""
    from jax_ir_synth.card import CardError, drawing
    from jax_ir_synth.publish import rows_file

    saved = rows_file.open_source(source)
    first = next(saved.entries)
    try:
        if first.row is not None:
            drawing.check_first_row(first.row, seed, saved.count)
    except CardError as error:
        raise PublishError(str(error)) from error


@contextlib.contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    """Give a folder to work in. On success its `made` becomes `folder`, if that is given."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix=".jax_ir_synth.") as name:
            yield Path(name)
    else:
        with outputs.write_folder(folder) as partial:
            yield partial


def _ready(job: _Job) -> "tuple[Client, Published | None]":
    """Connect to the Hub, and inspect what is published. Raises NotReady."""
    from jax_ir_synth.publish import target
    from jax_ir_synth.publish.client import Client, print_to_stderr

    client = Client(target.read_token(), print_to_stderr(f"{PROGRAM} publish"))
    return client, target.look(client, job.repo, job.private)


def _write(job: _Job, configs: list[str], rows: Path, folder: Path) -> str:
    from jax_ir_synth.card import CardError, write_card
    from jax_ir_synth.schema.columns import choose_schema
    from jax_ir_synth.storage.dataset_reader import open_saved
    from jax_ir_synth.storage.repository import tables
    from jax_ir_synth.storage.repository.metadata import make_card_data

    folder.mkdir()
    reader = open_saved(rows)
    schema = choose_schema(reader.columns or ())
    subsets = tables.write_subsets(folder, (row for row, _ in reader.rows), configs, schema=schema)
    try:
        metadata = make_card_data(subsets, schema)
        write_card(folder, rows, seed=job.seed, repo=job.repo, metadata=metadata)
    except CardError as error:
        raise PublishError(str(error)) from error
    counts = {subset.name: sum(part.rows for part in subset.splits.values()) for subset in subsets}
    return ", ".join(f"{name} {count}" for name, count in counts.items()) + " rows"


def _push(job: _Job, client: "Client", folder: Path, before: "Published | None") -> str:
    from jax_ir_synth.publish.push import push

    pushed = push(client, job.repo, folder, before, job.private)
    place = f"{client.endpoint}/datasets/{job.repo}"
    if not pushed.changed and not pushed.removed:
        return f"{place}: revision {pushed.revision[:7]} has these rows already"
    return (
        f"{place}: revision {pushed.revision[:7]}, {pushed.changed} files changed, "
        f"{pushed.removed} removed"
    )
