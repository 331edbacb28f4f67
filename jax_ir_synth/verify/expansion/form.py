"""What the expansions share: their form, and reading an operation's attributes and operands."""

from collections.abc import Callable, Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value, read_integers
from jax_ir_synth.verify.admission import Unsupported

# Takes an operation, and returns the values that replace its results. Raises Unsupported.
Expansion = Callable[[ir.Operation], Sequence[Value]]


def pass_on(op: ir.Operation) -> Sequence[Value]:
    """Replace results by the operands, of which they are copies. Raises Unsupported."""
    if [value.type for value in op.operands] != [value.type for value in op.results]:
        raise Unsupported(f"{op.name} is run here only if it changes no types")
    return list(op.operands)


def read_constant(op: ir.Operation, position: int, what: str) -> list[int]:
    """Read an operand that must be a constant of integers, such as sizes. Raises Unsupported."""
    owner = op.operands[position].owner
    if isinstance(owner, ir.Block) or owner.operation.name != "stablehlo.constant":
        raise Unsupported(f"{op.name} is run here only if its {what} are a constant")
    return read_integers(owner.operation.attributes["value"])


def read_number(op: ir.Operation, name: str) -> int:
    """Read an attribute that is an integer."""
    return ir.IntegerAttr(op.attributes[name]).value


def read_list(op: ir.Operation, name: str) -> list[int]:
    """Read an attribute that is an array of integers."""
    return read_integers(op.attributes[name])


def make_constant(number: float, kind: ir.RankedTensorType) -> Value:
    """Make a tensor of a number, of any type of elements but complex."""
    element = kind.element_type
    if isinstance(element, ir.IntegerType):
        attribute: ir.Attribute = ir.IntegerAttr.get(element, int(number))
    else:
        attribute = ir.FloatAttr.get(element, number)
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, attribute))


def broadcast(value: Value, dimensions: Sequence[int], shape: Sequence[int]) -> Value:
    """Broadcast a value, whose dimensions become those of the result."""
    kind = ir.RankedTensorType.get(list(shape), value.type.element_type)
    return stablehlo.broadcast_in_dim(kind, value, list(dimensions))


def sum_over(value: Value, dimensions: Sequence[int]) -> Value:
    """Sum a value over dimensions."""
    if not dimensions:
        return value
    element = value.type.element_type
    scalar = ir.RankedTensorType.get([], element)
    kept = [size for k, size in enumerate(value.type.shape) if k not in dimensions]
    zero = _make_zero(scalar)
    kind = ir.RankedTensorType.get(kept, element)
    reduce = stablehlo.ReduceOp([kind], [value], [zero], list(dimensions))
    block = reduce.operation.regions[0].blocks.append(scalar, scalar)
    with ir.InsertionPoint(block):
        add = stablehlo.or_ if str(element) == "i1" else stablehlo.add
        stablehlo.return_([add(*block.arguments)])
    (result,) = reduce.operation.results
    return result


def _make_zero(kind: ir.RankedTensorType) -> Value:
    element = kind.element_type
    if isinstance(element, ir.ComplexType):
        part = make_constant(0, ir.RankedTensorType.get(kind.shape, element.element_type))
        return stablehlo.complex(part, part)
    return make_constant(0, kind)
