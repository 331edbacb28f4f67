"""The rows to publish in one Parquet file: made and proven, or taken from a dataset and proven."""

from collections.abc import Collection
from pathlib import Path

from jax_ir_synth.config import ALL, Request
from jax_ir_synth.kernels import CATEGORIES
from jax_ir_synth.publish import NotReady, PublishError
from jax_ir_synth.writers import PARQUET, open_output

# For a row that is proven anew, as `python -m jax_ir_synth.verify` has it by default.
_SECONDS, _GIGABYTES = 60, 4


def categories_of(configs: Collection[str]) -> tuple[str, ...]:
    """Whose rows these subsets have."""
    return tuple(name for name in CATEGORIES if ALL in configs or name in configs)


def make(path: Path, request: Request, configs: Collection[str], number: int) -> None:
    """Make the request's rows that the subsets have, by `number` processes.

    Raises:
      RowError: a row could not be made or proven.
    """
    # Late: a wrong argument or --help must not wait for these.
    from jax_ir_synth import report
    from jax_ir_synth.plan import places, plan_rows
    from jax_ir_synth.workers import Workers

    wanted = categories_of(configs)
    count = sum(place.category in wanted for place in places(request))
    if not count:
        raise NotReady(f"`--count` (={request.count}) gives no row of {', '.join(configs)}")
    with open_output(path, PARQUET) as write, Workers(number, count) as workers:
        planned = (row for row in plan_rows(request, draw=workers.draw) if row.category in wanted)
        for row in report.progress(workers.rows(request, planned), count):
            write(row)


def opened(path: Path):
    """The dataset at `path`, see `saved.open_saved`. Raises NotReady, also for lack of a column."""
    from jax_ir_synth.saved import SavedError, open_saved
    from jax_ir_synth.verify.reproof import check_columns

    try:
        saved = open_saved(path)
        check_columns(saved, path)
    except SavedError as error:
        raise NotReady(str(error).replace("`PATH`", "`--from`")) from error
    return saved


def take(path: Path, source: Path, configs: Collection[str], number: int, check: str) -> None:
    """Take the rows of the subsets from the dataset at `source`, each proven anew.

    Their column `verified` says how they were proven now.

    Raises:
      PublishError: one is not proven.
      NotReady: there is none.
    """
    import pyarrow

    from jax_ir_synth.verify.reproof import prove_each
    from jax_ir_synth.verify.results import category_of, printable
    from jax_ir_synth.verify.sandbox import Limits

    wanted = categories_of(configs)
    taken = 0

    def settle(entry, outcome):
        nonlocal taken
        if not outcome.passed:
            first = (outcome.said.splitlines() or [""])[0]
            raise PublishError(printable(f"{entry.where} is not proven: {first}"))
        category = category_of(entry.row)
        if category not in CATEGORIES:
            raise PublishError(printable(f"{entry.where} is of no category: {entry.row['type']}"))
        if category in wanted:
            write(entry.row | {"verified": outcome.said})
            taken += 1

    try:
        with open_output(path, PARQUET) as write:
            prove_each(opened(source), check, number, Limits(_SECONDS, _GIGABYTES), settle)
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        raise PublishError(printable(f"{source} has a row of other types: {reason}")) from error
    if not taken:
        raise NotReady(f"`--from` (={source}) has no row of {', '.join(configs)}")
