"""Runs a module with StableHLO's reference interpreter, which executes its text as it stands."""

import functools
from collections.abc import Callable, Sequence
from typing import cast

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.admission import Refused, admit
from jax_ir_synth.verify.loops import went_on
from jax_ir_synth.verify.partition import Stage, Step, main_of, partition
from jax_ir_synth.verify.preparing import legalize, prepare, widen_results

__all__ = ["CannotRun", "Program", "Refused"]


class CannotRun(JaxIrSynthError, ValueError):
    """Nothing here executes the module's operations; the message says which are the reason."""


_Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


class Program:
    """A parsed module, to be called with arrays, inside the `with` of `parsing.parsed`.

    `how` says what runs it:
      `"interpreter"`: StableHLO's reference interpreter.
      `"interpreter+numpy"`: likewise, but for operations that it lacks, which `fallback_kernels`
        do.

    Args:
      module: as `parsing.parsed` gives it; it is changed.

    Raises:
      Refused: it isn't one that may be run (see `admission`). When called, also where the
        interpreter or a routine gives up on it.
      CannotRun: neither runs it.
    """

    def __init__(self, module: ir.Module):
        self._whole: _Interpreted | None = None
        self._parts: list[tuple[Stage | Step, _Run]] = []
        self._results: list[int] = []
        with ir.Location.unknown():
            admitted = admit(module)
            lacks = any(name in fallback_kernels.OPERATIONS for name, _ in admitted.operations)
            if legalize(module, admitted):
                # Once more: of what CHLO's operations have become.
                admitted = admit(module)
            prepare(admitted)
            if not lacks:
                self.how = "interpreter"
                self._whole = _Interpreted(module, admitted.turns)
                return
            try:
                parts, self._results = partition(module)
                self.how = "interpreter+numpy"
            except fallback_kernels.Undefined as error:
                raise CannotRun(str(error)) from None
            self._parts = [
                (part, _Interpreted(part.module, admitted.turns))
                if isinstance(part, Stage)
                else (part, functools.partial(_take, part))
                for part in parts
            ]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results; bfloat16 ones as float32. Raises Refused."""
        if self._whole is not None:
            return self._whole(inputs)
        values = dict(enumerate(inputs))
        for part, run in self._parts:
            results = run([values[number] for number in part.taken])
            values.update(zip(part.given, results, strict=True))
        return [values[number] for number in self._results]


class _Interpreted:
    """A module that the interpreter runs, called with arrays. `turns`: as `Admitted` has them."""

    def __init__(self, module: ir.Module, turns: int):
        widen_results(module)
        self._module, self._turns = module, turns
        self._kinds = [argument.type for argument in main_of(module).regions[0].blocks[0].arguments]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        try:
            attributes = [_attribute(x, kind) for x, kind in zip(inputs, self._kinds, strict=True)]
            results = stablehlo.eval_module(self._module, attributes)
        except ValueError as error:
            if went_on(error):
                raise Refused(f"a loop of it takes more than {self._turns:,} turns") from None
            raise Refused(f"the interpreter refuses it: {error}") from None
        return [np.array(result) for result in results]


def _take(step: Step, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a step gives. Raises Refused."""
    try:
        return [*step.function(*operands)]
    # SciPy's and NumPy's routines have errors of their own for each way not to fit.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise Refused(f"{step.name} refuses its operands: {reason:.200}") from None


def _attribute(x: np.ndarray, kind: ir.RankedTensorType) -> ir.DenseElementsAttr:
    if list(x.shape) != kind.shape:
        raise ValueError(f"an argument is of shape {x.shape}, it must be {tuple(kind.shape)}")
    raw = np.ascontiguousarray(x)
    if isinstance(kind.element_type, ir.BF16Type):
        raw = raw.astype(ml_dtypes.bfloat16).view(np.uint16)
    # MLIR's stubs know lists for a shape alone, and no NumPy array for a buffer.
    make = cast(Callable[..., ir.DenseElementsAttr], ir.DenseElementsAttr.get)
    return make(raw, shape=x.shape, type=kind.element_type)
