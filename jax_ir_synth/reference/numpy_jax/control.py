"""Implements `jax.lax`'s loops and branches, `jax.vmap` and the like in plain Python."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import trace_recorder, trees
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array
from jax_ir_synth.reference.numpy_jax.bounds import step


def cond(
    pred: Operand, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    functions = (false_fun, true_fun)
    return functions[trace_recorder.record_branch(int(bool(pred)), functions)](*operands)


def switch(index: Operand, branches: Sequence[Any], *operands: Any) -> Any:
    """An index outside the branches is clamped, as JAX documents."""
    number = min(max(int(index), 0), len(branches) - 1)
    return branches[trace_recorder.record_branch(number, branches)](*operands)


def fori_loop(lower: Operand, upper: Operand, body_fun: Callable[..., Any], init_val: Any) -> Any:
    value = trees.map_leaves(array, init_val)
    for i in range(int(lower), int(upper)):
        step()
        value = body_fun(np.int32(i), value)
    return value


def while_loop(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any) -> Any:
    value = trees.map_leaves(array, init_val)
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
    carry = trees.map_leaves(array, init)
    steps = range(length if xs is None else len(trees.leaves(xs)[0]))
    outputs = []
    for position in reversed(steps) if reverse else steps:
        step()
        carry, output = f(carry, _take_item(xs, position, 0))
        outputs.append(output)
    return carry, _stack_leaves(outputs[::-1] if reverse else outputs)


def map_(f: Callable[..., Any], xs: Any, batch_size: Any = None) -> Any:
    size = len(trees.leaves(xs)[0])
    return _stack_leaves([f(_take_item(xs, position, 0)) for position in range(size) if step()])


def associative_scan(
    fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Scans one element after the other; for an associative function the order doesn't matter."""
    steps = range(np.shape(trees.leaves(elems)[0])[axis])
    steps = steps[::-1] if reverse else steps
    # The axis is kept, since the function takes arrays that have it.
    sofar = [_take_item(elems, slice(steps[0], steps[0] + 1), axis)]
    for position in steps[1:]:
        step()
        sofar.append(fn(sofar[-1], _take_item(elems, slice(position, position + 1), axis)))
    sofar = sofar[::-1] if reverse else sofar
    return trees.map_leaves(lambda *x: array(np.concatenate(x, axis)), sofar[0], *sofar[1:])


def vmap(fun: Callable[..., Any], in_axes: int = 0, out_axes: int = 0) -> Callable[..., Any]:
    """Calls the function for each position along the mapped axes, and stacks the results."""

    def call(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes] * len(args)
        (size,) = {
            np.shape(leaf)[axis]
            for arg, axis in zip(args, axes, strict=True)
            if axis is not None
            for leaf in trees.leaves(arg)
        }
        results = [
            fun(
                *(
                    arg if axis is None else _take_item(arg, position, axis)
                    for arg, axis in zip(args, axes, strict=True)
                )
            )
            for position in range(size)
            if step()
        ]
        if isinstance(out_axes, tuple):
            return tuple(
                _stack_leaves([result[k] for result in results], axis)
                for k, axis in enumerate(out_axes)
            )
        return _stack_leaves(results, out_axes)

    return call


def identity(fun: Callable[..., Any], **_: Any) -> Any:
    """`jit` and `checkpoint`: they change how a function is computed, not its results."""
    return fun


def _take_item(tree: Any, index: Operand, axis: int) -> Any:
    def of(leaf: Any) -> Array:
        leaf = np.asarray(leaf)
        return array(leaf[(slice(None),) * (axis % leaf.ndim) + (index,)])

    return trees.map_leaves(of, tree)


def _stack_leaves(outputs: Any, axis: int = 0) -> Any:
    return trees.map_leaves(lambda *x: array(np.stack(x, axis)), outputs[0], *outputs[1:])


CONTROL = {
    "associative_scan": associative_scan,
    "cond": cond,
    "fori_loop": fori_loop,
    "map": map_,
    "scan": scan,
    "switch": switch,
    "while_loop": while_loop,
}
