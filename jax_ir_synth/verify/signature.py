"""What a module's main takes and returns, and whether that is what the row's columns say."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import functions

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


class NoSignature(JaxIrSynthError, ValueError):
    """A module has no main, or not one of static tensors; the message says which."""


class Tensor(NamedTuple):
    """A shape and a dtype."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


class Signature(NamedTuple):
    """What a module's main takes, and what it returns."""

    taken: list[Tensor]
    returned: list[Tensor]


def signature(module: ir.Module) -> Signature:
    """Of a module's main. Raises NoSignature."""
    main = functions(module).get("main")
    if main is None:
        raise NoSignature("it has no function main")
    kind = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value)
    return Signature([_tensor(x) for x in kind.inputs], [_tensor(x) for x in kind.results])


def tensors(avals: Sequence[Mapping[str, Any]]) -> list[Tensor]:
    """The arguments that `in_avals` describes."""
    return [Tensor(tuple(aval["shape"]), aval["dtype"]) for aval in avals]


def _tensor(kind: ir.Type) -> Tensor:
    if not isinstance(kind, ir.RankedTensorType):
        raise NoSignature(f"its main takes or returns a {kind}")
    if not kind.has_static_shape or str(kind.element_type) not in _ELEMENTS:
        raise NoSignature(f"its main takes or returns a {kind}")
    return Tensor(tuple(kind.shape), _ELEMENTS[str(kind.element_type)])
