"""Planned row -> row: the one way in which every adapter's rows are made."""

import functools
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from jax_ir_synth import kernels
from jax_ir_synth.generate import defects
from jax_ir_synth.generate.defects import Defect, RowError, Tell
from jax_ir_synth.generate.plan import PlannedRow
from jax_ir_synth.request import choices
from jax_ir_synth.request.config import Request
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.runtime.isolation import isolated
from jax_ir_synth.schema.verification import OF_STABLEHLO, UNVERIFIED
from jax_ir_synth.verify import prove

if TYPE_CHECKING:
    from jax_ir_synth.generate.workers import Workers
    from jax_ir_synth.kernels.builder.values import KernelSource
    from jax_ir_synth.lowering.lower import LoweredKernel

# The platform for which each IR column is lowered.
_PLATFORMS = {"cpp": "cpu", "cuda": "cuda"}


class Program(NamedTuple):
    """What a row is made of: its source, and the hash by which it is in its split."""

    source: "KernelSource"
    skeleton_hash: str


@isolated
def draw_program(category: str, seed: int, candidate: int) -> Program:
    """A candidate's program; free where it is what was drawn last, as a plan has done."""
    spec = kernels.draw(category, seed, candidate)
    return Program(kernels.write(spec), spec.skeleton_hash)


@isolated
@pause_gc()
def make_row(
    request: Request, planned: PlannedRow, program: Program | None = None
) -> dict[str, Any]:
    """The row for one entry of the plan, as a dict in column order (see `columns.SCHEMA`).

    Args:
      request: what was asked for.
      planned: the entry.
      program: what `draw_program` gives for them, if it is at hand.

    IR columns of devices that were not asked for are None.

    Where the request says so, it is proven first (see `verify.prove`), and its column `verified`
    says how.

    Raises:
      RowError: with the row's coordinates and, where it was written already, its source; the
        reason is chained.
    """
    # Late, since it brings jax: a plan, a command line's help or a bad argument needs none.
    from jax_ir_synth.lowering import lower_source

    text = ""
    try:
        if program is None:
            program = draw_program(planned.category, request.seed, planned.candidate)
        source, skeleton_hash = program
        text = source.python
        lowered = lower_source(
            source.python,
            source.name,
            source.in_avals,
            source.argnums,
            request.platforms,
            request.dialect,
            request.target,
        )
        row = _row(planned, skeleton_hash, source, lowered)
        if request.verify:
            row["verified"] = _proven(request, row, lowered)
    except Exception as error:
        defect = _defect(request, planned, error, text)
        raise RowError(defect.message, defect) from error
    return row


def make_or_leave_out(
    request: Request, planned: PlannedRow, program: Program | None = None
) -> dict[str, Any] | Defect:
    """What `make_row` gives, or why there is no such row.

    Raises RowError where the reason is this machine and not the row.
    """
    try:
        return make_row(request, planned, program)
    except RowError as error:
        if defects.is_of_the_machine(error.__cause__):
            raise
        if error.defect is None:
            raise
        return error.defect


def _defect(request: Request, planned: PlannedRow, error: Exception, source: str) -> Defect:
    return Defect(
        planned.id,
        planned.category,
        request.seed,
        planned.candidate,
        defects.describe(error),
        source,
        getattr(error, "values", None),
    )


def _proven(request: Request, row: dict[str, Any], lowered: "LoweredKernel") -> str:
    """What proves the row: its own StableHLO; where it has none, that which it was made of."""
    if "stablehlo" in choices.unpack_names(request.dialect):
        return prove(row)
    stablehlo = {name: lowered.stablehlo.get(platform) for name, platform in _PLATFORMS.items()}
    return OF_STABLEHLO + prove({**row, **stablehlo})


def _row(
    planned: PlannedRow,
    skeleton_hash: str,
    source: "KernelSource",
    lowered: "LoweredKernel",
) -> dict[str, Any]:
    return {
        "id": planned.id,
        "kernel_name": source.name,
        "python": source.python,
        **{name: lowered.columns.get(platform) for name, platform in _PLATFORMS.items()},
        "type": f"generate_{planned.category}",
        "in_avals": [aval.described() for aval in source.in_avals],
        "argnums": list(source.argnums),
        "program_hash": lowered.program_hash,
        "skeleton_hash": skeleton_hash,
        "jax_version": _jax_version(),
        "verified": UNVERIFIED,
    }


def rows(
    request: Request,
    planned: Iterable[PlannedRow],
    workers: "Workers | None" = None,
    tell: Tell = defects.log,
) -> Iterator[dict[str, Any]]:
    """The rows of `planned`, in its order, but for those that can't be made or proven.

    Args:
      request: what was asked for.
      planned: the entries of its plan.
      workers: makes them (`workers.Workers`), where given.
      tell: is told of each row that is left out.

    Raises RowError for the first such, where the request is strict.
    """
    made: Iterator[dict[str, Any] | Defect]
    if workers is None:
        made = (make_or_leave_out(request, row) for row in planned)
    else:
        made = workers.make_rows(request, planned)
    for row in made:
        if isinstance(row, Defect):
            defects.handle(row, request.strict, tell)
        else:
            yield row


@functools.cache
def _jax_version() -> str:
    return version("jax")
