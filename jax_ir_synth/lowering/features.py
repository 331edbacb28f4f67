"""Finds the features of a lowered program that tell the categories apart."""

import functools
import math
from collections.abc import Iterable

from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value, list_functions, open_module, read_integers, walk
from jax_ir_synth.lowering.recognise import (
    UNCHANGED,
    contracts,
    finds_case,
    get_entry,
    is_boolean,
    is_branch,
    is_branch_wrapper,
    is_cumulative,
    is_library,
    is_linalg,
    is_random,
    starts_branch,
)

FEATURES = frozenset(
    {
        "branch",
        "checkpoint",
        "compound",
        "iteration",
        "linalg",
        "nested_branch",
        "random",
        "reduction",
        "scalar_argument",
        "several_arrays",
        "several_results",
        "shrinks",
        "single_argument",
        "vec3",
    }
)

# A value's distance from a branch's result.
_FREE, _RESULT, _DERIVED = 0, 1, 2


@functools.lru_cache(maxsize=2)
def find_features(forward: str, backward: str) -> frozenset[str]:
    """Find the features of a program, from the texts of its forward and backward module.

    - single_argument, several_results: the signature of `@main`.
    - scalar_argument: a rank-0 argument of integer or floating-point type.
    - several_arrays: two or more arguments, none of rank 0.
    - vec3: an argument whose last dimension is 3.
    - shrinks: all results together have fewer elements than the largest argument.
    - reduction: an operation that contracts elements: a reduce over at least one dimension, a
      contracting dot_general, a convolution, a pooling window, or a scatter that accumulates. It
      may be in jnp's own functions, except those for a branch or for random numbers, and except
      the argmax by which `jnp.select` finds its case.
    - iteration: a `while` of the program's own (not one inside a jnp function, such as the pivots
      of `solve`), a cumulative operation, or the interleaving pads of an associative scan.
    - branch: a `case`, an `if`, a call of `@_where…` or `@_piecewise…`, or a `select` of
      floating-point values, of the program's own. A `select` that only guards doesn't count (an
      infinite maximum in a logsumexp, a NaN in a logaddexp, an index out of bounds, a failed
      factorisation). Functions of jax.scipy.special that aren't jitted (`entr`, `xlogy`, …) count,
      since they write their cases into the program and the text doesn't tell them from the user's.
    - nested_branch: a branch inside another's region, or a branch with an operand that is computed
      (by at least one operation) from another branch's result.
    - linalg: a factorisation or a triangular solve. random: random bits are drawn.
    - checkpoint: the backward pass has an optimization barrier.
    - compound: one of linalg, random and checkpoint.

    "The program's own" operations are those of `@main`, of the functions that jax makes for loop
    bodies, and of the user's inner jitted functions. The jitted functions of jnp, jax.nn, … are
    recognised by their public names, or by a leading underscore, and don't belong to them.

    Raises ValueError if a text isn't a StableHLO module.
    """
    with open_module(forward) as module:
        found = _Program(list_functions(module)).read()
    if "stablehlo.optimization_barrier" in backward:
        found.add("checkpoint")
    if found & {"linalg", "random", "checkpoint"}:
        found.add("compound")
    return frozenset(found)


def _select_tensors(types: Iterable[ir.Type]) -> list[ir.RankedTensorType]:
    """Select the tensors of a signature, which has tokens as well if effects are ordered."""
    return [kind for kind in types if isinstance(kind, ir.RankedTensorType)]


