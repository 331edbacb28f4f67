"""Maps over nested tuples, lists and dicts of arrays, as loops and branches take and return."""

from collections.abc import Callable
from typing import Any

import numpy as np

# The attribute of a class whose instances are trees: the names of the fields that hold arrays.
TREE_FIELDS = "tree_fields_of_class"


def leaves(tree: Any) -> list[Any]:
    """List the arrays in a tree, in order; None holds none."""
    if tree is None:
        return []
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    fields = getattr(type(tree), TREE_FIELDS, None)
    if fields is not None:
        return [leaf for name in fields for leaf in leaves(getattr(tree, name))]
    return [tree]


def map_leaves(
    function: Callable[..., Any],
    tree: Any,
    *others: Any,
    is_leaf: Callable[[Any], bool] | None = None,
    in_order: bool = False,
) -> Any:
    """Return the tree with each leaf replaced by `function(leaf, *the others' leaves)`.

    Args:
      function: what is called for each leaf.
      tree: the tree.
      others: trees of which this tree is a prefix.
      is_leaf: whether a part of the tree is taken for a leaf.
      in_order: whether the values of a dict are taken in the order of its sorted keys.
    """
    # Most calls are for one array.
    if isinstance(tree, np.ndarray) or (is_leaf is not None and is_leaf(tree)):
        return function(tree, *others)
    if tree is None:
        return None

    def go(*branch: Any) -> Any:
        return map_leaves(function, *branch, is_leaf=is_leaf, in_order=in_order)

    if isinstance(tree, (tuple, list)):
        parts = [go(*branch) for branch in zip(tree, *others, strict=True)]
        return type(tree)(parts) if type(tree) in (tuple, list) else type(tree)(*parts)
    if isinstance(tree, dict):
        keys = sorted(tree) if in_order else tree
        return {key: go(tree[key], *(other[key] for other in others)) for key in keys}
    fields = getattr(type(tree), TREE_FIELDS, None)
    if fields is not None:
        changes = {
            name: go(getattr(tree, name), *(getattr(other, name) for other in others))
            for name in fields
        }
        return tree.replace_fields(**changes)
    return function(tree, *others)
