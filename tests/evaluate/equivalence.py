"""Whether two modules compute the same, by XLA's CPU client on random inputs.

The original runs on 40 random inputs of its row's ranges as it stands; with each float moved to the
next one; and as float64. What these differ by, or four times the dtype's precision where that is
more, is the noise of a result on an input. Another module is

- wrong, where a result differs from the original's by far more than the noise on some input, or on
  average over all inputs;
- equivalent, where no result differs by more than a few times the noise, and in float64 (both read
  so) by more than what rounded constants leave; or where all results are the same bits;
- undecided otherwise: rounding hides what is wrong, or makes it seem so;
- refused, where XLA doesn't compile or run it, or not in time.

It is asked in a process of its own, since a module may never end, or end its process.
"""

import functools
import importlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import xla_oracle

from jax_ir_synth.reference.inputs import DTYPES, FLOATS, draw_inputs
from jax_ir_synth.runtime.helper import Helper, HelperDied, answer_questions
from jax_ir_synth.verify.execution import find_shortest_float
from jax_ir_synth.verify.promote import promote_half, promote_single

EQUIVALENT, WRONG, UNDECIDED, REFUSED = "equivalent", "wrong", "undecided", "refused"
INPUTS = 40
# Far from those that rows are drawn, proven and scored with.
_SEED = 9_500_000
# Of float32 programs and of those with 16-bit floats, whose noise is measured on fewer digits.
_FEW = {False: 8.0, True: 4.0}
_FAR = {False: 80.0, True: 10.0}
_FAR_ON_AVERAGE = {False: 40.0, True: 6.0}
# What constants that are rounded to a dtype leave of a result, as a part of it.
_CONSTANTS = {None: 1e-6, "float16": 2**-10, "bfloat16": 2**-7}
_PRECISION = {"float32": 2**-23, "float64": 2**-52, "float16": 2**-10, "bfloat16": 2**-7}

Arrays = list[np.ndarray]


class Verdict(NamedTuple):
    """What XLA says of a module beside its original.

    Attributes:
      verdict: `EQUIVALENT`, `WRONG`, `UNDECIDED` or `REFUSED`.
      size: the largest difference, as a part of the result's largest element on that input.
      inputs: on how many inputs a result differs by more than a few times the noise.
      reason: why it is refused.
    """

    verdict: str
    size: float = 0.0
    inputs: int = 0
    reason: str = ""


class Judge:
    """Compares modules with originals, in a process of its own.

    Args:
      seconds: that one comparison may take.
    """

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._helper: Helper | None = None

    def compare(self, original: str, in_avals: Sequence[Mapping[str, Any]], other: str) -> Verdict:
        """What `other` is beside `original`, whose arguments are `in_avals`.

        Raises XlaError where XLA doesn't run the original.
        """
        if self._helper is None:
            self._helper = Helper(__name__)
        timer = threading.Timer(self._seconds, self._helper.kill)
        timer.start()
        try:
            answer = self._helper.ask((original, json.dumps(in_avals), other))
        except HelperDied as died:
            self.close()
            return Verdict(REFUSED, reason=f"XLA's process ended: {died}")
        finally:
            timer.cancel()
        if isinstance(answer, str):
            raise xla_oracle.XlaError(answer)
        return Verdict(*answer)

    def close(self) -> None:
        """Ends the process."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None


class _Original:
    """What the original computes, and its noise."""

    def __init__(self, text: str, in_avals: Sequence[Mapping[str, Any]]):
        self.half = find_shortest_float(text)
        inputs = [draw_inputs(in_avals, _SEED + k) for k in range(INPUTS)]
        self.inputs = [xla_oracle.put_here(x) for x in inputs]
        self._wide = [xla_oracle.put_here([_widen(x) for x in each]) for each in inputs]
        run = xla_oracle.compile_here(text)
        self.results = [run(x) for x in self.inputs]
        others = [[run(_moved(in_avals, x, side)) for x in inputs] for side in (0, 1)]
        self.exact = self.exactly(text)
        if self.exact is not None:
            others.append(self.exact)
        self.sure = [
            [np.all([np.isfinite(_double(x)) for x in same], 0) for same in zip(*each, strict=True)]
            for each in zip(self.results, *others, strict=True)
        ]
        self.noise = self._measure(_largest, others)
        self.mean_noise = np.mean(self._measure(_mean, others), axis=0)

    def _measure(self, measure: Callable[..., float], others: Sequence[list[Arrays]]) -> list:
        """For each input and result the largest difference from other runs, or the dtype's own."""
        return [
            [
                max(_floor(x, mask), *(measure(y, x, mask) for y in same))
                for x, mask, *same in zip(*each, strict=True)
            ]
            for each in zip(self.results, self.sure, *others, strict=True)
        ]

    def exactly(self, text: str) -> list[Arrays] | None:
        """The results in float64; None where a text can't be read so."""
        # What a float32 program rounds to 16 bits is a part of what it computes.
        wide = promote_single(promote_half(text) if self.half else text)
        try:
            run = xla_oracle.compile_here(wide)
            return [run(x) for x in self._wide]
        except ValueError:
            return None


