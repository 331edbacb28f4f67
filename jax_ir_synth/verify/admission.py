"""Whether a module is one that can be run here: known operations, static tensors, bounded work.

StableHLO's interpreter ends the process on an operation that it lacks, and runs whatever else for
as long as it takes. So a module is looked at before: every operation is one of `operations`, every
value a tensor of a static shape, every region has the form that its operation needs, no function
calls itself, and the work, estimated from shapes and from loops' turns, is bounded. A loop whose
turns can't be counted may take as many as keep the bound (see `loops`).
"""

import math
from typing import NamedTuple

from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import functions
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.loops import turns_of
from jax_ir_synth.verify.work import APPLICATIONS, OWN, applications

# In steps, of which the interpreter does one or two million in a second. The largest row of this
# project takes some one million.
MAX_STEPS = 20_000_000
# Operations once all functions are inlined, as `partition` does it.
MAX_OPERATIONS = 50_000
# Functions and regions within each other: the interpreter is recursive, as MLIR's parser is.
MAX_DEPTH = 100
# Of NumPy's arrays is 64.
MAX_RANK = 32
# Of a loop that can't be counted; the first that keeps the bound is taken.
_TURNS = (10_000, 1_000, 100)
_RUN = operations.RUN
# Operations with regions, and the one that has a function's instead.
_NESTING = {*APPLICATIONS, "func.call", "stablehlo.case", "stablehlo.if", "stablehlo.while"}


class Refused(JaxIrSynthError, ValueError):
    """A module isn't run here, or the interpreter gave up on it; the message is one line."""


class Admitted(NamedTuple):
    """What is known of a module that may be run.

    Attributes:
      operations: all of them, each with its name.
      loops: the `while` operations whose turns can't be counted.
      turns: that each of these may take.
    """

    operations: list[tuple[str, ir.Operation]]
    loops: list[ir.Operation]
    turns: int


def admit(module: ir.Module) -> Admitted:
    """Raises Refused unless the module can be run here."""
    for turns in _TURNS:
        reading = _Reading(module, turns)
        steps = reading.steps()
        if steps <= MAX_STEPS or not reading.loops:
            break
    if steps > MAX_STEPS:
        raise Refused(f"it takes some {steps:.3g} steps, above {MAX_STEPS:,}")
    return Admitted(reading.operations, reading.loops, turns)


class _Reading:
    """One look at a module, from main: what its functions and blocks hold, and what they cost."""

    def __init__(self, module: ir.Module, turns: int):
        self.operations: list[tuple[str, ir.Operation]] = []
        self.loops: list[ir.Operation] = []
        self._turns = turns
        self._functions = functions(module)
        self._tensors: dict[ir.Type, _Tensor] = {}
        self._known: dict[str, _Cost] = {}
        self._within: set[str] = set()
        self._nesting = 0

    def steps(self) -> float:
        """Of main. Raises Refused."""
        for name in self._functions:
            cost = self._function(name)
            if cost.operations > MAX_OPERATIONS:
                count = f"{cost.operations:,} operations, those of functions at each of their calls"
                raise Refused(f"it has {count}, above {MAX_OPERATIONS:,}")
            if cost.depth > MAX_DEPTH:
                raise _too_deep()
        if "main" not in self._functions:
            raise Refused("it has no function main")
        return self._known["main"].steps

    def _function(self, name: str) -> "_Cost":
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
        cost = self._known[name] = self._region(region, "func.return")
        self._within.remove(name)
        return cost

    def _region(self, region: ir.Region, terminator: str) -> "_Cost":
        if len(region.blocks) != 1:
            raise Refused(f"a region of it has {len(region.blocks)} blocks, it must have one")
        if self._nesting == MAX_DEPTH:
            raise _too_deep()
        self._nesting += 1
        block = region.blocks[0]
        for argument in block.arguments:
            self._size(argument.type)
        # Nothing is copied for them.
        steps = float(len(block.arguments))
        count, depth, name = 0, 0, None
        # Most of what a module's look costs is here: no call for each operation.
        tensors = self._tensors
        for view in block.operations:
            op = view.operation
            name = op.name
            self.operations.append((name, op))
            elements = _RUN.get(name)
            if elements is None:
                reason = operations.NOT_RUN.get(name, "it is none of StableHLO or CHLO")
                raise Refused(f"{name} is not run here: {reason}")
            size = 0
            for kind in op.results.types:
                tensor = tensors.get(kind) or self._tensor(kind)
                size += tensor.size
                if tensor.element not in elements:
                    raise Refused(f"{name} that gives {tensor.element} is not run here")
            steps += 1 + size
            count += 1
            if name == "stablehlo.compare":
                self._check_order(op)
            if name in OWN:
                steps += OWN[name](op, size, self._size)
            if name in _NESTING:
                inner = self._inner(op, name, size)
                steps += inner.steps
                count += inner.operations
                depth = max(depth, inner.depth)
        if name != terminator:
            raise Refused(f"a region of it ends with {name}, not {terminator}")
        self._nesting -= 1
        return _Cost(steps, count, depth + 1)

    def _check_order(self, compare: ir.Operation) -> None:
        """Raises Refused where complex numbers are to be ordered, which the interpreter can't."""
        direction = str(compare.attributes["comparison_direction"])
        element = self._tensors[compare.operands[0].type].element
        if element in operations.COMPLEX and not direction.endswith((" EQ>", " NE>")):
            raise Refused(f"{compare.name} of {element} by {direction} is not run here")

    def _inner(self, op: ir.Operation, name: str, size: int) -> "_Cost":
        """What an operation's regions cost, or the function that it calls."""
        if name == "func.call":
            return self._function(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
        inner = [self._region(region, "stablehlo.return") for region in op.regions]
        times = applications(op, name, size, self._size, self._loop_turns)
        return _Cost(
            times * sum(cost.steps for cost in inner),
            sum(cost.operations for cost in inner),
            max(cost.depth for cost in inner),
        )

    def _loop_turns(self, loop: ir.Operation) -> int:
        turns = turns_of(loop)
        if turns is None:
            self.loops.append(loop)
            return self._turns
        return turns

    def _size(self, kind: ir.Type) -> int:
        """The number of elements. Raises Refused."""
        return (self._tensors.get(kind) or self._tensor(kind)).size

    def _tensor(self, kind: ir.Type) -> "_Tensor":
        """Raises Refused for what is no tensor of a known kind."""
        if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
            raise Refused(f"{_short(kind)} is not run here, only tensors of static shapes")
        element = str(kind.element_type)
        if element not in operations.ELEMENTS or kind.encoding is not None:
            raise Refused(f"{_short(kind)} is not run here, only {_LISTED}")
        if kind.rank > MAX_RANK:
            raise Refused(f"a tensor of {kind.rank} dimensions is not run here: {MAX_RANK} are")
        self._tensors[kind] = _Tensor(math.prod(kind.shape), element)
        return self._tensors[kind]


class _Tensor(NamedTuple):
    """How many elements, and which."""

    size: int
    element: str


class _Cost(NamedTuple):
    """What a part of a module takes: steps, operations when inlined, and how deep it goes."""

    steps: float
    operations: int
    depth: int


def _too_deep() -> Refused:
    return Refused(f"its regions and calls are more than {MAX_DEPTH} deep")


_LISTED = f"tensors of {', '.join(sorted(operations.ELEMENTS))}"


def _short(kind: ir.Type) -> str:
    return f"{str(kind):.60}"
