"""Prints the regions of features that no category's signature covers, where a new one has room.

Run it as `PYTHONPATH=. python tests/kernels/free_regions.py`.
"""

from collections.abc import Iterable

from jax_ir_synth import kernels
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.request.categories import CATEGORIES

# A literal: a feature, and whether the IR has it.
Literal = tuple[str, bool]

# What no IR is, by the definitions in `lowering/features.py`.
IMPOSSIBLE = (
    {("nested_branch", True), ("branch", False)},
    {("several_arrays", True), ("single_argument", True)},
    {("several_arrays", True), ("scalar_argument", True)},
)


def find_free_regions(signatures: Iterable[Signature]) -> list[Signature]:
    """The signatures that exclude all of these, and of which none contains another."""
    regions: set[frozenset[Literal]] = {frozenset()}
    for signature in signatures:
        # An IR is off a signature if it lacks one of the features, or has one that is forbidden.
        ways = [(name, False) for name in signature.requires]
        ways += [(name, True) for name in signature.forbids]
        regions = _drop_contained(
            region | {way} for region in regions for way in ways if _is_possible(region | {way})
        )
    found = [Signature(*_split(region)) for region in regions if any(has for _, has in region)]
    return sorted(found, key=lambda s: (len(s.requires | s.forbids), format_region(s)))


def _is_possible(region: frozenset[Literal]) -> bool:
    has, lacks = _split(region)
    return not has & lacks and not any(pair <= region for pair in IMPOSSIBLE)


def _split(region: frozenset[Literal]) -> tuple[set[str], set[str]]:
    return {name for name, has in region if has}, {name for name, has in region if not has}


def _drop_contained(regions: Iterable[frozenset[Literal]]) -> set[frozenset[Literal]]:
    kept: set[frozenset[Literal]] = set()
    for region in sorted(set(regions), key=len):
        if not any(larger <= region for larger in kept):
            kept.add(region)
    return kept


def format_region(signature: Signature) -> str:
    """One line: what the IR must have, and what it must not have."""
    has, lacks = ", ".join(sorted(signature.requires)), ", ".join(sorted(signature.forbids))
    return f"has {has}; lacks {lacks}" if lacks else f"has {has}"


if __name__ == "__main__":
    for free in find_free_regions(map(kernels.signature, CATEGORIES)):
        print(format_region(free))
