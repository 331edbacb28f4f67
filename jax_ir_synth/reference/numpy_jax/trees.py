"""Maps over nested tuples, lists and dicts of arrays, as loops and branches take and return."""

from collections.abc import Callable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """List the arrays in a tree, in order; None holds none."""
    if tree is None:
        return []
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    return [tree]


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return the tree with each leaf replaced by `function(leaf, *the others' leaves)`."""
    if tree is None:
        return None
    if isinstance(tree, (tuple, list)):
        parts = [map_leaves(function, *branch) for branch in zip(tree, *others, strict=True)]
        return type(tree)(parts) if type(tree) in (tuple, list) else type(tree)(*parts)
    if isinstance(tree, dict):
        return {key: map_leaves(function, tree[key], *(o[key] for o in others)) for key in tree}
    return function(tree, *others)
