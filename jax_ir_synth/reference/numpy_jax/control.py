"""Implements `jax.lax`'s loops and branches in plain Python."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import trace_recorder, trees
from jax_ir_synth.reference.numpy_jax.arrays import Operand, array
from jax_ir_synth.reference.numpy_jax.bounds import step
from jax_ir_synth.reference.numpy_jax.random import Key

_MISSING = object()


def cond(
    pred: Operand,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
    operand: Any = _MISSING,
) -> Any:
    operands = operands if operand is _MISSING else (operand,)
    functions = (false_fun, true_fun)
    return functions[trace_recorder.record_branch(int(bool(pred)), functions)](*operands)


def switch(index: Operand, branches: Sequence[Any], *operands: Any) -> Any:
    """An index outside the branches is clamped, as JAX documents."""
    number = min(max(int(index), 0), len(branches) - 1)
    return branches[trace_recorder.record_branch(number, branches)](*operands)


def fori_loop(
    lower: Operand, upper: Operand, body_fun: Callable[..., Any], init_val: Any, **_: Any
) -> Any:
    value = trees.map_leaves(_as_leaf, init_val)
    for i in range(int(lower), int(upper)):
        step()
        value = body_fun(np.int32(i), value)
    return value


def while_loop(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any) -> Any:
    value = trees.map_leaves(_as_leaf, init_val)
    while cond_fun(value):
        step()
        value = body_fun(value)
    return value


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: int = 1,
) -> Any:
    carry = trees.map_leaves(_as_leaf, init)
    steps = range(length if xs is None else len(trees.leaves(xs)[0]))
    outputs = []
    for position in reversed(steps) if reverse else steps:
        step()
        carry, output = f(carry, take_item(xs, position, 0))
        outputs.append(output)
    return carry, stack_leaves(outputs[::-1] if reverse else outputs)


def map_(f: Callable[..., Any], xs: Any, batch_size: Any = None) -> Any:
    size = len(trees.leaves(xs)[0])
    return stack_leaves([f(take_item(xs, position, 0)) for position in range(size) if step()])


def associative_scan(
    fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Scans one element after the other; for an associative function the order doesn't matter."""
    steps = range(np.shape(trees.leaves(elems)[0])[axis])
    steps = steps[::-1] if reverse else steps
    # The axis is kept, since the function takes arrays that have it.
    sofar = [take_item(elems, slice(steps[0], steps[0] + 1), axis)]
    for position in steps[1:]:
        step()
        sofar.append(fn(sofar[-1], take_item(elems, slice(position, position + 1), axis)))
    sofar = sofar[::-1] if reverse else sofar
    return trees.map_leaves(lambda *x: array(np.concatenate(x, axis)), sofar[0], *sofar[1:])


def _as_leaf(value: Any) -> Any:
    return value if isinstance(value, Key) else array(value)


def take_item(tree: Any, index: Operand, axis: int) -> Any:
    """Take an item, or a slice, along an axis of each array of a tree."""

    def of(leaf: Any) -> Any:
        if isinstance(leaf, Key):
            return leaf[(slice(None),) * (axis % leaf.ndim) + (index,)]
        leaf = np.asarray(leaf)
        return array(leaf[(slice(None),) * (axis % leaf.ndim) + (index,)])

    return trees.map_leaves(of, tree)


def stack_leaves(outputs: Any, axis: int = 0) -> Any:
    """Stack trees of equal structure, array by array."""

    def of(*leaves: Any) -> Any:
        if isinstance(leaves[0], Key):
            ends = leaves[0].ndim + 1
            return Key(leaves[0].impl, np.stack([leaf.data for leaf in leaves], axis % ends))
        return array(np.stack(leaves, axis))

    return trees.map_leaves(of, outputs[0], *outputs[1:])


CONTROL = {
    "associative_scan": associative_scan,
    "cond": cond,
    "fori_loop": fori_loop,
    "map": map_,
    "scan": scan,
    "switch": switch,
    "while_loop": while_loop,
}
