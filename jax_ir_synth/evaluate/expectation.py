"""What a right module computes: the reference's results, and which of them tell right from wrong.

The reference is run on `inputs.inputs` as float64, so that rounding is no part of its results. Not
looked at are elements that are no finite numbers there, or not as float32, and those on a jump:
where a nudge of the inputs by a millionth changes an element by more than a right module's may be
off, as the gradient at a kink, it is convention or rounding that decides.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.evaluate import inputs as at
from jax_ir_synth.reference import tolerance
from jax_ir_synth.verify.execution import execute, execute_exactly, find_shortest_float
from jax_ir_synth.verify.promote import promote_half

# Rows whose expectation is kept: several completions of a row are judged one after the other.
_KEPT = 16


class Unjudgeable(JaxIrSynthError, ValueError):
    """The reference itself can't be run, or none of what it computes tells right from wrong."""


class Expectation(NamedTuple):
    """What a right module gives on each of the inputs.

    Attributes:
      inputs: arrays for the arguments; float32 where the module takes 16-bit floats.
      results: of the reference, floats of float64, on each input.
      looked_at: for each result on each input a mask of its elements.
      largest: for each result the largest element that is looked at on any input.
      rate: how far an element may be off, as a part of the largest one on the same input.
    """

    inputs: list[list[np.ndarray]]
    results: list[list[np.ndarray]]
    looked_at: list[list[np.ndarray]]
    largest: list[float]
    rate: float

    def off(self, got: Sequence[Sequence[np.ndarray]], rate: float) -> tuple[float, str]:
        """How far results are off, in units of the tolerance by `rate`; what is worst, in words.

        Above 1 they are wrong.
        """
        worst = 0.0, ""
        for number, (mine, right, masks) in enumerate(
            zip(got, self.results, self.looked_at, strict=True)
        ):
            for k, (x, y, mask) in enumerate(zip(mine, right, masks, strict=True)):
                off = _off(x, y, mask, rate, self.largest[k])
                if off > worst[0]:
                    worst = off, f"result {k} on input {number} {_show(x, y, mask)}"
        return worst


@functools.lru_cache(maxsize=_KEPT)
def expectation(module: str, described: str, rate: float) -> Expectation:
    """What a right module gives.

    Args:
      module: the reference's text.
      described: the row's `in_avals` as JSON, so that rows can be told apart.
      rate: `tolerance.FORWARD` or `tolerance.BACKWARD`; larger in a program of 16-bit floats.

    Raises Unjudgeable.
    """
    avals = json.loads(described)
    try:
        wide = promote_half(module)
        points = at.inputs(avals)
        try:
            exact = execute_exactly(wide, points)
        except ValueError:
            # Of the bits of a float32 no float64 has a part: then in float32, away from the edges.
            points = at.more(avals, len(points))
            exact = None
        single = execute(wide, points, lambda found: None, ()).results
        results = exact or [[_double(x) for x in each] for each in single]
        masks = [
            [np.isfinite(_double(x)) & np.isfinite(_double(y)) for x, y in zip(*both, strict=True)]
            for both in zip(results, single, strict=True)
        ]
        half = find_shortest_float(module)
        rate = max(rate, tolerance.CONSTANTS[half]) if half else rate
        here = Expectation(points, results, masks, _largest(results, masks), rate)
        if exact:
            _mask_jumps(here, avals, wide, single)
    except Unjudgeable:
        raise
    except ValueError as error:
        raise Unjudgeable(f"the reference can't be run: {error}") from error
    here = here._replace(largest=_largest(results, masks))
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
    """Takes out of the masks what a nudge of the inputs changes."""
    for number, point in enumerate(here.inputs):
        others = [single[number]]
        if number >= at.PLAIN:
            others += execute_exactly(module, at.nudged(avals, point))
        for other in others:
            for k, (x, y) in enumerate(zip(here.results[number], other, strict=True)):
                mask = here.looked_at[number][k]
                # Rounding alone may take a result of 32 bits so far; a jump goes further.
                rate = here.rate * (tolerance.ROUGH_FACTOR if other is single[number] else 1.0)
                mask &= ~_differ(y, x, mask, rate, here.largest[k])


def _largest(
    results: Sequence[Sequence[np.ndarray]], masks: Sequence[Sequence[np.ndarray]]
) -> list[float]:
    return [
        max(_size(x, mask) for x, mask in zip(*each, strict=True))
        for each in zip(zip(*results, strict=True), zip(*masks, strict=True), strict=True)
    ]


def _size(x: np.ndarray, mask: np.ndarray) -> float:
    return float(np.abs(_double(x)[mask]).max(initial=0.0))


def _double(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _allowed(right: np.ndarray, mask: np.ndarray, rate: float, largest: float) -> float:
    return rate * _size(right, mask) + tolerance.ELSEWHERE * largest


def _differ(
    x: np.ndarray, right: np.ndarray, mask: np.ndarray, rate: float, largest: float
) -> np.ndarray:
    """Where an element is off by more than is allowed."""
    if right.dtype.kind != "f":
        return np.asarray(_double(x) != _double(right))
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(_double(x) - right) <= _allowed(right, mask, rate, largest)))


def _off(x: np.ndarray, right: np.ndarray, mask: np.ndarray, rate: float, largest: float) -> float:
    if not mask.any():
        return 0.0
    if right.dtype.kind != "f":
        return np.inf if (x[mask] != right[mask]).any() else 0.0
    with np.errstate(invalid="ignore"):
        error = float(np.abs(_double(x)[mask] - right[mask]).max())
    if not np.isfinite(error):
        return np.inf
    allowed = _allowed(right, mask, rate, largest)
    return error / allowed if allowed else (np.inf if error else 0.0)


def _show(x: np.ndarray, right: np.ndarray, mask: np.ndarray) -> str:
    """The element that is off most."""
    mine, theirs = _double(x)[mask], _double(right)[mask]
    with np.errstate(invalid="ignore"):
        errors = np.abs(mine - theirs)
    at_most = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    return f"is {mine[at_most]:.6g} where the reference's is {theirs[at_most]:.6g}"
