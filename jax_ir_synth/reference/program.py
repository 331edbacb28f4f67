"""What a row's Python text computes: its outputs, and by differences its derivatives."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jax_ir_synth.reference import source
from jax_ir_synth.reference.inputs import FLOATS, HALF, wide
from jax_ir_synth.reference.numpy_jax import arithmetic, bounds
from jax_ir_synth.reference.numpy_jax.arithmetic import Noise
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.trace_recorder import Diverged, Singular, TraceRecorder
from jax_ir_synth.reference.numpy_jax.trees import leaves

# The step of the differences, as a part of each argument's own: in float64 both the truncation's
# and the rounding's error are then some 1e-10 of the outputs.
STEP = 1e-6
# How far the slopes to both sides may differ, by curvature and rounding, without a second look.
_STRAIGHT = 1e-6
# How much the rounding of a dtype may change a root, relative to it. The derivative, one over twice
# the root, changes as much. In 16 bits, a root that is off by half is nothing but rounding.
_STEADY_ROOTS = {"float32": 0.05, "bfloat16": 0.5, "float16": 0.5}


class Derivative(NamedTuple):
    """How the sum of the outputs changes along one direction.

    Attributes:
      value: the derivative, by central differences.
      slopes: the derivative of each float output along the direction, in the outputs' order.
      bend: how far the slopes to the one and to the other side differ, summed over all elements.
      step: of the differences.
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
        """The sum of the elements' absolute changes, some of which may cancel."""
        return sum(float(np.abs(slope).sum()) for slope in self.slopes)


class ReferenceProgram:
    """A row's Python, run with the NumPy reference.

    Args:
      python: its text.
      name: of the function that it defines.
      avals: its arguments, as `in_avals` describes them. Where the floats among them are all of one
        dtype of 16 bits, the literals in the text are rounded to it, as JAX does.

    Raises ValueError where the text is none of a kernel's.
    """

    def __init__(self, python: str, name: str, avals: Sequence[Mapping[str, Any]]) -> None:
        dtypes = {aval["dtype"] for aval in avals if aval["dtype"] in FLOATS}
        (half,) = dtypes if len(dtypes) == 1 and dtypes < set(HALF) else (None,)
        self._written = python, name, avals
        self._half = half
        self._function = source.load(python, name, half)
        self._recorder = TraceRecorder()

    def outputs(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Every output, in the order in which JAX flattens them; floats are float64.

        The run is recorded: see `derivative`.
        """
        with self._recorder.recording():
            return self._run(inputs)

    def unrounded(self) -> "ReferenceProgram":
        """The same program with its literals as they are written."""
        python, name, avals = self._written
        return ReferenceProgram(python, name, wide(avals))

    @property
    def is_half(self) -> bool:
        """Whether all its floats have 16 bits."""
        return self._half is not None

    @property
    def branches(self) -> frozenset[tuple[int, int]]:
        """The branches that the last run of `outputs` took, see `trace_recorder.TraceRecorder`."""
        return frozenset(self._recorder.branches)

    def derivative(
        self,
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        direction: Sequence[np.ndarray | None],
    ) -> Derivative | None:
        """The derivative of the sum of all float outputs along a direction.

        Args:
          inputs: where.
          outputs: those of the last call of `outputs`, which was with these inputs.
          direction: for each argument how it moves, None where it doesn't.

        Returns None where there is a jump or a kink so near that differences don't tell it.
        """
        first = self._differences(inputs, outputs, direction, STEP)
        if first is None:
            return None
        size = sum(float(np.abs(x).sum()) for x in outputs if x.dtype.kind == "f")
        if first.bend <= _STRAIGHT * (first.scale + size):
            return first
        # The sides differ. Where that is curvature, a smaller step makes the difference smaller.
        second = self._differences(inputs, outputs, direction, STEP / 4)
        if second is None or second.bend > first.bend / 2:
            return None
        return first if abs(second.value - first.value) <= _STRAIGHT * first.scale else None

    def _differences(
        self, inputs: Any, outputs: Any, direction: Any, step: float
    ) -> Derivative | None:
        sides = []
        for move in (step, -step):
            nudged = [
                x if along is None else np.asarray(x, np.float64) + move * along
                for x, along in zip(inputs, direction, strict=True)
            ]
            try:
                with self._recorder.replaying():
                    sides.append(self._run(nudged))
            except (Diverged, Singular):
                return None
        slopes, bend = [], 0.0
        for here, ahead, behind in zip(outputs, *sides, strict=True):
            if here.dtype.kind != "f":
                if not (np.array_equal(here, ahead) and np.array_equal(here, behind)):
                    return None
                continue
            slopes.append((ahead - behind) / (2 * step))
            bend += float(np.abs(ahead + behind - 2 * here).sum()) / step
        value = sum(float(slope.sum()) for slope in slopes)
        return Derivative(value, slopes, bend, step) if np.isfinite([value, bend]).all() else None

    def with_noise(self, inputs: Sequence[np.ndarray], noise: Noise) -> list[np.ndarray]:
        """The outputs where each operation's result is off by a random error: see `arithmetic`.

        Args:
          inputs: where.
          noise: the errors.

        Raises:
          Singular: a root is taken that the errors decide. It is compared with that of the last
            call of `outputs`, where that was with inputs of these shapes.
        """
        with self._recorder.comparing_roots(_STEADY_ROOTS[noise.dtype]):
            return self._run(inputs, noise)

    def _run(self, inputs: Sequence[np.ndarray], noise: Noise | None = None) -> list[np.ndarray]:
        # A program may well meet a division by zero in a branch that it doesn't take.
        with np.errstate(all="ignore"), arithmetic.of(self._half, noise), bounds.counted():
            result = self._function(*(array(x) for x in inputs))
        return [np.asarray(array(leaf)) for leaf in leaves(result)]


def direction(
    in_avals: Sequence[Any], argnums: Sequence[int], seed: int
) -> list[np.ndarray | None]:
    """A random direction for all arguments of `argnums` at once.

    Each element moves by ±½ to ±1 of half its range: none so little that an error in its part of
    the gradient would be lost.
    """
    draws = np.random.Generator(np.random.Philox(key=[seed, len(in_avals)]))
    moves: list[np.ndarray | None] = [None] * len(in_avals)
    for number in argnums:
        aval = in_avals[number]
        size = draws.uniform(0.5, 1.0, aval["shape"]) * draws.choice((-1.0, 1.0), aval["shape"])
        moves[number] = size * (aval["high"] - aval["low"]) / 2
    return moves
