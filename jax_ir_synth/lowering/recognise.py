"""Recognises what a single operation, or a call of a function by its name, does in a program."""

import functools
import inspect
import re

import jax
import jax.numpy as jnp
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value, read_integers

_BRANCH_WRAPPER = re.compile(r"_?where|_piecewise|_select")
_NUMBER = re.compile(r"_\d+$")
_LINALG_OPS = {"stablehlo.cholesky", "stablehlo.triangular_solve"}
_LINALG_TARGET = re.compile(r"lapack|cusolver|cublas|magma|householder|^(lu|qr|eigh|svd)", re.I)
# The operations that pass a branch's result on unchanged, by which it is traced to another branch.
UNCHANGED = {
    "stablehlo.broadcast_in_dim",
    "stablehlo.convert",
    "stablehlo.optimization_barrier",
    "stablehlo.reshape",
}


def is_branch_wrapper(name: str) -> bool:
    """Whether a function of this name carries a branch that the program wrote."""
    return _BRANCH_WRAPPER.match(name) is not None


def is_linalg(op: ir.Operation) -> bool:
    """Whether this factorises a matrix or solves with it."""
    if op.name == "stablehlo.custom_call":
        return (
            _LINALG_TARGET.search(ir.StringAttr(op.attributes["call_target_name"]).value)
            is not None
        )
    return op.name in _LINALG_OPS


def get_entry(function: ir.Operation) -> ir.Block:
    """Return a function's only block."""
    block: ir.Block = function.regions[0].blocks[0]
    return block


def is_boolean(kind: ir.RankedTensorType) -> bool:
    """Whether a tensor's elements are booleans."""
    return str(kind.element_type) == "i1"


def is_inexact(kind: ir.RankedTensorType) -> bool:
    """Whether a tensor's elements are floating-point or complex numbers."""
    return not isinstance(kind.element_type, ir.IntegerType)


def starts_branch(op: ir.Operation) -> bool:
    """Whether a branch begins here, other than by a bare `select`."""
    if op.name == "func.call":
        return is_branch_wrapper(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
    return op.name in ("stablehlo.case", "stablehlo.if")


def _find_source(value: Value) -> ir.Operation | None:
    """Find the operation that made a value, ignoring conversions and such; None for an argument."""
    while not isinstance(value.owner, ir.Block):
        owner = value.owner.operation
        if owner.name not in UNCHANGED:
            return owner
        value = owner.operands[0]
    return None


def is_branch(select: ir.Operation) -> bool:
    """Whether a `select` chooses between values, rather than guarding against a bad one."""
    if not is_inexact(ir.RankedTensorType(select.results[0].type)):
        return False
    if select.operands[1] == select.operands[2]:  # how vmap hands a cond's operands to each case
        return False
    predicate, *cases = (_find_source(value) for value in select.operands)
    if predicate is not None and _is_guard(predicate):
        return False
    return not any(case is not None and _is_nan(case) for case in cases)


def _is_guard(predicate: ir.Operation) -> bool:
    """Whether a predicate only asks for infinities or NaNs (which differ from themselves)."""
    if predicate.name == "stablehlo.is_finite":
        return True
    return predicate.name == "stablehlo.compare" and predicate.operands[0] == predicate.operands[1]


def _is_nan(op: ir.Operation) -> bool:
    if op.name != "stablehlo.constant":
        return False
    value = ir.DenseElementsAttr(op.attributes["value"])
    if not value.is_splat:
        return False
    # MLIR prints a NaN as its bits: 0x7FC00000, 0x7E00, 0x7FC0, …
    return re.search(r"dense<0x(7F[89A-F]|7E)", str(value)) is not None


def contracts(op: ir.Operation) -> bool:
    """Whether several elements become one."""
    if op.name == "stablehlo.reduce":
        return len(read_integers(op.attributes["dimensions"])) > 0
    if op.name == "stablehlo.dot_general":
        return "contracting" in str(op.attributes["dot_dimension_numbers"])
    if op.name == "stablehlo.scatter":
        body = op.regions[0].blocks[0]
        return len(body.operations) > 1
    return op.name in ("stablehlo.convolution", "stablehlo.select_and_scatter")


def is_cumulative(op: ir.Operation) -> bool:
    """Whether a window covers all before (or after) each element, as the cumulative ones' do."""
    shape = ir.RankedTensorType(op.operands[0].type).shape
    window = read_integers(op.attributes["window_dimensions"])
    edges = [0] * 2 * len(shape)
    if "padding" in op.attributes:
        edges = read_integers(op.attributes["padding"])
    return any(
        size == length and sorted(edges[2 * axis : 2 * axis + 2]) == [0, length - 1]
        for axis, (size, length) in enumerate(zip(window, shape, strict=True))
        if length > 1
    )


def finds_case(call: ir.Operation) -> bool:
    """Whether this is the `argmax` over stacked conditions that `jnp.select` begins with."""
    if _NUMBER.sub("", ir.FlatSymbolRefAttr(call.attributes["callee"]).value) != "argmax":
        return False
    operand = call.operands[0]
    made_by = _find_source(operand)
    stacked = made_by is not None and made_by.name == "stablehlo.concatenate"
    return stacked and is_boolean(ir.RankedTensorType(operand.type))


@functools.cache
def _public_names() -> tuple[frozenset[str], frozenset[str]]:
    """List the names of all of jax's own functions, and of those that draw random numbers."""
    from jax.scipy import linalg, special

    libraries = (jnp, jnp.linalg, jnp.fft, jax.nn, jax.lax, jax.random, jax.image, linalg, special)
    names = [
        frozenset(name for name, value in inspect.getmembers(library) if callable(value))
        for library in libraries
    ]
    return frozenset().union(*names), names[libraries.index(jax.random)]


def is_library(name: str) -> bool:
    """Whether jax has a function of this name (or one of its own underscored names)."""
    return name.startswith(("_", "threefry")) or not _public_names()[0].isdisjoint(
        (name, _NUMBER.sub("", name))
    )


def is_random(name: str) -> bool:
    """Whether this is a function of jax.random, such as `_uniform`."""
    return _NUMBER.sub("", name).lstrip("_").split("_")[0] in _public_names()[1]
