"""Digests what a module computes, so that a text can be seen to compute what another one does.

The digest of a value is that of the operation that makes it, with its attributes, its types and the
digests of its operands. This is value numbering (B. Alpern, M. N. Wegman, F. K. Zadeck, "Detecting
Equality of Variables in Programs", POPL 1988) with hashes for numbers. Names, the order of
operations, what is computed twice or for nothing, functions that are called in the place of their
bodies, and operations that change nothing make no difference. Algebra does: `x + x` isn't `2 * x`.
"""

import contextlib
import functools
import hashlib
from collections.abc import Sequence

from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import Value, list_functions, open_module, read_integers

# Calls are followed each time, so their number must be bounded.
_MOST_OPERATIONS = 5_000
_DEEPEST = 32
# The number of modules whose digests are kept, as completions of one row come in turn.
_KEPT = 16
_RETURNS = ("func.return", "stablehlo.return")
_COMMUTATIVE = frozenset(
    f"stablehlo.{name}" for name in ("add", "multiply", "maximum", "minimum", "and", "or", "xor")
)
# Operations that do more than compute results from operands.
_IMPURE = frozenset(
    f"stablehlo.{name}" for name in ("rng", "infeed", "outfeed", "send", "recv", "create_token")
)


def compute_the_same(text: str, other: str) -> bool:
    """Whether two valid modules have the same dataflow, so that their results are the same bits.

    False says nothing: they may be equal by algebra, or too large to tell.
    """
    digests = _digest_results(other)
    return digests is not None and digests == _digest_results(text)


@functools.lru_cache(maxsize=_KEPT)
def _digest_results(text: str) -> tuple[bytes, ...] | None:
    with open_module(text) as module:
        try:
            return tuple(_Digester(module).digest_main())
        except _NotDigested:
            return None


class _NotDigested(JaxIrSynthError):
    """A module is too large, or has an operation that does more than compute."""


class _Digester:
    def __init__(self, module: ir.Module):
        self._functions = list_functions(module)
        self._operations = 0
        # The elements of constants whose elements are all equal, by the constants' digests.
        self._splats: dict[bytes, str] = {}

    def digest_main(self) -> list[bytes]:
        block = self._functions["main"].regions[0].blocks[0]
        return self._follow(block, _digest_arguments(block, "main"), {}, 0)

    def _follow(
        self, block: ir.Block, given: Sequence[bytes], known: dict[Value, bytes], depth: int
    ) -> list[bytes]:
        """Digest what a block returns.

        Args:
          block: the block.
          given: the digests of its arguments.
          known: the digests of the values that it may use; those of the block are added.
          depth: the number of regions and functions around it.
        """
        if depth > _DEEPEST:
            raise _NotDigested
        known.update(zip(block.arguments, given, strict=True))
        for op in block.operations:
            operands = [known[value] for value in op.operation.operands]
            if op.operation.name in _RETURNS:
                return operands
            found = self._digest(op.operation, operands, known, depth)
            known.update(zip(op.operation.results, found, strict=True))
        raise _NotDigested

    def _digest(
        self, op: ir.Operation, operands: list[bytes], known: dict[Value, bytes], depth: int
    ) -> list[bytes]:
        """Digest an operation's results."""
        self._operations += 1
        if self._operations > _MOST_OPERATIONS or _is_impure(op):
            raise _NotDigested
        if op.name == "func.call":
            callee = self._functions[ir.FlatSymbolRefAttr(op.attributes["callee"]).value]
            return self._follow(callee.regions[0].blocks[0], operands, {}, depth + 1)
        if _changes_nothing(op):
            return operands
        kinds = [str(value.type) for value in op.results]
        element = self._find_element(op, operands)
        if element is not None:
            (kind,) = kinds
            digest = _hash("splat", element, kind)
            self._splats[digest] = element
            return [digest]
        if op.name in _COMMUTATIVE:
            operands = sorted(operands)
        regions = [self._digest_region(region, known, depth + 1) for region in op.regions]
        whole = _hash(op.name, _read_attributes(op), operands, kinds, regions)
        return [_hash(whole, number) for number in range(len(kinds))]

    def _digest_region(
        self, region: ir.Region, known: dict[Value, bytes], depth: int
    ) -> list[bytes]:
        (block,) = region.blocks
        # Nothing outside a region sees its arguments, so those of others may have their digests.
        return self._follow(block, _digest_arguments(block, depth), known, depth)

    def _find_element(self, op: ir.Operation, operands: Sequence[bytes]) -> str | None:
        """Find the element of a constant whose elements are all equal, written out or broadcast."""
        if op.name == "stablehlo.constant":
            with contextlib.suppress(TypeError):
                value = op.attributes["value"]
                if isinstance(value, ir.DenseElementsAttr) and value.is_splat:
                    return str(value).rpartition(" : ")[0]
        if op.name in ("stablehlo.broadcast_in_dim", "stablehlo.reshape"):
            return self._splats.get(operands[0])
        return None


def _digest_arguments(block: ir.Block, owner: str | int) -> list[bytes]:
    return [_hash(owner, k, str(value.type)) for k, value in enumerate(block.arguments)]


def _read_attributes(op: ir.Operation) -> list[tuple[str, str]] | str:
    """Read an operation's attributes as text, by name."""
    try:
        return sorted((name, str(value)) for name, value in op.attributes.items())
    except TypeError:
        # MLIR's bindings have no class for complex numbers. Such a constant has no operands, whose
        # names would be in its text.
        if op.name != "stablehlo.constant":
            raise _NotDigested from None
        return str(op).partition(" = ")[2]


def _is_impure(op: ir.Operation) -> bool:
    """Whether an operation does more than compute results from operands, or may."""
    if op.name in _IMPURE or op.name.partition(".")[0] not in ("stablehlo", "chlo", "func"):
        return True
    effect = op.attributes.get("has_side_effect")
    return effect is not None and ir.BoolAttr(effect).value


def _changes_nothing(op: ir.Operation) -> bool:
    """Whether an operation's results are its operands, whatever they are."""
    if op.name == "stablehlo.optimization_barrier":
        return True
    if len(op.operands) != 1 or [op.operands[0].type] != [value.type for value in op.results]:
        return False
    if op.name in ("stablehlo.convert", "stablehlo.reshape"):
        return True
    for name, attribute in (("transpose", "permutation"), ("broadcast_in_dim", None)):
        if op.name == f"stablehlo.{name}":
            dimensions = read_integers(op.attributes[attribute or "broadcast_dimensions"])
            return dimensions == [*range(len(dimensions))]
    return False


def _hash(*parts: object) -> bytes:
    """Hash strings, bytes, integers and lists of them, for which `repr` is injective."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()
