"""Makes rows from planned rows. All adapters get their rows from here."""

import functools
import pickle
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
    """A row's source, the hash that decides its split, and perhaps what a proof begins with.

    Attributes:
      source: the source.
      skeleton_hash: the hash of its structure.
      evaluation: the pickled result of `evaluate_reference`; None where it isn't passed along.
    """

    source: "KernelSource"
    skeleton_hash: str
    evaluation: bytes | None = None


@isolated
def draw_program(category: str, seed: int, candidate: int, evaluate: bool = False) -> Program:
    """Draw and write a candidate's program; free if a plan has just drawn the same candidate.

    With `evaluate`, the evaluation comes with it, for a proof in another process. It is at hand
    since the candidate was validated, and a proof would take milliseconds to find it again.
    """
    from jax_ir_synth.reference.points import evaluate_reference

    spec = kernels.draw(category, seed, candidate)
    source = kernels.write(spec)
    evaluation = pickle.dumps(evaluate_reference(*_describe(source))) if evaluate else None
    return Program(source, spec.skeleton_hash, evaluation)


def _describe(source: "KernelSource") -> tuple[str, str, list[dict[str, Any]], list[int]]:
    """Return a source's text, name, arguments and differentiable arguments, as a row has them."""
    avals = [aval.described() for aval in source.in_avals]
    return source.python, source.name, avals, list(source.argnums)


@isolated
@pause_gc()
def make_row(
    request: Request, planned: PlannedRow, program: Program | None = None
) -> dict[str, Any]:
    """Make the row for one entry of the plan, as a dict in column order (see `columns.SCHEMA`).

    IR columns of devices that were not requested are None. If the request says so, the row is
    proven (see `verify.prove`), and its column `verified` says how.

    Args:
      request: the request.
      planned: the entry.
      program: the result of `draw_program` for them, if it is already known.

    Raises:
      RowError: the row can't be made or proven. The message has its coordinates and, if it is
        already written, its source. The reason is chained.
    """
    # Imported late, since it imports jax, and a plan, the help or a wrong argument needs none.
    from jax_ir_synth.lowering import lower_source
    from jax_ir_synth.reference.points import keep_evaluation

    text = ""
    try:
        if program is None:
            program = draw_program(planned.category, request.seed, planned.candidate)
        source, skeleton_hash, evaluation = program
        text = source.python
        lowered = lower_source(
            source.python,
            source.name,
            source.in_avals,
            source.argnums,
            request.platforms,
            request.dialect,
            request.target,
            request.passes,
        )
        row = _format_row(planned, skeleton_hash, source, lowered)
        if request.verify:
            if evaluation is not None:
                keep_evaluation(*_describe(source), pickle.loads(evaluation))
            row["verified"] = _prove_row(request, row, lowered)
    except Exception as error:
        defect = _make_defect(request, planned, error, text)
        raise RowError(defect.message, defect) from error
    return row


def make_or_leave_out(
    request: Request, planned: PlannedRow, program: Program | None = None
) -> dict[str, Any] | Defect:
    """Make a row with `make_row`, or return the defect that prevents it.

    Raises RowError if the reason is this machine and not the row.
    """
    try:
        return make_row(request, planned, program)
    except RowError as error:
        if defects.is_of_the_machine(error.__cause__):
            raise
        if error.defect is None:
            raise
        return error.defect


def _make_defect(request: Request, planned: PlannedRow, error: Exception, source: str) -> Defect:
    return Defect(
        planned.id,
        planned.category,
        request.seed,
        planned.candidate,
        defects.describe(error),
        source,
        getattr(error, "values", None),
    )


def _prove_row(request: Request, row: dict[str, Any], lowered: "LoweredKernel") -> str:
    """Prove a row by its own StableHLO, or if it has none, by that from which it was made."""
    if "stablehlo" in choices.unpack_names(request.dialect):
        return prove(row, "arrays")
    stablehlo = {name: lowered.stablehlo.get(platform) for name, platform in _PLATFORMS.items()}
    return OF_STABLEHLO + prove({**row, **stablehlo}, "arrays")


def _format_row(
    planned: PlannedRow,
    skeleton_hash: str,
    source: "KernelSource",
    lowered: "LoweredKernel",
) -> dict[str, Any]:
    python, name, avals, argnums = _describe(source)
    return {
        "id": planned.id,
        "kernel_name": name,
        "python": python,
        **{name: lowered.columns.get(platform) for name, platform in _PLATFORMS.items()},
        "type": f"generate_{planned.category}",
        "in_avals": avals,
        "argnums": argnums,
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
    """Make the rows of `planned` in order, except those that can't be made or proven.

    Args:
      request: the request.
      planned: the entries of its plan.
      workers: the workers that make them (`workers.Workers`); None to make them in this process.
      tell: called with the defect of each row that is left out.

    Raises RowError for the first such row if the request is strict.
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
