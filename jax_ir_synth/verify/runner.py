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
from jax_ir_synth.verify.arrays import ArrayProgram, GaveUp, Unknown, Unreadable
from jax_ir_synth.verify.interpreter import Program

# How far NumPy's results may be from the interpreter's on the first input, as a part of the largest
# element: far above rounding, far below an operation that means something else.
_APART = 1e-3


class Runner:
    """A text that can be called with arrays, inside the `with` of `parsing.open_module`.

    `how` says what ran it so far: `interpreter.Program.how`, with `"+arrays"` if NumPy did.

    Args:
      text: the module's text.
      module: the same, parsed; it is changed.

    Raises as `interpreter.Program` does.
    """

    def __init__(self, text: str, module: ir.Module):
        self._text, self._program = text, Program(module)
        self._first: tuple[Sequence[np.ndarray], list[np.ndarray]] | None = None
        self.how = self._program.how

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the module; bfloat16 results are float32. Raises Refused."""
        if self._first is None:
            results = self._program(inputs)
            self._first = inputs, results
            return results
        if self._arrays is None:
            return self._program(inputs)
        try:
            results = self._arrays(inputs)
        except GaveUp:
            # It decides whether it gives up, too; NumPy bounds loops that it doesn't bound.
            return self._program(inputs)
        self.how = f"{self._program.how}+arrays"
        return results

    # Only now, since most wrong texts are wrong on the first input, and since the module was
    # admitted: it is neither too large nor endless.
    @functools.cached_property
    def _arrays(self) -> ArrayProgram | None:
        assert self._first is not None
        inputs, results = self._first
        try:
            arrays = self._read()
            found = arrays(inputs)
        except (Unknown, GaveUp):
            return None
        agrees = len(found) == len(results) and all(map(_agree, found, results))
        return arrays if agrees else None

    def _read(self) -> ArrayProgram:
        """Read the text for NumPy. Raises Unknown."""
        turns = self._program.turns
        try:
            return ArrayProgram(self._text, turns)
        except Unreadable:
            # People and models write modules in other forms than MLIR prints them.
            return ArrayProgram(str(parse_module(self._text)), turns)


def _agree(found: np.ndarray, meant: np.ndarray) -> bool:
    if found.dtype != meant.dtype or found.shape != meant.shape:
        return False
    if meant.dtype.kind != "f":
        return np.array_equal(found, meant)
    finite = np.abs(meant[np.isfinite(meant)])
    apart = _APART * float(finite.max(initial=0.0))
    return bool(np.allclose(found, meant, rtol=_APART, atol=apart, equal_nan=True))
