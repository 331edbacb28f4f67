"""Reads the signature of a module's main, and that described by a row's columns."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import list_functions
from jax_ir_synth.reference.inputs import FLOATS

_ELEMENTS = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i32": "int32",
    "ui32": "uint32",
    "i8": "int8",
    "ui8": "uint8",
    "i1": "bool",
}
# The dtypes of tensors, by the kind of dtype that the reference has for them.
KINDS = {"f": FLOATS, "i": ("int32", "int8"), "u": ("uint32", "uint8"), "b": ("bool",)}


class NoSignature(JaxIrSynthError, ValueError):
    """A module has no main, or main's signature isn't of static tensors; the message says which."""


class Tensor(NamedTuple):
    """A shape and a dtype."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


class Signature(NamedTuple):
    """The tensors that a module's main takes, and those that it returns."""

    taken: list[Tensor]
    returned: list[Tensor]


def read_signature(module: ir.Module) -> Signature:
    """Read the signature of a module's main. Raises NoSignature."""
    main = list_functions(module).get("main")
    if main is None:
        raise NoSignature("it has no function main")
    kind = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value)
    return Signature(
        [_read_tensor(x) for x in kind.inputs], [_read_tensor(x) for x in kind.results]
    )


def list_tensors(avals: Sequence[Mapping[str, Any]]) -> list[Tensor]:
    """List the arguments that `in_avals` describes."""
    return [Tensor(tuple(aval["shape"]), aval["dtype"]) for aval in avals]


def _read_tensor(kind: ir.Type) -> Tensor:
    if not isinstance(kind, ir.RankedTensorType):
        raise NoSignature(f"its main takes or returns a {kind}")
    if not kind.has_static_shape or str(kind.element_type) not in _ELEMENTS:
        raise NoSignature(f"its main takes or returns a {kind}")
    return Tensor(tuple(kind.shape), _ELEMENTS[str(kind.element_type)])
