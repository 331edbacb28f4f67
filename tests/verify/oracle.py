"""Whether a mutant computes something else than its row: both are run on the same random arguments."""

import functools
import json
from collections.abc import Iterator

import numpy as np
from mutants import Mutant

from jax_ir_synth.lowering.parsing import open_module
from jax_ir_synth.reference.inputs import draw_inputs
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.verify.check import load_interpreter
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.sandbox import Outcome

ready = load_interpreter

# Far from the small numbers that the verifier may draw its own arguments with.
SEEDS = range(9_000_000, 9_000_004)


def answer(question: dict, mark) -> Outcome:
    """A sandboxed answer about a mutant: `ask` is `"verdict"`, `"differs"` or `"largest"`."""
    if question["ask"] == "verdict":
        # Late: what only compares meanings needs no verifier.
        from jax_ir_synth.verify import NotProven
        from jax_ir_synth.verify.proof import prove

        try:
            # As rows are proven while they are made.
            return Outcome(True, prove(question["row"], "arrays"))
        except NotProven as error:
            return Outcome(False, str(error))
    measure = differs if question["ask"] == "differs" else largest_difference
    return Outcome(True, str(measure(question["row"], question["mutant"])))


def differs(row: dict, mutant: Mutant) -> bool:
    """Do any results differ, bit for bit (NaN equals NaN, and 0 equals -0)?

    Runs for ever where the mutant does. Raises what running the row itself raises.
    """
    return any(difference > 0 for difference in _differences(row, mutant))


def largest_difference(row: dict, mutant: Mutant) -> float:
    """The largest difference of any result, relative to the largest finite number in that result.

    Infinite where shapes, NaNs or infinities differ.
    """
    return max(_differences(row, mutant))


def _differences(row: dict, mutant: Mutant) -> Iterator[float]:
    avals = json.dumps(row["in_avals"])
    ours, theirs = read_section(row[mutant.column]), read_section(mutant.row[mutant.column])
    for seed in SEEDS:
        for section in mutant.sections:
            right = _results(getattr(ours, section), avals, seed)
            try:
                yield _difference(right, _results(getattr(theirs, section), avals, seed))
            except (ValueError, RuntimeError):  # only the mutant can't be run
                yield np.inf


def _difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    if [(x.shape, x.dtype) for x in ours] != [(y.shape, y.dtype) for y in theirs]:
        return np.inf
    return max((_array_difference(x, y) for x, y in zip(ours, theirs, strict=True)), default=0.0)


def _array_difference(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    if np.array_equal(x, y, equal_nan=True):
        return 0.0
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return np.inf
    scale = np.max(np.abs(x[finite]))
    return float(np.max(np.abs(x[finite] - y[finite])) / scale) if scale > 0 else np.inf


@functools.lru_cache(maxsize=64)
def _results(module: str, in_avals: str, seed: int) -> list[np.ndarray]:
    inputs = draw_inputs(json.loads(in_avals), seed)
    with open_module(module) as op:
        return Program(op)(inputs)
