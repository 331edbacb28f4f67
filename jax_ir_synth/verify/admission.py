"""Checks that a module can be run: known operations, static tensors, bounded work.

StableHLO's interpreter ends the process on an operation that it lacks, and runs any other operation
for as long as it takes. So a module is checked first. Every operation must be one of `operations`,
every value a tensor of a static shape, and every region must have the form that its operation
needs. No function may call itself. The work, estimated from shapes and from the turns of loops,
must be bounded. If the turns of a loop can't be counted, they are limited so that the module stays
within the bound (see `loops`).
"""

import math
from typing import NamedTuple

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import list_functions
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.loops import count_turns
from jax_ir_synth.verify.work import APPLICATIONS, OWN, count_applications

# The interpreter takes one or two million steps a second. The largest row of this project takes
# about one million.
MAX_STEPS = 20_000_000
# The number of operations after `partition` has inlined all functions.
MAX_OPERATIONS = 50_000
# The nesting of functions and regions: the interpreter is recursive, and so is MLIR's parser.
MAX_DEPTH = 100
# NumPy's limit is 64.
MAX_RANK = 32
# The turns that an uncounted loop may take: the first number that keeps the bound.
_TURNS = (10_000, 1_000, 100)
_RUN = operations.RUN
# Operations with regions, and the call, which has its callee's.
_NESTING = {*APPLICATIONS, "func.call", "stablehlo.case", "stablehlo.if", "stablehlo.while"}


class Refused(JaxIrSynthError, ValueError):
    """A module may not be run here, or the interpreter gave up on it; the message is one line."""


class Unsupported(Refused):
    """A module has an operation, or a type, that nothing here runs; the message names it."""


class Admitted(NamedTuple):
    """A module's operations and loops, if it may be run.

    Attributes:
      operations: all operations, each with its name.
      loops: the `while` operations whose turns can't be counted.
      turns: the number of turns that each of these may take.
    """

    operations: list[tuple[str, ir.Operation]]
    loops: list[ir.Operation]
    turns: int


def admit(module: ir.Module) -> Admitted:
    """Check that the module can be run here. Raises Refused otherwise."""
    for turns in _TURNS:
        estimate = _Estimate(module, turns)
        steps = estimate.count_steps()
        if steps <= MAX_STEPS or not estimate.loops:
            break
    if steps > MAX_STEPS:
        raise Refused(f"it takes some {steps:.3g} steps, above {MAX_STEPS:,}")
    return Admitted(estimate.operations, estimate.loops, turns)


