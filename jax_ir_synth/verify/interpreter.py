"""Runs a module with StableHLO's reference interpreter, which executes its text as it stands."""

import functools
from collections.abc import Sequence

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import walk
from jax_ir_synth.verify import fallback_kernels, xla
from jax_ir_synth.verify.admission import Refused, admit
from jax_ir_synth.verify.loops import went_on
from jax_ir_synth.verify.partition import Stage, Step, cut, main_of
from jax_ir_synth.verify.preparing import legalize, prepare, widen_results

__all__ = ["CannotRun", "Program", "Refused"]


class CannotRun(JaxIrSynthError, ValueError):
    """Nothing here executes the module's operations; the message says which are the reason."""


class Program:
    """A parsed module, to be called with arrays, inside the `with` of `parsing.parsed`.

    `how` says what runs it:
      `"interpreter"`: StableHLO's reference interpreter.
      `"interpreter+numpy"`: likewise, but for operations that it lacks, which `foreign` does.
      `"xla"`: XLA's CPU client, where `foreign` lacks an operation too.

    Args:
      module: as `parsing.parsed` gives it; it is changed.
      platform: `"cpu"` or `"cuda"`, for which it was lowered.

    Raises:
      Refused: it isn't one that may be run (see `admission`). When called, also where the
        interpreter or a routine gives up on it.
      CannotRun: none of them runs it.
    """

    def __init__(self, module: ir.Module, platform: str = "cpu"):
        self._whole = None
        self._parts, self._results = [], []
        self._text = None
        with ir.Location.unknown():
            admitted = admit(module)
            lacks = any(name in fallback_kernels.OPERATIONS for name, _ in admitted.operations)
            text = str(module) if lacks else None
            if legalize(module, admitted):
                # Once more: of what CHLO's operations have become.
                admitted = admit(module)
            prepare(admitted)
            if text is None:
                self.how = "interpreter"
                self._whole = _Interpreted(module, admitted.turns)
                return
            try:
                parts, self._results = cut(module)
                self.how = "interpreter+numpy"
            except fallback_kernels.Undefined as error:
                if platform != "cpu":
                    raise CannotRun(f"{error}, and only a {platform} device does it") from None
                _check_calls(module)
                self._text, self.how = text, "xla"
                return
            self._parts = [
                (part, _Interpreted(part.module, admitted.turns))
                if isinstance(part, Stage)
                else (part, functools.partial(_take, part))
                for part in parts
            ]

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results; bfloat16 ones as float32. Raises Refused."""
        if self._text is not None:
            return xla.run(self._text, inputs)
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


def _check_calls(module: ir.Module) -> None:
    for op in walk(module.operation):
        if op.name == "stablehlo.custom_call":
            target = ir.StringAttr(op.attributes["call_target_name"]).value
            # A custom call may be a pointer to anything; these are routines of linear algebra.
            if not target.startswith("lapack_"):
                raise CannotRun(f"custom_call @{target} is not known")


def _take(step: Step, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What a step gives. Raises Refused."""
    try:
        return step.function(*operands)
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
    return ir.DenseElementsAttr.get(raw, shape=x.shape, type=kind.element_type)
