"""Runs a row's IR text with StableHLO's reference interpreter, to see what its programs compute."""

import re

import ml_dtypes
import numpy as np
from jax._src.interpreters import mlir  # the context that knows JAX's dialects
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

stablehlo.register_stablehlo_passes()

_DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "int32": np.int32,
           "uint32": np.uint32, "bool": np.bool_}
# The interpreter aborts the process on these.
_UNSUPPORTED = re.compile(r"stablehlo\.(custom_call|fft|triangular_solve|cholesky|rng_bit_generator)\b")


def can_run(module: str) -> bool:
    """Is every operation one that the interpreter knows?"""
    return not _UNSUPPORTED.search(module)


def random_inputs(in_avals, seed: int) -> list[np.ndarray]:
    """Arguments drawn from the ranges in `in_avals`; integers include both ends."""
    draws = np.random.default_rng(seed)
    values = []
    for aval in in_avals:
        if aval["dtype"] in ("int32", "uint32", "bool"):
            raw = draws.integers(int(aval["low"]), int(aval["high"]), aval["shape"], endpoint=True)
        else:
            raw = draws.uniform(aval["low"], aval["high"], aval["shape"])
        values.append(np.asarray(raw).astype(_DTYPES[aval["dtype"]]))
    return values


def run(module: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The module's results on the inputs, as float64 arrays."""
    with mlir.make_ir_context() as context, ir.Location.unknown(context):
        parsed = ir.Module.parse(module)
        _widen_results(parsed)
        _copy_scattered(parsed)
        PassManager.parse("builtin.module(func.func(chlo-legalize-to-stablehlo))").run(parsed.operation)
        results = stablehlo.eval_module(parsed, [_attribute(x) for x in inputs])
        return [_array(r) for r in results]


def _attribute(x: np.ndarray):
    shape = list(x.shape)
    if x.dtype == np.bool_:
        return ir.DenseElementsAttr.get(np.ascontiguousarray(x), shape=shape, type=ir.IntegerType.get_signless(1))
    if x.dtype == ml_dtypes.bfloat16:
        return ir.DenseElementsAttr.get(np.ascontiguousarray(x).view(np.uint16), shape=shape, type=ir.BF16Type.get())
    return ir.DenseElementsAttr.get(np.ascontiguousarray(x), shape=shape, type=mlir.dtype_to_ir_type(x.dtype))


def _copy_scattered(module) -> None:
    """Gives each scatter a copy of its operand: the interpreter writes into the operand itself."""
    def visit(op):
        for region in op.regions:
            for block in region.blocks:
                for each in list(block.operations):
                    if each.operation.name == "stablehlo.scatter":
                        x = each.operation.operands[0]
                        with ir.InsertionPoint(each.operation):
                            each.operation.operands[0] = stablehlo.concatenate([x], 0)
                    visit(each.operation)
    visit(module.operation)


def _widen_results(module) -> None:
    """Makes main return float32 where it returns bfloat16, which NumPy can't read."""
    main = next(f for f in module.body.operations if f.attributes["sym_name"].value == "main")
    block = main.regions[0].blocks[0]
    final = block.operations[len(block.operations) - 1]
    kinds = []
    for position, operand in enumerate(final.operands):
        kind = ir.RankedTensorType(operand.type)
        if isinstance(kind.element_type, ir.BF16Type):
            kind = ir.RankedTensorType.get(kind.shape, ir.F32Type.get())
            with ir.InsertionPoint(final):
                final.operands[position] = stablehlo.convert(kind, operand)
        kinds.append(kind)
    main.attributes["function_type"] = ir.TypeAttr.get(
        ir.FunctionType.get([a.type for a in block.arguments], kinds))


def _array(attribute) -> np.ndarray:
    return np.array(attribute).astype(np.float64)