class _Estimate:
    """One pass over a module from main, which checks it and estimates its cost."""

    def __init__(self, module: ir.Module, turns: int):
        self.operations: list[tuple[str, ir.Operation]] = []
        self.loops: list[ir.Operation] = []
        self._turns = turns
        self._functions = list_functions(module)
        self._tensors: dict[ir.Type, _Tensor] = {}
        self._known: dict[str, _Cost] = {}
        self._within: set[str] = set()
        self._nesting = 0

    def count_steps(self) -> float:
        """Estimate main's steps. Raises Refused."""
        for name in self._functions:
            cost = self._measure_function(name)
            if cost.operations > MAX_OPERATIONS:
                count = f"{cost.operations:,} operations, those of functions at each of their calls"
                raise Refused(f"it has {count}, above {MAX_OPERATIONS:,}")
            if cost.depth > MAX_DEPTH:
                raise _refuse_depth()
        if "main" not in self._functions:
            raise Refused("it has no function main")
        return self._known["main"].steps

    def _measure_function(self, name: str) -> "_Cost":
        if name in self._known:
            return self._known[name]
        if name in self._within:
            raise Refused(f"its function @{name} calls itself")
        if name not in self._functions:
            raise Refused(f"it calls @{name}, which it doesn't have")
        region = self._functions[name].regions[0]
        if not region.blocks:
            raise Refused(f"its function @{name} has no body")
        self._within.add(name)
        cost = self._known[name] = self._measure_region(region, "func.return")
        self._within.remove(name)
        return cost

    def _measure_region(self, region: ir.Region, terminator: str) -> "_Cost":
        if len(region.blocks) != 1:
            raise Refused(f"a region of it has {len(region.blocks)} blocks, it must have one")
        if self._nesting == MAX_DEPTH:
            raise _refuse_depth()
        self._nesting += 1
        block = region.blocks[0]
        for argument in block.arguments:
            self._count_elements(argument.type)
        # One step for each argument, since none is copied.
        steps = float(len(block.arguments))
        count, depth, name = 0, 0, None
        # Most of the pass's time goes here, so the loop makes no call for a typical operation.
        tensors = self._tensors
        for view in block.operations:
            op = view.operation
            name = op.name
            self.operations.append((name, op))
            elements = _RUN.get(name)
            if elements is None:
                reason = operations.NOT_RUN.get(name, "it is none of StableHLO or CHLO")
                raise Unsupported(f"{name} is not run here: {reason}")
            size = 0
            for kind in op.results.types:
                tensor = tensors.get(kind) or self._read_tensor(kind)
                size += tensor.size
                if tensor.element not in elements:
                    raise Unsupported(f"{name} that gives {tensor.element} is not run here")
            steps += 1 + size
            count += 1
            if name == "stablehlo.compare":
                self._check_order(op)
            elif name == "stablehlo.convolution":
                _check_batch(op)
            if name in OWN:
                steps += OWN[name](op, size, self._count_elements)
            if name in _NESTING:
                inner = self._measure_inner(op, name, size)
                steps += inner.steps
                count += inner.operations
                depth = max(depth, inner.depth)
        if name != terminator:
            raise Refused(f"a region of it ends with {name}, not {terminator}")
        self._nesting -= 1
        return _Cost(steps, count, depth + 1)

    def _check_order(self, compare: ir.Operation) -> None:
        """Raise Unsupported if complex numbers are ordered, which the interpreter can't do."""
        direction = str(compare.attributes["comparison_direction"])
        element = self._tensors[compare.operands[0].type].element
        if element in operations.COMPLEX and not direction.endswith((" EQ>", " NE>")):
            raise Unsupported(f"{compare.name} of {element} by {direction} is not run here")

    def _measure_inner(self, op: ir.Operation, name: str, size: int) -> "_Cost":
        """Estimate the cost of an operation's regions, or of the function that it calls."""
        if name == "func.call":
            return self._measure_function(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
        inner = [self._measure_region(region, "stablehlo.return") for region in op.regions]
        times = count_applications(op, name, size, self._count_elements, self._count_turns)
        return _Cost(
            times * sum(cost.steps for cost in inner),
            sum(cost.operations for cost in inner),
            max(cost.depth for cost in inner),
        )

    def _count_turns(self, loop: ir.Operation) -> int:
        turns = count_turns(loop)
        if turns is None:
            self.loops.append(loop)
            return self._turns
        return turns

    def _count_elements(self, kind: ir.Type) -> int:
        """Count the elements of a type. Raises Refused."""
        return (self._tensors.get(kind) or self._read_tensor(kind)).size

    def _read_tensor(self, kind: ir.Type) -> "_Tensor":
        """Read a type as a tensor. Raises Unsupported."""
        tensor = check_tensor(kind)
        self._tensors[kind] = _Tensor(math.prod(tensor.shape), str(tensor.element_type))
        return self._tensors[kind]


def _check_batch(convolution: ir.Operation) -> None:
    """Raise Unsupported for a convolution on which the interpreter ends the process.

    It does so if the batch isn't the result's first dimension, as in a gradient by several kernels,
    and the result would have another shape if it were.
    """
    numbers = stablehlo.ConvDimensionNumbers(convolution.attributes["dimension_numbers"])
    place = numbers.output_batch_dimension
    shape = list(ir.RankedTensorType(convolution.results[0].type).shape)
    if shape != [shape[place], *shape[:place], *shape[place + 1 :]]:
        raise Unsupported(
            f"{convolution.name} whose result has its batch in dimension {place} is not run here"
        )


def check_tensor(kind: ir.Type) -> ir.RankedTensorType:
    """Return a type as that of a tensor. Raises Unsupported unless it is one of a known kind."""
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        raise Unsupported(f"{_shorten(kind)} is not run here, only tensors of static shapes")
    if str(kind.element_type) not in operations.ELEMENTS or kind.encoding is not None:
        raise Unsupported(f"{_shorten(kind)} is not run here, only {_TENSORS}")
    if kind.rank > MAX_RANK:
        raise Unsupported(f"a tensor of {kind.rank} dimensions is not run here: {MAX_RANK} are")
    return kind


class _Tensor(NamedTuple):
    """A tensor's number of elements, and their type."""

    size: int
    element: str


class _Cost(NamedTuple):
    """The cost of a part of a module: steps, operations when inlined, and nesting depth."""

    steps: float
    operations: int
    depth: int


def _refuse_depth() -> Refused:
    return Refused(f"its regions and calls are more than {MAX_DEPTH} deep")


_TENSORS = f"tensors of {', '.join(sorted(operations.ELEMENTS))}"


def _shorten(kind: ir.Type) -> str:
    return f"{str(kind):.60}"
