"""Implements JAX's transformations of functions that leave their values as they are, and `vmap`.

A function with a derivative rule of its own is run as it is written. Where the rule gives another
derivative than the function's, the gradient differs from the differences, and isn't proven.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic, dtypes, trees
from jax_ir_synth.reference.numpy_jax.arrays import array
from jax_ir_synth.reference.numpy_jax.bounds import check_elements, step
from jax_ir_synth.reference.numpy_jax.control import stack_leaves, take_item
from jax_ir_synth.reference.numpy_jax.random import Key
from jax_ir_synth.reference.numpy_jax.trace_recorder import TraceRecorder


def identity(fun: Callable[..., Any] | None = None, **_: Any) -> Any:
    """`jit` and `checkpoint`: they change how a function is computed, not its results."""
    return (lambda function: function) if fun is None else fun


def ignore(*_: Any, **__: Any) -> None:
    """`jax.debug.print` and the like, which change no result."""


def pass_on(x: Any, *_: Any, **__: Any) -> Any:
    """`jax.device_put` and the like, which return what they are given."""
    return x


class SymbolicZero:
    """`jax.custom_derivatives.SymbolicZero`, of which no value is an instance."""


class ShapeDtypeStruct:
    """`jax.ShapeDtypeStruct`: the shape and the dtype of an array."""

    def __init__(self, shape: Any, dtype: Any, **_: Any) -> None:
        self.shape = tuple(shape)
        self.dtype = dtypes.as_dtype(dtype)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))


def eval_shape(fun: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """`jax.eval_shape`, by running the function, with ones for shapes."""

    def fill(leaf: Any) -> Any:
        if isinstance(leaf, ShapeDtypeStruct):
            check_elements(leaf.size)
            return array(np.ones(leaf.shape, leaf.dtype.dtype))
        return leaf

    args, named = trees.map_leaves(fill, list(args)), trees.map_leaves(fill, named)
    with arithmetic.without_noise(), TraceRecorder().record():
        found = fun(*args, **named)
    return trees.map_leaves(lambda x: ShapeDtypeStruct(np.shape(x), dtypes.dtype_of(x)), found)


class _WithRule:
    def __init__(self, fun: Callable[..., Any], **_: Any) -> None:
        self._fun = fun

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._fun(*arguments, **named)


class CustomJvp(_WithRule):
    """`jax.custom_jvp`."""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Any = ()) -> None:
        super().__init__(fun)

    def defjvp(self, jvp: Callable[..., Any], symbolic_zeros: bool = False) -> Any:
        """Take the rule, which isn't used."""
        return jvp

    def defjvps(self, *jvps: Any) -> None:
        """Take the rules, which aren't used."""


class CustomVjp(_WithRule):
    """`jax.custom_vjp`."""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Any = ()) -> None:
        super().__init__(fun)

    def defvjp(self, fwd: Any, bwd: Any, symbolic_zeros: bool = False, **_: Any) -> None:
        """Take the rule, which isn't used."""


def vmap(
    fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_name: Any = None, **_: Any
) -> Callable[..., Any]:
    """Calls the function for each position along the mapped axes, and stacks the results."""
    if axis_name is not None:
        raise NotImplementedError("vmap: axis_name is not known here")

    def call(*args: Any, **named: Any) -> Any:
        axes = tuple(in_axes) if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ValueError(f"vmap: in_axes are {len(axes)}, arguments {len(args)}")
        spread = [*map(_spread, axes, args), _spread(0, named)]
        sizes = {_shape(leaf)[axis] for pairs in spread for axis, leaf in pairs if axis is not None}
        (size,) = sizes
        results = [
            fun(
                *(_take(axis, arg, position) for axis, arg in zip(axes, args, strict=True)),
                **_take(0, named, position),
            )
            for position in range(size)
            if step()
        ]
        return _stack(out_axes, results)

    return call


def _shape(leaf: Any) -> tuple[int, ...]:
    """The shape of an array, or of an array of keys."""
    found: tuple[int, ...] = leaf.shape if isinstance(leaf, Key) else np.shape(leaf)
    return found


def _spread(axes: Any, tree: Any) -> list[tuple[Any, Any]]:
    """List each leaf of a tree with its axis; `axes` is a prefix of the tree."""
    if axes is None or isinstance(axes, int):
        return [(axes, leaf) for leaf in trees.leaves(tree)]
    if isinstance(axes, dict):
        return [pair for key in axes for pair in _spread(axes[key], tree[key])]
    return [pair for part, each in zip(axes, tree, strict=True) for pair in _spread(part, each)]


def _take(axes: Any, tree: Any, position: int) -> Any:
    if axes is None:
        return tree
    if isinstance(axes, int):
        return take_item(tree, position, axes)
    if isinstance(axes, dict):
        return {key: _take(axes[key], tree[key], position) for key in tree}
    parts = [_take(part, each, position) for part, each in zip(axes, tree, strict=True)]
    return type(tree)(parts) if type(tree) in (tuple, list) else type(tree)(*parts)


def _stack(axes: Any, results: list[Any]) -> Any:
    if axes is None:
        return results[0]
    if isinstance(axes, int):
        return stack_leaves(results, axes)
    if isinstance(axes, dict):
        return {key: _stack(axes[key], [result[key] for result in results]) for key in results[0]}
    columns = zip(*results, strict=True)
    parts = [_stack(part, list(column)) for part, column in zip(axes, columns, strict=True)]
    first = results[0]
    return type(first)(parts) if type(first) in (tuple, list) else type(first)(*parts)


TRANSFORMS = {
    "ShapeDtypeStruct": ShapeDtypeStruct,
    "block_until_ready": pass_on,
    "checkpoint": identity,
    "default_backend": lambda: "cpu",
    "device_put": pass_on,
    "ensure_compile_time_eval": ignore,
    "eval_shape": eval_shape,
    "local_device_count": lambda *_: 1,
    "named_call": identity,
    "named_scope": ignore,
    "custom_jvp": CustomJvp,
    "custom_vjp": CustomVjp,
    "jit": identity,
    "remat": identity,
    "vmap": vmap,
}
