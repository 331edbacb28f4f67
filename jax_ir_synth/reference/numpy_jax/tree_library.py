"""Implements `jax.tree` and `jax.tree_util`: maps, lists and structures of nested values."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import trees
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.bounds import step

_Test = Callable[[Any], bool] | None


class TreeDef:
    """The structure of a tree: the tree with its leaves numbered."""

    def __init__(self, numbered: Any, num_leaves: int) -> None:
        self._numbered = numbered
        self.num_leaves = num_leaves

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeDef) and (
            type(other._numbered) is type(self._numbered) and other._numbered == self._numbered
        )

    def __hash__(self) -> int:
        return hash(self.num_leaves)

    @property
    def is_leaf(self) -> bool:
        """Whether the tree is a leaf."""
        return isinstance(self._numbered, int)

    def unflatten(self, leaves: Any) -> Any:
        """Make the tree with other leaves. Raises ValueError if there are more or fewer."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(f"the tree has {self.num_leaves} leaves, got {len(leaves)}")
        return trees.map_leaves(lambda number: leaves[number], self._numbered)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """List the parts of another tree that stand where this one has leaves."""
        found: list[Any] = []
        trees.map_leaves(lambda _, part: found.append(part), self._numbered, tree)
        return found


def leaves(tree: Any, is_leaf: _Test = None) -> list[Any]:
    """`jax.tree.leaves`."""
    return flatten(tree, is_leaf)[0]


def flatten(tree: Any, is_leaf: _Test = None) -> tuple[list[Any], TreeDef]:
    """`jax.tree.flatten`: the leaves, and the structure."""
    found: list[Any] = []

    def number(leaf: Any) -> int:
        step()
        found.append(leaf)
        return len(found) - 1

    numbered = trees.map_leaves(number, tree, is_leaf=is_leaf, in_order=True)
    return found, TreeDef(numbered, len(found))


def map_tree(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: _Test = None) -> Any:
    """`jax.tree.map`."""
    found, structure = flatten(tree, is_leaf)
    others = [structure.flatten_up_to(other) for other in rest]
    return structure.unflatten([f(*each) for each in zip(found, *others, strict=True)])


def structure(tree: Any, is_leaf: _Test = None) -> TreeDef:
    """`jax.tree.structure`."""
    return flatten(tree, is_leaf)[1]


def unflatten(treedef: TreeDef, leaves: Any) -> Any:
    """`jax.tree.unflatten`."""
    return treedef.unflatten(leaves)


_MISSING = object()


def reduce(
    function: Callable[..., Any], tree: Any, initializer: Any = _MISSING, is_leaf: _Test = None
) -> Any:
    """`jax.tree.reduce`, from the first leaf to the last."""
    found = leaves(tree, is_leaf)
    total = found.pop(0) if initializer is _MISSING else initializer
    for leaf in found:
        total = function(total, leaf)
    return total


def all_leaves(tree: Any, *, is_leaf: _Test = None) -> bool:
    """`jax.tree.all`."""
    return all(leaves(tree, is_leaf))


def transpose(
    outer_treedef: TreeDef, inner_treedef: TreeDef | None, pytree_to_transpose: Any
) -> Any:
    """`jax.tree.transpose`."""
    parts = outer_treedef.flatten_up_to(pytree_to_transpose)
    inner = structure(parts[0]) if inner_treedef is None else inner_treedef
    columns = [inner.flatten_up_to(part) for part in parts]
    return inner.unflatten([outer_treedef.unflatten(each) for each in zip(*columns, strict=True)])


def ravel_pytree(pytree: Any) -> Any:
    """`jax.flatten_util.ravel_pytree`: all elements in one array, and how to get the tree back."""
    found, treedef = flatten(pytree)
    arrays = [np.asarray(leaf) for leaf in found]
    flat = np.concatenate([x.ravel() for x in arrays]) if arrays else np.zeros(0)

    def unravel(x: Any) -> Any:
        ends = np.cumsum([each.size for each in arrays])[:-1]
        parts = np.split(np.asarray(x), ends) if arrays else []
        return treedef.unflatten(
            [
                array(part.reshape(each.shape).astype(each.dtype))
                for part, each in zip(parts, arrays, strict=True)
            ]
        )

    return array(flat), unravel


def treedef_is_leaf(treedef: TreeDef) -> bool:
    """`jax.tree_util.treedef_is_leaf`."""
    return treedef.num_leaves == 1 and treedef.is_leaf


def partial(func: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """`jax.tree_util.Partial`."""
    return functools.partial(func, *args, **named)


TREE: dict[str, Callable[..., Any]] = {
    "all": all_leaves,
    "flatten": flatten,
    "leaves": leaves,
    "map": map_tree,
    "reduce": reduce,
    "structure": structure,
    "transpose": transpose,
    "unflatten": unflatten,
}
TREE_UTIL: dict[str, Callable[..., Any]] = {
    **{f"tree_{name}": function for name, function in TREE.items()},
    "Partial": partial,
    "treedef_is_leaf": treedef_is_leaf,
}