def compare_here(original: str, described: str, other: str) -> Verdict:
    """As `Judge.compare`, in this process; the arguments are described in JSON."""
    right = _original(original, described)
    try:
        run = xla_oracle.compile_here(other)
        results = [run(x) for x in right.inputs]
    except ValueError as error:
        return Verdict(REFUSED, reason=str(error))
    if _signature(results) != _signature(right.results):
        return Verdict(WRONG, np.inf, INPUTS)
    if all(_same(*pair) for each in zip(results, right.results, strict=True)
           for pair in zip(*each, strict=True)):  # fmt: skip
        return Verdict(EQUIVALENT)
    half = right.half is not None
    ratios, means, size = _differences(results, right)
    inputs = int((ratios > _FEW[half]).sum())
    if ratios.max() > _FAR[half] or means > _FAR_ON_AVERAGE[half]:
        return Verdict(WRONG, size, inputs)
    if inputs == 0 and _equal_exactly(other, right):
        return Verdict(EQUIVALENT, size)
    return Verdict(UNDECIDED, size, inputs)


@functools.lru_cache(maxsize=2)
def _original(text: str, described: str) -> _Original:
    return _Original(text, json.loads(described))


def _differences(results: list[Arrays], right: _Original) -> tuple[np.ndarray, float, float]:
    """Of each input the largest, in units of the noise; on average likewise; the largest size."""
    ratios, size, sums = np.zeros(INPUTS), 0.0, np.zeros(len(right.mean_noise))
    for number, each in enumerate(
        zip(results, right.results, right.sure, right.noise, strict=True)
    ):
        for k, (y, x, mask, noise) in enumerate(zip(*each, strict=True)):
            off = _largest(y, x, mask)
            ratios[number] = max(ratios[number], _ratio(off, noise))
            size = max(size, _ratio(off, float(np.abs(_double(x)[mask]).max(initial=0.0))))
            sums[k] += _mean(y, x, mask) / INPUTS
    means = max(
        (_ratio(total, noise) for total, noise in zip(sums, right.mean_noise, strict=True)),
        default=0.0,
    )
    return ratios, means, size


def _equal_exactly(other: str, right: _Original) -> bool:
    """Where both can be read as float64, do they compute the same but for rounded constants?"""
    if right.exact is None:
        return True
    exact = right.exactly(other)
    if exact is None:
        return True
    rate = _CONSTANTS[right.half]
    return all(
        _largest(y, x, mask) <= rate * np.abs(_double(x)[mask]).max(initial=0.0) + noise
        for each in zip(exact, right.exact, right.sure, right.noise, strict=True)
        for y, x, mask, noise in zip(*each, strict=True)
    )


def _ratio(off: float, unit: float) -> float:
    return off / unit if unit else (np.inf if off else 0.0)


def _floor(x: np.ndarray, mask: np.ndarray) -> float:
    precision = _PRECISION.get(str(x.dtype), 0.0)
    return 4 * precision * float(np.abs(_double(x)[mask]).max(initial=0.0))


def _off(y: np.ndarray, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        off = np.abs(_double(y)[mask] - _double(x)[mask])
    return np.where(np.isfinite(off), off, np.inf)


def _largest(y: np.ndarray, x: np.ndarray, mask: np.ndarray) -> float:
    return float(_off(y, x, mask).max(initial=0.0))


def _mean(y: np.ndarray, x: np.ndarray, mask: np.ndarray) -> float:
    return float(_off(y, x, mask).mean()) if mask.any() else 0.0


def _double(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64)


def _widen(x: np.ndarray) -> np.ndarray:
    return _double(x) if x.dtype in (np.float32, np.float16, ml_dtypes.bfloat16) else x


def _same(y: np.ndarray, x: np.ndarray) -> bool:
    return np.array_equal(_double(y), _double(x), equal_nan=True)


def _signature(results: list[Arrays]) -> list[tuple]:
    return [(x.shape, x.dtype) for x in results[0]]


def _moved(
    in_avals: Sequence[Mapping[str, Any]], arrays: Sequence[np.ndarray], side: int
) -> Arrays:
    """Each float the next one, up or down at random; inside its range."""
    draws = np.random.Generator(np.random.Philox(key=[_SEED, side]))
    moved = []
    for aval, x in zip(in_avals, arrays, strict=True):
        if aval["dtype"] in FLOATS:
            dtype = DTYPES[aval["dtype"]]
            towards = np.where(draws.random(x.shape) < 0.5, aval["low"], aval["high"])
            x = np.asarray(np.nextafter(x, towards.astype(dtype), dtype=dtype))
        moved.append(x)
    return moved


def serve() -> None:
    """Run the judge's process."""
    answer_questions(_answer, lambda: importlib.import_module("jax_ir_synth.lowering"))


def _answer(question: tuple[str, str, str]) -> tuple | str:
    try:
        return tuple(compare_here(*question))
    except ValueError as error:
        return str(error)
