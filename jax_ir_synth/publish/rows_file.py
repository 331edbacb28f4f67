"""Writes the rows to publish to one Parquet file: new rows, or those of a dataset, all proven."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from jax_ir_synth.generate.defects import Tell
from jax_ir_synth.publish import NotReady, PublishError
from jax_ir_synth.request.categories import CATEGORIES, COLLECTED, KINDS
from jax_ir_synth.request.config import ALL, Request
from jax_ir_synth.storage.dataset_reader import DatasetReader, Source
from jax_ir_synth.storage.writers import PARQUET, open_output

if TYPE_CHECKING:
    from jax_ir_synth.schema.read_result import ReadResult
    from jax_ir_synth.verify.sandbox import Outcome

# The limits for the proof of a row, the same as the defaults of `jax-ir-synth verify`.
_SECONDS, _GIGABYTES = 60, 4


def find_config(configs: Collection[str]) -> str:
    """Find the config whose rows are needed to publish these subsets; `all` if none is named."""
    return next(iter(configs)) if len(configs) == 1 else ALL


def make(
    path: Path, request: Request, configs: Collection[str], number: int, tell: Tell
) -> list[str]:
    """Make the request's rows.

    Args:
      path: the Parquet file to write.
      request: the request for the rows.
      configs: the requested subsets; if empty, all subsets that have rows.
      number: the number of processes.
      tell: called with each row that is left out.

    Returns:
      The subsets to publish.

    Raises:
      RowError: the request is strict, and a row can't be made or proven.
      NotReady: the subsets have no rows.
    """
    # Imported late, since a wrong argument or --help must not wait for them.
    from jax_ir_synth.generate.plan import places, plan_rows
    from jax_ir_synth.generate.rows import rows
    from jax_ir_synth.generate.workers import Workers
    from jax_ir_synth.terminal.progress import progress
    from jax_ir_synth.verify.results import find_category

    # The places of the first rows are enough: each category has one of them.
    planned_for = {place.category for place in places(request, 0, len(CATEGORIES))}
    source = f"`--count` (={request.count})"
    # Checked before the work, and again afterwards, since all rows of a category may be left out.
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
    there = [name for name in KINDS if name in present]
    # Functions that people wrote are never mixed with synthesized ones.
    if len(there) != 1 and not {*COLLECTED} & {*present}:
        there.insert(0, ALL)
    found = [name for name in there if present and name in (configs or there)]
    if not found:
        raise NotReady(f"{source} gives no row of {', '.join(configs or CATEGORIES)}")
    return found


def open_source(path: Path | Source) -> DatasetReader:
    """Open the dataset at `path`; see `dataset_reader.open_saved`.

    Raises:
      NotReady: there is no dataset, or it lacks a column.
    """
    from jax_ir_synth.storage.dataset_reader import (
        DatasetError,
        check_columns,
        given_by,
        open_saved,
    )

    try:
        with given_by("--from"):
            saved = open_saved(path)
            check_columns(saved, path)
    except DatasetError as error:
        raise NotReady(str(error)) from error
    return saved


def take(
    path: Path, source: Path | Source, configs: Collection[str], number: int, check: str
) -> list[str]:
    """Take the rows of `find_config(configs)` from a dataset, and prove each again.

    Args:
      path: the Parquet file to write; its column `verified` gives the status of the new proof.
      source: the dataset.
      configs: as for `make`.
      number: the number of processes.
      check: the function that proves a row; see `reproof.prove_each`.

    Returns:
      The subsets to publish.

    Raises:
      PublishError: a row is not proven.
      NotReady: the subsets have no rows.
    """
    import pyarrow

    from jax_ir_synth.schema.columns import choose_schema
    from jax_ir_synth.terminal.console import printable
    from jax_ir_synth.terminal.progress import progress
    from jax_ir_synth.verify.reproof import prove_each
    from jax_ir_synth.verify.results import find_category
    from jax_ir_synth.verify.sandbox import Limits

    config = find_config(configs)
    present: set[str] = set()
    columns = {name for entry in open_source(source).entries for name in entry.row or ()}

    def settle(entry: "ReadResult", outcome: "Outcome") -> None:
        if not outcome.passed or entry.row is None:
            first = (outcome.said.splitlines() or [""])[0]
            raise PublishError(printable(f"{entry.where} is not proven: {first}"))
        category = find_category(entry.row)
        if category not in KINDS:
            raise PublishError(printable(f"{entry.where} is of no category: {entry.row['type']}"))
        if config in (ALL, category):
            write(entry.row | {"verified": outcome.said})
            present.add(category)

    try:
        with open_output(path, PARQUET, schema=choose_schema(columns)) as write:
            saved = open_source(source)
            limits = Limits(_SECONDS, _GIGABYTES)
            prove_each(saved.entries, saved.count, check, number, limits, settle, progress)
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise PublishError(printable(f"{source} has a row of other types: {reason}")) from error
    return _subsets(configs, present, f"`--from` (={source})")
