"""Counts what a StableHLO module is made of: operations, def-use pairs, types and regions.

A def-use pair is an operation's operand: the kind of operation that made the value, and the kind
that uses it, as `sine -> multiply`. An operation with a value twice has two pairs. A value that no
earlier operation made is named by where it comes from:

- `argument`: an argument of `main`;
- `parameter`: one of another function;
- `carried`: one of a block of a `while` or a `case`;
- `element`: one of a block of another operation, such as the body of a `reduce`;
- `unreachable`: code that nothing reaches, in which a value may come after its use.

Terminators, which only return, are no operations here. Kinds have no prefix `stablehlo.`; other
dialects' keep theirs, as `chlo.erf`.
"""

from collections import Counter
from typing import NamedTuple

from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value, list_functions, open_module

_MAIN = "main"
_TERMINATORS = frozenset({"func.return", "stablehlo.return"})
_CALL = "func.call"
_CARRYING = frozenset({"while", "case"})
_UNREACHABLE = "unreachable"
# The rank of a value that is no tensor, such as a tuple or a token.
_NO_TENSOR = "none"


class ModuleCounts(NamedTuple):
    """What a module is made of.

    Attributes:
      operations: The number of operations of each kind, in all functions and regions.
      pairs: The number of def-use pairs of each kind, by `producer -> consumer`.
      ranks: The number of results of operations of each rank.
      dtypes: The number of these of each dtype, as MLIR names it (`f32`).
      regions: The number of operations of each kind that have regions.
      nesting: How deep operations with regions are nested, 0 without any.
    """

    operations: Counter[str]
    pairs: Counter[str]
    ranks: Counter[str]
    dtypes: Counter[str]
    regions: Counter[str]
    nesting: int


def count_module(text: str) -> ModuleCounts:
    """Count what a module is made of.

    Args:
      text: The text of a StableHLO module.

    Raises:
      ValueError: The text is no module, or isn't safe to parse (see `lowering.plain`).
    """
    with open_module(text) as module:
        walk = _Walk()
        for name, function in list_functions(module).items():
            source = "argument" if name == _MAIN else "parameter"
            # A declaration has a region without blocks.
            for block in function.regions[0].blocks:
                walk.read(block, source, 0)
        return walk.counts()


class _Walk:
    """Counts while it goes through blocks. Where code runs, a value comes before its uses."""

    def __init__(self) -> None:
        self._operations: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()
        self._ranks: Counter[str] = Counter()
        self._dtypes: Counter[str] = Counter()
        self._regions: Counter[str] = Counter()
        self._nesting = 0
        self._producers: dict[Value, str] = {}

    def counts(self) -> ModuleCounts:
        return ModuleCounts(
            self._operations,
            self._pairs,
            self._ranks,
            self._dtypes,
            self._regions,
            self._nesting,
        )

    def read(self, block: ir.Block, source: str, nesting: int) -> None:
        self._nesting = max(self._nesting, nesting)
        self._producers.update(dict.fromkeys(block.arguments, source))
        for view in block.operations:
            operation = view.operation
            if operation.name not in _TERMINATORS:
                self._read_operation(operation, nesting)

    def _read_operation(self, operation: ir.Operation, nesting: int) -> None:
        kind = _name_kind(operation)
        self._operations[kind] += 1
        for operand in operation.operands:
            self._pairs[f"{self._producers.get(operand, _UNREACHABLE)} -> {kind}"] += 1
        blocks = [block for region in operation.regions for block in region.blocks]
        self._regions[kind] += bool(blocks)
        for block in blocks:
            self.read(block, "carried" if kind in _CARRYING else "element", nesting + 1)
        for result in operation.results:
            self._producers[result] = kind
            rank, dtype = _read_type(result.type)
            self._ranks[rank] += 1
            self._dtypes[dtype] += 1


def _name_kind(operation: ir.Operation) -> str:
    if operation.name == _CALL:
        return "call"
    return operation.name.removeprefix("stablehlo.")


def _read_type(type: ir.Type) -> tuple[str, str]:
    if not isinstance(type, ir.RankedTensorType):
        return _NO_TENSOR, str(type)
    return str(type.rank), str(type.element_type)
