"""Runs a text on many inputs: on the first by the interpreter, on the others by NumPy if it agrees.

The interpreter says what a text computes; it costs some milliseconds for each input. NumPy
(`arrays`) takes a tenth of that. It is used for a text only if it has all of its operations, and if
its results on the first input are the interpreter's, apart from rounding.
"""

import functools
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import parse_module
from jax_ir_synth.verify.admission import Refused
from jax_ir_synth.verify.arrays import ArrayProgram, TooManyTurns, Unknown
from jax_ir_synth.verify.interpreter import Program
from jax_ir_synth.verify.loops import describe_bound

# How far NumPy's results may be from the interpreter's on the first input, as a part of the largest
# element: far above rounding, far below an operation that means something else.
_APART = 1e-3


class Runner:
    """A text that can be called with arrays, inside the `with` of `parsing.open_module`.

    Args:
      text: the module's text.
      module: the same, parsed; it is changed.

    Raises as `interpreter.Program` does.
    """

    def __init__(self, text: str, module: ir.Module):
        self._text, self._program = text, Program(module)
        self._first: tuple[Sequence[np.ndarray], list[np.ndarray]] | None = None

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the module; bfloat16 results are float32. Raises Refused."""
        if self._first is None:
            results = self._program(inputs)
            self._first = inputs, results
            return results
        if self._arrays is None:
            return self._program(inputs)
        try:
            return self._arrays(inputs)
        except TooManyTurns:
            raise Refused(describe_bound(self._program.turns)) from None

    # Only now, since most wrong texts are wrong on the first input, and since the module was
    # admitted: it is neither too large nor endless.
    @functools.cached_property
    def _arrays(self) -> ArrayProgram | None:
        assert self._first is not None
        inputs, results = self._first
        try:
            arrays = ArrayProgram(parse_module(self._text), self._program.turns)
            found = arrays(inputs)
        except (Unknown, TooManyTurns):
            return None
        agrees = all(_agree(x, y) for x, y in zip(found, results, strict=True))
        return arrays if agrees else None


def _agree(found: np.ndarray, meant: np.ndarray) -> bool:
    if found.dtype != meant.dtype or found.shape != meant.shape:
        return False
    if meant.dtype.kind != "f":
        return np.array_equal(found, meant)
    finite = np.abs(meant[np.isfinite(meant)])
    apart = _APART * float(finite.max(initial=0.0))
    return bool(np.allclose(found, meant, rtol=_APART, atol=apart, equal_nan=True))
