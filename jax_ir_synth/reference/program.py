"""Runs a row's Python text: its outputs, and its derivatives by finite differences."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.reference import source
from jax_ir_synth.reference.inputs import FLOATS, HALF, promote_avals
from jax_ir_synth.reference.numpy_jax import arithmetic, bounds
from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.trace_recorder import (
    Diverged,
    Singular,
    Trace,
    TraceRecorder,
)
from jax_ir_synth.reference.numpy_jax.trees import leaves
from jax_ir_synth.reference.philox import make_generator

# The step of the finite differences, as a fraction of the direction. In float64 the truncation
# error and the rounding error are then each about 1e-10 of the outputs.
STEP = 1e-6
# How far the slopes to both sides may differ, by curvature and rounding, before a smaller step is
# tried.
_STRAIGHT = 1e-6
# How much the rounding of a dtype may change a root, as a fraction of the root. The derivative, one
# over twice the root, changes by the same fraction. In 16 bits, a root that is off by more than
# half is rounding only.
_STEADY_ROOTS = {"float32": 0.05, "bfloat16": 0.5, "float16": 0.5}

_SIGNS = np.array([-1.0, 1.0])
# The names of 16-bit floats in a program's text.
_HALVES = re.compile(r"\b(?:bfloat16|float16)\b")


class Derivative(NamedTuple):
    """How the sum of the outputs changes along one direction.

    Attributes:
      value: the derivative, by central differences.
      slopes: the derivative of each float output along the direction, in the outputs' order.
      bend: the difference between the slopes to the two sides, summed over all elements.
      step: the step of the differences.
    """

    value: float
    slopes: list[np.ndarray]
    bend: float
    step: float

    @property
    def curvature(self) -> float:
        """The sum of the elements' absolute second derivatives."""
        return self.bend / self.step

    @property
    def scale(self) -> float:
        """The sum of the elements' absolute slopes, which may cancel in `value`."""
        return sum(float(np.abs(slope).sum()) for slope in self.slopes)


