"""What JAX prints for a row's function where it is asked in another way."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from variants import Kind, Original

from jax_ir_synth.evaluate.tasks import BACKWARD
from jax_ir_synth.lowering.settings import pin_settings
from jax_ir_synth.schema.ir_section import clean_module

Function = Callable[..., Any]


def _kernel(row: dict[str, Any]) -> Function:
    namespace = {"jax": jax, "jnp": jnp, "lax": lax}
    exec(row["python"], namespace)
    return namespace[row["kernel_name"]]


def _loss(kernel: Function) -> Function:
    """The sum of what is inexact, as `lowering.lower` has it."""

    def loss(*arguments: Any) -> Any:
        outputs = [
            x for x in jax.tree.leaves(kernel(*arguments)) if jnp.issubdtype(x.dtype, jnp.inexact)
        ]
        total = jnp.sum(outputs[0])
        for output in outputs[1:]:
            total = total + jnp.sum(output)
        return total

    return loss


def _abstract(row: dict[str, Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(tuple(x["shape"]), x["dtype"]) for x in row["in_avals"]]


def _plain(function: Function, argnums: tuple[int, ...] | None) -> Function:
    return function if argnums is None else jax.grad(_loss(function), argnums)


def _jit_of_jit(function: Function, argnums: tuple[int, ...] | None) -> Function:
    return _plain(jax.jit(function), argnums)


def _rematerialized(function: Function, argnums: tuple[int, ...] | None) -> Function:
    return _plain(jax.checkpoint(function), argnums)


def _batch_of_one(function: Function, argnums: tuple[int, ...] | None) -> Function:
    one = jax.vmap(_plain(function, argnums))
    return lambda *arguments: jax.tree.map(
        lambda x: x[0], one(*(jnp.expand_dims(x, 0) for x in arguments))
    )


def _mapped(function: Function, argnums: tuple[int, ...] | None) -> Function:
    each = _plain(function, argnums)
    return lambda *arguments: jax.tree.map(
        lambda x: x[0],
        lax.map(lambda given: each(*given), tuple(jnp.expand_dims(x, 0) for x in arguments)),
    )


def _by_vjp(function: Function, argnums: tuple[int, ...] | None) -> Function:
    if argnums is None:
        return lambda *arguments: jax.vjp(function, *arguments)[0]

    def gradients(*arguments: Any) -> Any:
        loss, pull = jax.vjp(_loss(function), *arguments)
        found = pull(jnp.ones_like(loss))
        return tuple(found[number] for number in argnums)

    return gradients


def _by_linearizing(function: Function, argnums: tuple[int, ...] | None) -> Function:
    if argnums is None:
        return lambda *arguments: jax.linearize(function, *arguments)[0]

    def gradients(*arguments: Any) -> Any:
        def of_some(*some: Any) -> Any:
            every = list(arguments)
            for number, value in zip(argnums, some, strict=True):
                every[number] = value
            return _loss(function)(*every)

        some = [arguments[number] for number in argnums]
        loss, push = jax.linearize(of_some, *some)
        return jax.linear_transpose(push, *some)(jnp.ones_like(loss))

    return gradients


def _one_by_one(function: Function, argnums: tuple[int, ...] | None) -> Function:
    if argnums is None:
        return lambda *arguments: jax.jvp(function, arguments, tuple(map(_zero, arguments)))[0]
    return lambda *arguments: tuple(
        jax.grad(_loss(function), number)(*arguments) for number in argnums
    )


def _zero(x: Any) -> Any:
    inexact = jnp.issubdtype(x.dtype, jnp.inexact)
    return jnp.zeros_like(x) if inexact else np.zeros(x.shape, jax.dtypes.float0)


def _with_value(function: Function, argnums: tuple[int, ...] | None) -> Function:
    if argnums is None:
        return lambda *arguments: function(*map(jnp.array, arguments))
    both = jax.value_and_grad(_loss(function), argnums)
    return lambda *arguments: both(*arguments)[1]


def _spelled(name: str, ask: Callable[..., Function]) -> Kind:
    def make(original: Original, rng: np.random.Generator) -> list[str]:
        row = original.row
        argnums = tuple(row["argnums"]) if original.section == BACKWARD else None
        function = ask(_kernel(row), argnums)
        # They have jax look for no device.
        with pin_settings():
            lowered = jax.jit(function, keep_unused=True).lower(*_abstract(row))
        return [clean_module(lowered.as_text())]

    return Kind(name, make)


REWRITES = [
    _spelled("JAX: as jit prints it", _plain),
    _spelled("JAX: jit within jit", _jit_of_jit),
    _spelled("JAX: checkpoint", _rematerialized),
    _spelled("JAX: vmap over one", _batch_of_one),
    _spelled("JAX: map over one", _mapped),
    _spelled("JAX: vjp", _by_vjp),
    _spelled("JAX: linearize", _by_linearizing),
    _spelled("JAX: jvp, or a gradient at a time", _one_by_one),
    _spelled("JAX: copies, or the value too", _with_value),
]
