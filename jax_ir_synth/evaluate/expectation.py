"""Computes the results of a right module, and which of their elements tell right from wrong.

The row's own module is run on `inputs.draw_edge_inputs` as float64, so that its results are free of
rounding. Two kinds of elements are not compared: those that aren't finite in float64 or float32,
and those on a jump. There, a nudge of the inputs by a millionth changes an element by more than the
tolerance, as with the gradient at a kink, so convention or rounding decides its value.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.evaluate.inputs import PLAIN, draw_edge_inputs, draw_plain_inputs, nudge_inputs
from jax_ir_synth.reference import tolerance
from jax_ir_synth.verify.execution import execute, execute_exactly, find_shortest_float
from jax_ir_synth.verify.promote import promote_half

# The number of cached expectations: several completions of a row are judged in succession.
_KEPT = 16


class Unjudgeable(JaxIrSynthError, ValueError):
    """The reference itself can't be run, or none of its results tells right from wrong."""


class Expectation(NamedTuple):
    """The results of a right module on each of the inputs.

    Attributes:
      inputs: arrays for the arguments, float32 where the module takes 16-bit floats.
      results: the reference's results on each input; floats are float64.
      looked_at: for each result on each input, the mask of the elements that are compared.
      largest: for each result, the largest element that is compared on any input.
      rate: how far an element may be off, as a fraction of the largest one on the same input.
    """

    inputs: list[list[np.ndarray]]
    results: list[list[np.ndarray]]
    looked_at: list[list[np.ndarray]]
    largest: list[float]
    rate: float

    def measure_error(self, got: Sequence[Sequence[np.ndarray]], rate: float) -> tuple[float, str]:
        """Measure the error of results in units of the tolerance by `rate`.

        Returns the largest error, and a description of where it is. Above 1, the results are wrong.
        """
        worst = 0.0, ""
        for number, (mine, right, masks) in enumerate(
            zip(got, self.results, self.looked_at, strict=True)
        ):
            for k, (x, y, mask) in enumerate(zip(mine, right, masks, strict=True)):
                off = _measure_error(x, y, mask, rate, self.largest[k])
                if off > worst[0]:
                    worst = off, f"result {k} on input {number} {_format_worst(x, y, mask)}"
        return worst


@functools.lru_cache(maxsize=_KEPT)
def compute_expectation(module: str, avals_json: str, rate: float) -> Expectation:
    """Compute the results of a right module.

    Args:
      module: the reference's text.
      avals_json: the row's `in_avals` as JSON, which the cache can hash.
      rate: `tolerance.FORWARD` or `tolerance.BACKWARD`; for a program of 16-bit floats the result's
        rate is larger.

    Raises Unjudgeable.
    """
    avals = json.loads(avals_json)
    try:
        wide = promote_half(module)
        points = draw_edge_inputs(avals)
        try:
            exact = execute_exactly(wide, points)
        except ValueError:
            # A program that reinterprets the bits of a float32 can't run in float64. It is run in
            # float32 then, away from the edges.
            points = draw_plain_inputs(avals, len(points))
            exact = None
        single = execute(wide, points, lambda found: None, ()).results
        results = exact or [[_to_float64(x) for x in each] for each in single]
        masks = [
            [
                np.isfinite(_to_float64(x)) & np.isfinite(_to_float64(y))
                for x, y in zip(*both, strict=True)
            ]
            for both in zip(results, single, strict=True)
        ]
        half = find_shortest_float(module)
        rate = max(rate, tolerance.CONSTANTS[half]) if half else rate
        here = Expectation(points, results, masks, _list_largest(results, masks), rate)
        if exact:
            _mask_jumps(here, avals, wide, single)
    except Unjudgeable:
        raise
    except ValueError as error:
        raise Unjudgeable(f"the reference can't be run: {error}") from error
    here = here._replace(largest=_list_largest(results, masks))
    for k, each in enumerate(zip(*masks, strict=True)):
        if not any(mask.any() for mask in each):
            raise Unjudgeable(f"no element of the reference's result {k} is sure")
    return here


def _mask_jumps(
    here: Expectation,
    avals: Sequence[Mapping[str, Any]],
    module: str,
    single: Sequence[Sequence[np.ndarray]],
) -> None:
    """Remove from the masks the elements that a nudge of the inputs changes."""
    for number, point in enumerate(here.inputs):
        others = [single[number]]
        if number >= PLAIN:
            others += execute_exactly(module, nudge_inputs(avals, point))
        for other in others:
            for k, (x, y) in enumerate(zip(here.results[number], other, strict=True)):
                mask = here.looked_at[number][k]
                # Rounding alone may change a 32-bit result by so much; a jump changes it more.
                rate = here.rate * (tolerance.ROUGH_FACTOR if other is single[number] else 1.0)
                mask &= ~_find_wrong(y, x, mask, rate, here.largest[k])


def _list_largest(
    results: Sequence[Sequence[np.ndarray]], masks: Sequence[Sequence[np.ndarray]]
) -> list[float]:
    return [
        max(_find_size(x, mask) for x, mask in zip(*each, strict=True))
        for each in zip(zip(*results, strict=True), zip(*masks, strict=True), strict=True)
    ]


def _find_size(x: np.ndarray, mask: np.ndarray) -> float:
    return float(np.abs(_to_float64(x)[mask]).max(initial=0.0))


def _to_float64(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _compute_tolerance(right: np.ndarray, mask: np.ndarray, rate: float, largest: float) -> float:
    return rate * _find_size(right, mask) + tolerance.ELSEWHERE * largest


def _find_wrong(
    x: np.ndarray, right: np.ndarray, mask: np.ndarray, rate: float, largest: float
) -> np.ndarray:
    """Find the elements that are off by more than the tolerance."""
    if right.dtype.kind != "f":
        return np.asarray(_to_float64(x) != _to_float64(right))
    with np.errstate(invalid="ignore"):
        return np.asarray(
            ~(np.abs(_to_float64(x) - right) <= _compute_tolerance(right, mask, rate, largest))
        )


def _measure_error(
    x: np.ndarray, right: np.ndarray, mask: np.ndarray, rate: float, largest: float
) -> float:
    if not mask.any():
        return 0.0
    if right.dtype.kind != "f":
        return np.inf if (x[mask] != right[mask]).any() else 0.0
    with np.errstate(invalid="ignore"):
        error = float(np.abs(_to_float64(x)[mask] - right[mask]).max())
    if not np.isfinite(error):
        return np.inf
    allowed = _compute_tolerance(right, mask, rate, largest)
    return error / allowed if allowed else (np.inf if error else 0.0)


def _format_worst(x: np.ndarray, right: np.ndarray, mask: np.ndarray) -> str:
    """Describe the element with the largest error."""
    mine, theirs = _to_float64(x)[mask], _to_float64(right)[mask]
    with np.errstate(invalid="ignore"):
        errors = np.abs(mine - theirs)
    at_most = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    return f"is {mine[at_most]:.6g} where the reference's is {theirs[at_most]:.6g}"
