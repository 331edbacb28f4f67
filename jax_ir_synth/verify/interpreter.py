"""Runs a module with StableHLO's reference interpreter, which doesn't optimize it."""

import functools
from collections.abc import Callable, Sequence
from typing import cast

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.admission import Admitted, Refused, Unsupported, admit
from jax_ir_synth.verify.expansion.expand import expand, find_expansion
from jax_ir_synth.verify.loops import describe_bound, is_bound_error
from jax_ir_synth.verify.partition import Stage, Step, find_main, partition
from jax_ir_synth.verify.preparing import legalize, prepare, promote_results

__all__ = ["CannotRun", "Program", "Refused", "Unsupported"]


class CannotRun(JaxIrSynthError, ValueError):
    """Nothing here can execute some of the module's operations; the message names them."""


_Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


class Program:
    """A parsed module that can be called with arrays, inside the `with` of `parsing.open_module`.

    `how` says what runs it:
      `"interpreter"`: StableHLO's reference interpreter.
      `"interpreter+numpy"`: the interpreter, and `fallback_kernels` for operations that it lacks.
    `turns` is the number of turns that a loop may take that can't be counted, None if there's none.

    Args:
      module: a module from `parsing.open_module`; it is changed.

    Raises:
      Refused: the module may not be run (see `admission`). A call also raises it if the interpreter
        or a routine gives up.
      Unsupported: it is a Refused, for an operation or a type that nothing here runs.
      CannotRun: neither the interpreter nor `fallback_kernels` can run it.
    """

    def __init__(self, module: ir.Module):
        self._whole: _Interpreted | None = None
        self._parts: list[tuple[Stage | Step, _Run]] = []
        self._results: list[int] = []
        with ir.Location.unknown():
            admitted = _admit_expanded(module)
            lacks = any(name in fallback_kernels.OPERATIONS for name, _ in admitted.operations)
            if legalize(module, admitted):
                # Again, since CHLO's operations have been replaced.
                admitted = admit(module)
            self.turns = admitted.turns if admitted.loops else None
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
                else (part, functools.partial(_run_step, part))
                for part in parts
            ]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the module; bfloat16 results are float32. Raises Refused."""
        if self._whole is not None:
            return self._whole(inputs)
        values = dict(enumerate(inputs))
        for part, run in self._parts:
            results = run([values[number] for number in part.taken])
            values.update(zip(part.given, results, strict=True))
        return [values[number] for number in self._results]


def _admit_expanded(module: ir.Module) -> Admitted:
    """Admit a module, expanded if that's needed, as it is for few. Raises Refused."""
    try:
        admitted = admit(module)
    except Unsupported:
        if not expand(module):
            raise
    else:
        if not any(
            name == "stablehlo.custom_call" and find_expansion(op)
            for name, op in admitted.operations
        ):
            return admitted
        expand(module)
    return admit(module)


class _Interpreted:
    """A module that the interpreter runs when called with arrays; for `turns` see `Admitted`."""

    def __init__(self, module: ir.Module, turns: int):
        promote_results(module)
        self._module, self._turns = module, turns
        self._kinds = [
            argument.type for argument in find_main(module).regions[0].blocks[0].arguments
        ]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        try:
            attributes = [
                _make_attribute(x, kind) for x, kind in zip(inputs, self._kinds, strict=True)
            ]
            results = stablehlo.eval_module(self._module, attributes)
        except ValueError as error:
            if is_bound_error(error):
                raise Refused(describe_bound(self._turns)) from None
            raise Refused(f"the interpreter refuses it: {error}") from None
        return [np.array(result) for result in results]


def _run_step(step: Step, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Compute a step's results. Raises Refused."""
    try:
        return [*step.function(*operands)]
    # SciPy's and NumPy's routines raise many kinds of errors for unsuitable operands.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise Refused(f"{step.name} refuses its operands: {reason:.200}") from None


def _make_attribute(x: np.ndarray, kind: ir.RankedTensorType) -> ir.DenseElementsAttr:
    if list(x.shape) != kind.shape:
        raise ValueError(f"an argument is of shape {x.shape}, it must be {tuple(kind.shape)}")
    raw = np.ascontiguousarray(x)
    if isinstance(kind.element_type, ir.BF16Type):
        raw = raw.astype(ml_dtypes.bfloat16).view(np.uint16)
    # MLIR's stubs accept only lists as shapes, and no NumPy arrays as buffers.
    make = cast(Callable[..., ir.DenseElementsAttr], ir.DenseElementsAttr.get)
    return make(raw, shape=x.shape, type=kind.element_type)
