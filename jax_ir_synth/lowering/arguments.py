"""Reads a function's example arguments: their avals, and by which it is differentiated."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import sharding
from jax_ir_synth.request.describing import describe

# jax doesn't annotate its arguments.
abstract_array = cast(Callable[..., jax.ShapeDtypeStruct], jax.ShapeDtypeStruct)

# What to do where there is no gradient.
WITHOUT_GRADIENT = 'lower it with passes=("forward",)'


def is_inexact(leaf: Any) -> bool:
    """Whether an array, an aval or a Python number is a float or complex."""
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def make_aval(leaf: Any) -> Any:
    """Make the aval of a leaf that `make_abstract` made, which may be a Python number."""
    shape, weak_type = getattr(leaf, "shape", ()), getattr(leaf, "weak_type", True)
    return abstract_array(
        shape, jnp.result_type(leaf), weak_type=weak_type, sharding=sharding.find(leaf)
    )


def make_abstract(args: Sequence[Any]) -> list[Any]:
    """Strip examples of their values; keep Python numbers, which are weakly typed.

    Devices are stripped as well, unless an example lies on several of them.

    Raises UsageError that names a leaf which is no array by its path.
    """
    return [_make_abstract(f"argument {position}", arg) for position, arg in enumerate(args)]


def _make_abstract(name: str, arg: Any) -> Any:
    try:
        leaves, tree = jax.tree_util.tree_flatten_with_path(arg)
    except ValueError as error:
        raise UsageError(
            f"{name} ({describe(arg)}) must be a pytree: {' '.join(str(error).split())}"
        ) from error
    made = [_abstract_leaf(f"{name}{jax.tree_util.keystr(path)}", leaf) for path, leaf in leaves]
    return jax.tree.unflatten(tree, made)


def _abstract_leaf(name: str, leaf: Any) -> Any:
    if isinstance(leaf, (bool, int, float, complex)) and not hasattr(leaf, "dtype"):
        return leaf
    if not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
        raise UsageError(
            f"{name} ({describe(leaf)}) must be an array, a jax.ShapeDtypeStruct, a Python number "
            f"or a pytree of these; close over anything else"
        )
    dtype = leaf.dtype
    if not jnp.issubdtype(dtype, jax.dtypes.extended):
        if not any(jnp.issubdtype(dtype, kind) for kind in (jnp.number, jnp.bool_)):
            raise UsageError(
                f"{name} (dtype {dtype}) must hold numbers or booleans; close over anything else"
            )
        dtype = jax.dtypes.canonicalize_dtype(dtype)
    weak_type = getattr(leaf, "weak_type", False)
    if not sharding.is_known(leaf):
        raise UsageError(
            f"{name} ({describe(leaf.sharding)}) must lie on one device, or have a NamedSharding"
        )
    return abstract_array(leaf.shape, dtype, weak_type=weak_type, sharding=sharding.find(leaf))


def resolve_argnums(args: Sequence[Any], argnums: int | Sequence[int] | None) -> tuple[int, ...]:
    """Resolve the arguments to differentiate by; UsageError says which can't be.

    Args:
      args: what `make_abstract` returned.
      argnums: an integer or several, of Python or of NumPy; those below 0 count from the end. None
        for all arguments whose leaves are all inexact.
    """
    inexact = []
    for position, arg in enumerate(args):
        leaves = jax.tree.leaves(arg)
        if leaves and all(map(is_inexact, leaves)):
            inexact.append(position)
    if not inexact:
        raise UsageError(
            f"the {len(args)} example arguments must have one with a floating-point or complex "
            f"dtype: there is nothing to differentiate; {WITHOUT_GRADIENT}"
        )
    if argnums is None:
        return tuple(inexact)
    chosen = read_integers(argnums)
    if chosen is not None:
        chosen = tuple(number + len(args) if number < 0 else number for number in chosen)
    if not chosen or any(number not in inexact for number in chosen):
        raise UsageError(
            f"`argnums` ({describe(argnums)}) must hold only inexact arguments of {inexact}"
        )
    if len(set(chosen)) < len(chosen):
        raise UsageError(f"`argnums` ({describe(argnums)}) must name each argument once")
    return chosen


def read_integers(value: Any) -> tuple[int, ...] | None:
    """Read an integer or several; None if it is something else."""
    if isinstance(value, (bool, str, bytes)):
        return None
    try:
        return (operator.index(value),)
    except TypeError:
        try:
            numbers = tuple(value)
        except TypeError:
            return None
    if any(isinstance(number, bool) or not hasattr(number, "__index__") for number in numbers):
        return None
    return tuple(map(operator.index, numbers))
