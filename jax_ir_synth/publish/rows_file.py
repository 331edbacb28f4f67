"""The rows to publish in one Parquet file: made and proven, or taken from a dataset and proven."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from jax_ir_synth.generate.defects import Tell
from jax_ir_synth.publish import NotReady, PublishError
from jax_ir_synth.request.categories import CATEGORIES
from jax_ir_synth.request.config import ALL, Request
from jax_ir_synth.storage.dataset_reader import DatasetReader, Source
from jax_ir_synth.storage.writers import PARQUET, open_output

if TYPE_CHECKING:
    from jax_ir_synth.schema.read_result import ReadResult
    from jax_ir_synth.verify.sandbox import Outcome

# For a row that is proven anew, as `jax-ir-synth verify` has it by default.
_SECONDS, _GIGABYTES = 60, 4


def config_of(configs: Collection[str]) -> str:
    """The config whose rows are needed to publish these subsets; for none named, all."""
    return next(iter(configs)) if len(configs) == 1 else ALL


def make(
    path: Path, request: Request, configs: Collection[str], number: int, tell: Tell
) -> list[str]:
    """Makes the request's rows.

    Args:
      path: the Parquet file to write.
      request: which rows.
      configs: the subsets that are asked for; if none is named, all that have rows.
      number: of processes.
      tell: called for each row that is left out.

    Returns:
      The subsets to publish.

    Raises:
      RowError: the request is strict, and a row could not be made or proven.
      NotReady: the subsets have no rows.
    """
    # Late: a wrong argument or --help must not wait for these.
    from jax_ir_synth.generate.plan import places, plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.generate.workers import Workers
    from jax_ir_synth.terminal.progress import progress
    from jax_ir_synth.verify.results import find_category

    # Their first places: after one turn no category is new.
    planned_for = {place.category for place in places(request, 0, len(CATEGORIES))}
    source = f"`--count` (={request.count})"
    # Before the work, though a category may yet have all its rows left out.
    _subsets(configs, planned_for, source)
    present: set[str] = set()
    with open_output(path, PARQUET) as write, Workers(number, request.count) as workers:
        planned = plan_rows(request, draw=workers.draw, tell=tell)
        for row in progress(rows(request, planned, workers, tell), request.count):
            write(row)
            present.add(find_category(row))
    return _subsets(configs, present, source)


def _subsets(configs: Collection[str], present: Collection[str], source: str) -> list[str]:
    if len(present) == 1 and ALL in configs:
        raise NotReady(f"{source} gives rows of {min(present)} alone: publish that, not {ALL}")
    there = [name for name in CATEGORIES if name in present]
    if len(there) != 1:
        there.insert(0, ALL)
    found = [name for name in there if present and name in (configs or there)]
    if not found:
        raise NotReady(f"{source} gives no row of {', '.join(configs or CATEGORIES)}")
    return found


def opened(path: Path | Source) -> DatasetReader:
    """The dataset at `path`, see `dataset_reader.open_saved`.

    Raises:
      NotReady: there is none, or it lacks a column.
    """
    from jax_ir_synth.storage.dataset_reader import DatasetError, check_columns, open_saved

    try:
        saved = open_saved(path)
        check_columns(saved, path)
    except DatasetError as error:
        raise NotReady(str(error).replace("`DATASET`", "`--from`")) from error
    return saved


def take(
    path: Path, source: Path | Source, configs: Collection[str], number: int, check: str
) -> list[str]:
    """Takes the rows of `config_of(configs)` from a dataset, and proves each anew.

    Args:
      path: the Parquet file to write; its column `verified` says how the rows were proven now.
      source: the dataset.
      configs: as for `make`.
      number: of processes.
      check: what proves a row, see `reproof.prove_each`.

    Returns:
      The subsets to publish.

    Raises:
      PublishError: one is not proven.
      NotReady: the subsets have no rows.
    """
    import pyarrow

    from jax_ir_synth.terminal.console import printable
    from jax_ir_synth.terminal.progress import progress
    from jax_ir_synth.verify.reproof import prove_each
    from jax_ir_synth.verify.results import find_category
    from jax_ir_synth.verify.sandbox import Limits

    config = config_of(configs)
    present: set[str] = set()

    def settle(entry: "ReadResult", outcome: "Outcome") -> None:
        if not outcome.passed or entry.row is None:
            first = (outcome.said.splitlines() or [""])[0]
            raise PublishError(printable(f"{entry.where} is not proven: {first}"))
        category = find_category(entry.row)
        if category not in CATEGORIES:
            raise PublishError(printable(f"{entry.where} is of no category: {entry.row['type']}"))
        if config in (ALL, category):
            write(entry.row | {"verified": outcome.said})
            present.add(category)

    try:
        with open_output(path, PARQUET) as write:
            saved = opened(source)
            limits = Limits(_SECONDS, _GIGABYTES)
            prove_each(saved.entries, saved.count, check, number, limits, settle, progress)
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise PublishError(printable(f"{source} has a row of other types: {reason}")) from error
    return _subsets(configs, present, f"`--from` (={source})")
