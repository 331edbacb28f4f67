"""Runs a module with StableHLO's reference interpreter, which executes its text as it stands."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from jax_ir_synth.lowering.parsing import walk
from jax_ir_synth.verify import foreign, xla
from jax_ir_synth.verify.cutting import Stage, cut, main_of, retype

_PREPARE = "builtin.module(func.func(chlo-legalize-to-stablehlo))"


class CannotRun(ValueError):
    """Nothing here executes the module's operations; the message says which are the reason."""


class Refused(ValueError):
    """The interpreter gave up on the module, which must be its text's fault."""


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
      CannotRun: none of them runs it. When called, Refused.
    """

    def __init__(self, module: ir.Module, platform: str = "cpu"):
        self._module = module
        self._parts, self._results = [], []
        self._text = None
        with ir.Location.unknown():
            # The interpreter aborts the process on an operation that it lacks: these are cut out.
            if not foreign.OPERATIONS & _names(module):
                self.how = "interpreter"
                _prepare(module)
                return
            text = str(module)
            try:
                self._parts, self._results = cut(module)
                self.how = "interpreter+numpy"
            except foreign.Undefined as error:
                if platform != "cpu":
                    raise CannotRun(f"{error}, and only a {platform} device does it") from None
                _check_calls(module)
                self._text, self.how = text, "xla"
            for part in self._parts:
                if isinstance(part, Stage):
                    _prepare(part.module)

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results; bfloat16 ones as float32."""
        if self._text is not None:
            return xla.run(self._text, inputs)
        if self.how == "interpreter":
            return _evaluate(self._module, inputs)
        values = dict(enumerate(inputs))
        for part in self._parts:
            operands = [values[number] for number in part.taken]
            if isinstance(part, Stage):
                results = _evaluate(part.module, operands)
            else:
                results = part.function(*operands)
            values.update(zip(part.given, results, strict=True))
        return [values[number] for number in self._results]


def _check_calls(module: ir.Module) -> None:
    for op in walk(module.operation):
        if op.name == "stablehlo.custom_call":
            target = ir.StringAttr(op.attributes["call_target_name"]).value
            # A custom call may be a pointer to anything; these are routines of linear algebra.
            if not target.startswith("lapack_"):
                raise CannotRun(f"custom_call @{target} is not known")


def _names(module: ir.Module) -> set[str]:
    return {op.name for op in walk(module.operation)}


def _prepare(module: ir.Module) -> None:
    """What the interpreter needs; none of it changes what the module computes."""
    names = _names(module)
    for op in list(walk(module.operation)) if "stablehlo.scatter" in names else ():
        if op.name == "stablehlo.scatter":
            # The interpreter writes into a scatter's operand itself, whoever else reads it.
            with ir.InsertionPoint(op):
                op.operands[0] = stablehlo.concatenate([op.operands[0]], 0)
    main = main_of(module)
    block = main.regions[0].blocks[0]
    final = block.operations[len(block.operations) - 1]
    for position, operand in enumerate(final.operands):
        kind = ir.RankedTensorType(operand.type)
        if isinstance(kind.element_type, ir.BF16Type):
            # NumPy can't read a bfloat16 result.
            wide = ir.RankedTensorType.get(kind.shape, ir.F32Type.get())
            with ir.InsertionPoint(final):
                final.operands[position] = stablehlo.convert(wide, operand)
            retype(main)
    if any(name.startswith("chlo.") for name in names):
        PassManager.parse(_PREPARE).run(module.operation)


def _evaluate(module: ir.Module, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    kinds = [argument.type for argument in main_of(module).regions[0].blocks[0].arguments]
    try:
        attributes = [_attribute(x, kind) for x, kind in zip(inputs, kinds, strict=True)]
        results = stablehlo.eval_module(module, attributes)
    except ValueError as error:
        raise Refused(f"the interpreter refuses it: {error}") from None
    return [np.array(result) for result in results]


def _attribute(x: np.ndarray, kind: ir.Type) -> ir.DenseElementsAttr:
    element = ir.RankedTensorType(kind).element_type
    raw = np.ascontiguousarray(x)
    if isinstance(element, ir.BF16Type):
        raw = raw.astype(ml_dtypes.bfloat16).view(np.uint16)
    return ir.DenseElementsAttr.get(raw, shape=x.shape, type=element)


# Registering is for the whole process.
stablehlo.register_stablehlo_passes()