class _Program:
    """One pass over a forward module; `found` collects the features."""

    def __init__(self, by_name: dict[str, ir.Operation]):
        self.by_name = by_name
        self.found: set[str] = set()
        self.library_seen: set[str] = set()

    def read(self) -> set[str]:
        main = self.by_name["main"]
        self._read_signature(ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value))
        everything = (op for function in self.by_name.values() for op in walk(function))
        if any(name.startswith("threefry") for name in self.by_name) or any(
            op.name.startswith("stablehlo.rng") for op in everything
        ):
            self.found.add("random")
        self._read_function("main", [_FREE] * len(get_entry(main).arguments), within=False)
        return self.found

    def _read_signature(self, type_: ir.FunctionType) -> None:
        arguments, results = _select_tensors(type_.inputs), _select_tensors(type_.results)
        if len(arguments) == 1:
            self.found.add("single_argument")
        if len(results) > 1:
            self.found.add("several_results")
        if any(kind.rank == 0 and not is_boolean(kind) for kind in arguments):
            self.found.add("scalar_argument")
        if len(arguments) > 1 and all(kind.rank > 0 for kind in arguments):
            self.found.add("several_arrays")
        if any(kind.rank > 0 and kind.shape[-1] == 3 for kind in arguments):
            self.found.add("vec3")
        sizes = [math.prod(kind.shape) for kind in arguments]
        if sum(math.prod(kind.shape) for kind in results) < max(sizes, default=0):
            self.found.add("shrinks")

    def _read_function(self, name: str, arguments: list[int], within: bool) -> list[int]:
        return self._read_block(get_entry(self.by_name[name]), {}, arguments, within)

    def _read_block(
        self, block: ir.Block, marks: dict[Value, int], arguments: list[int], within: bool
    ) -> list[int]:
        """Read a block, and return the marks of its terminator's operands."""
        marks.update(zip(block.arguments, arguments, strict=True))
        handed = []
        for view in block.operations:
            op = view.operation
            operands = [marks.get(value, _FREE) for value in op.operands]
            if op.name.endswith(".return"):
                return operands
            handed = self._read_operation(op, operands, marks, within)
            marks.update(zip(op.results, handed, strict=True))
        return handed

    def _read_operation(
        self, op: ir.Operation, operands: list[int], marks: dict[Value, int], within: bool
    ) -> list[int]:
        furthest = max(operands, default=_FREE)
        results = len(op.results)
        if op.name == "func.call":
            return self._read_call(op, operands, within)
        if op.name in ("stablehlo.case", "stablehlo.if"):
            self._add_branch(furthest, within)
            for region in op.regions:
                self._read_block(region.blocks[0], marks, [], within=True)
            return [_RESULT] * results
        if op.name == "stablehlo.while":
            self.found.add("iteration")
            condition, body = (region.blocks[0] for region in op.regions)
            self._read_block(condition, marks, operands, within)
            handed = self._read_block(body, marks, operands, within)
            return [max(pair) for pair in zip(operands, handed, strict=True)]
        if op.name == "stablehlo.select" and is_branch(op):
            self._add_branch(furthest, within)
            return [_RESULT] * results
        self._add_own_feature(op)
        if op.name in UNCHANGED:
            return [furthest] * results
        return [_DERIVED if furthest else _FREE] * results

    def _read_call(self, op: ir.Operation, operands: list[int], within: bool) -> list[int]:
        name = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        furthest = max(operands, default=_FREE)
        if is_branch_wrapper(name):
            self._add_branch(furthest, within)
            inner = (each for each in walk(self.by_name[name]) if starts_branch(each))
            if next(inner, None) is not None:
                self.found.add("nested_branch")
            return [_RESULT] * len(op.results)
        if not is_library(name):
            return self._read_function(name, operands, within)
        if not finds_case(op):
            self._read_library_function(name)
        return [_DERIVED if furthest else _FREE] * len(op.results)

    def _read_library_function(self, name: str) -> None:
        if name in self.library_seen or name.startswith("threefry") or is_random(name):
            return
        self.library_seen.add(name)
        for op in walk(self.by_name[name]):
            if op.name == "func.call":
                callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
                if not is_branch_wrapper(callee):
                    self._read_library_function(callee)
            else:
                self._add_own_feature(op)

    def _add_branch(self, furthest: int, within: bool) -> None:
        self.found.add("branch")
        if within or furthest == _DERIVED:
            self.found.add("nested_branch")

    def _add_own_feature(self, op: ir.Operation) -> None:
        """Add the feature that an operation shows by itself, wherever it is."""
        if op.name == "stablehlo.reduce_window":
            self.found.add("iteration" if is_cumulative(op) else "reduction")
        elif contracts(op):
            self.found.add("reduction")
        elif op.name == "stablehlo.pad" and 1 in read_integers(op.attributes["interior_padding"]):
            self.found.add("iteration")
        elif is_linalg(op):
            self.found.add("linalg")
        elif (
            op.name == "stablehlo.custom_call"
            and "threefry" in ir.StringAttr(op.attributes["call_target_name"]).value
        ):
            self.found.add("random")