class ReferenceProgram:
    """A row's Python, run with the NumPy reference.

    Args:
      python: its text.
      name: the name of the function that it defines.
      avals: its arguments, as `in_avals` describes them. If all floats among them have the same
        16-bit dtype, the literals in the text are rounded to it, as JAX does.

    Raises ValueError if the text is not that of a kernel.
    """

    def __init__(self, python: str, name: str, avals: Sequence[Mapping[str, Any]]) -> None:
        dtypes = {aval["dtype"] for aval in avals if aval["dtype"] in FLOATS}
        (half,) = dtypes if len(dtypes) == 1 and dtypes < set(HALF) else (None,)
        self._written = python, name, avals
        self._half = half
        self._function = source.load(python, name, half)
        # Where arguments of 16 bits meet others, the reference doesn't know which is which.
        self._float_dtype: str | None = None
        if len(dtypes) <= 1:
            self._float_dtype = next(iter(dtypes), "float32")
        self._recorder = TraceRecorder()

    def __reduce__(self) -> Any:
        # The function can't be pickled, so it is loaded anew. Its runs are forgotten, except for
        # `reduced_precision`.
        return ReferenceProgram, self._written, self._recorder.fewest_bits

    def __setstate__(self, fewest_bits: int | None) -> None:
        self._recorder.fewest_bits = fewest_bits

    def outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute all outputs, in the order in which JAX flattens them; floats are float64.

        The run is recorded for `derivative`.
        """
        with self._recorder.record():
            return self._run(inputs)

    @property
    def trace(self) -> Trace:
        """The last run of `outputs`."""
        return self._recorder.trace

    def resume(self, trace: Trace) -> None:
        """Let `derivative` and `with_noise` take an earlier run of `outputs` for the last one."""
        self._recorder.resume(trace)

    def unrounded(self) -> "ReferenceProgram":
        """Return the same program with its literals not rounded."""
        python, name, avals = self._written
        return ReferenceProgram(python, name, promote_avals(avals))

    @property
    def has_halves(self) -> bool:
        """Whether any of its floats may have 16 bits."""
        python, _, avals = self._written
        return any(aval["dtype"] in HALF for aval in avals) or bool(_HALVES.search(python))

    @property
    def reduced_precision(self) -> float:
        """The largest relative error of `lax.reduce_precision` in its runs so far; 0 without it."""
        bits = self._recorder.fewest_bits
        return 0.0 if bits is None else 2.0**-bits

    @property
    def nearest_jump(self) -> float:
        """How near a jump the last run of `outputs` came; see `trace_recorder.TraceRecorder`."""
        return self._recorder.nearest_jump

    @property
    def is_half(self) -> bool:
        """Whether all its floats have 16 bits."""
        return self._half is not None

    @property
    def branches(self) -> frozenset[tuple[int, int]]:
        """The branches that the last run of `outputs` took; see `trace_recorder.TraceRecorder`."""
        return frozenset(self._recorder.branches)

    @property
    def branch_functions(self) -> tuple[frozenset[int], frozenset[int]]:
        """The functions, by id, that the last run of `outputs` took as branches or could take."""
        return frozenset(self._recorder.taken), frozenset(self._recorder.offered)

    def replay(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Compute the outputs at a point near that of the last call of `outputs` (see `resume`).

        Values that gradients don't pass stay as they were there. Returns None if the program takes
        another path, or is singular.
        """
        try:
            with self._recorder.replay():
                return self._run(inputs)
        except (Diverged, Singular):
            return None

    def derivative(
        self,
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        direction: Sequence[np.ndarray | None],
    ) -> Derivative | None:
        """Compute the derivative of the sum of all float outputs along a direction.

        Args:
          inputs: the point at which to differentiate.
          outputs: the result of the last call of `outputs`, which must have been for these inputs
            (see `resume`).
          direction: how each argument moves, None for those that don't.

        Returns None if a jump or a kink is too near for finite differences.
        """
        first = self._differences(inputs, outputs, direction, STEP)
        if first is None:
            return None
        size = sum(float(np.abs(x).sum()) for x in outputs if x.dtype.kind == "f")
        if first.bend <= _STRAIGHT * (first.scale + size):
            return first
        # The sides differ. If curvature is the reason, a smaller step makes the difference smaller.
        second = self._differences(inputs, outputs, direction, STEP / 4)
        if second is None or second.bend > first.bend / 2:
            return None
        return first if abs(second.value - first.value) <= _STRAIGHT * first.scale else None

    def _differences(
        self, inputs: Any, outputs: Any, direction: Any, step: float
    ) -> Derivative | None:
        moves = [None if along is None else step * along for along in direction]
        sides = []
        for nudge in (np.add, np.subtract):
            nudged = [
                x if move is None else nudge(x, move, dtype=np.float64)
                for x, move in zip(inputs, moves, strict=True)
            ]
            outputs_there = self.replay(nudged)
            if outputs_there is None:
                return None
            sides.append(outputs_there)
        slopes, bend = [], 0.0
        for here, ahead, behind in zip(outputs, *sides, strict=True):
            if here.dtype.kind != "f":
                if not (np.array_equal(here, ahead) and np.array_equal(here, behind)):
                    return None
                continue
            slopes.append((ahead - behind) / (2 * step))
            bend += float(np.abs(ahead + behind - 2 * here).sum()) / step
        value = sum(float(slope.sum()) for slope in slopes)
        finite = math.isfinite(value) and math.isfinite(bend)
        return Derivative(value, slopes, bend, step) if finite else None

    def with_noise(self, inputs: Sequence[np.ndarray], noise: Noise) -> list[np.ndarray]:
        """Compute the outputs with a random error on each operation's result; see `arithmetic`.

        Args:
          inputs: the point at which to run the program.
          noise: the errors.

        Raises:
          Singular: the errors decide a root. Roots are compared with those of the last call of
            `outputs`, as long as the shapes agree.
        """
        with self._recorder.compare_roots(_STEADY_ROOTS[noise.dtype]):
            return self._run(inputs, noise)

    def measure_differences(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Measure how far apart the floats are that the program compares, for each comparison."""
        run = arithmetic.Comparisons()
        self._run(inputs, run)
        return run.differences

    def _use(self, noise: Noise | None) -> Any:
        return arithmetic.use(self._half, noise, self._float_dtype)

    def _run(self, inputs: Sequence[np.ndarray], noise: Noise | None = None) -> list[np.ndarray]:
        # A program may divide by zero in a branch that it doesn't take.
        with np.errstate(all="ignore"), self._use(noise), bounds.count_steps():
            result = self._function(*(array(x) for x in inputs))
        return [np.asarray(array(leaf)) for leaf in leaves(result)]


def direction(
    in_avals: Sequence[Any], argnums: Sequence[int], seed: int
) -> list[np.ndarray | None]:
    """Draw a random direction for all arguments of `argnums` at once.

    Each element moves by ±½ to ±1 of half its range. If one moved by less, an error in its part of
    the gradient could go unnoticed.
    """
    draws = make_generator((seed, len(in_avals)))
    moves: list[np.ndarray | None] = [None] * len(in_avals)
    for number in argnums:
        aval = in_avals[number]
        size = draws.uniform(0.5, 1.0, aval["shape"])
        size = size * _SIGNS[draws.integers(0, len(_SIGNS), aval["shape"])]
        moves[number] = size * (aval["high"] - aval["low"]) / 2
    return moves
