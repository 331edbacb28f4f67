"""JAX function or kernel source → IR text: one trace of each pass, lowered for each platform."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxpr_as_fun

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import contexts
from jax_ir_synth.lowering.passes import Pass
from jax_ir_synth.lowering.platforms import check_platforms
from jax_ir_synth.lowering.settings import bound_memory, pin_settings
from jax_ir_synth.request import choices, dialects, targets
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.runtime.isolation import isolated, isolated_once
from jax_ir_synth.schema.identity import hash_program
from jax_ir_synth.schema.ir_section import BACKENDS, IrSection, write_sections

# jax annotates no arguments of it.
_abstract_array = cast(Callable[..., jax.ShapeDtypeStruct], jax.ShapeDtypeStruct)


class LoweredKernel(NamedTuple):
    """A kernel's IR column for each platform asked for, and its identity.

    `stablehlo` are the same columns in StableHLO, whatever dialects `columns` are in: what the
    others are made of, and what can be executed to prove them.
    """

    columns: dict[str, str]
    program_hash: str
    stablehlo: dict[str, str]


@isolated_once
def lower(
    fn: Callable[..., Any],
    *example_args: Any,
    platforms: Iterable[str] = ("cpu", "cuda"),
    dialect: str | Sequence[str] = dialects.DEFAULT,
    target: str | Sequence[str] | None = None,
    argnums: int | Sequence[int] | None = None,
    name: str | None = None,
) -> dict[str, str]:
    """Lowers any JAX function and its gradient to compiler IR text, for each platform.

    No device of a platform is needed, and nothing is executed. The text depends on the function
    and the arguments' shapes and dtypes alone, not on jax's settings in this process (64-bit
    types are off, as by default) nor on what the caller is in (a mesh, a trace): `fn` is called in
    a thread of its own.

    Args:
      fn: a function of JAX arrays that returns arrays (or a pytree of them). Arguments that must
        stay Python values (axes, flags, functions) are closed over: pass
        `lambda x: fn(x, axis=0)` or `functools.partial(fn, axis=0)`.
      *example_args: one for each argument: an array, a `jax.ShapeDtypeStruct`, a Python scalar or
        a pytree of these. Only shapes and dtypes are used.
      platforms: "cpu", "cuda" or both.
      dialect: one of `dialects.DIALECTS`, or several: then each text holds one section for each.
      target: one of `targets.TARGETS`, or one for each platform: what the dialects from
        "optimized_hlo" on are compiled for; by default "x86-64-v3" and "sm_90".
      argnums: the arguments to differentiate by; by default all whose leaves are all inexact.
        The loss is the sum of `jnp.sum(output)` over all inexact outputs (of the real part,
        where they're complex), so the cotangents are ones.
      name: the module's name; by default the function's own.

    Returns:
      For each platform its text: a header, `## Forward` with the module `@jit_<name>`, and
      `## Backward (…)` with `@jit_<name>_loss`, whose results are the gradients in the order of
      `argnums`.

    Raises:
      ValueError: unknown platform, dialect or target, or one that can't be compiled for here (for
        CUDA the extra `cuda-ir` is needed); `fn` not callable, an example argument that isn't
        an array or a scalar, `argnums` out of range or not inexact, no inexact argument, or no
        inexact output: then there is nothing to differentiate.
    """
    platforms = check_platforms(platforms)
    chosen = _choices(dialect, target, platforms)
    if not callable(fn):
        raise UsageError(f"`fn` (={fn!r}) must be callable")
    with pause_gc(), pin_settings(), contexts.share_context():
        argnums = _checked_argnums(example_args, argnums)
        name = _name_of(fn) if name is None else name
        args = jax.tree.map(_abstract, example_args)
        return _lower(fn, name, args, argnums, platforms, *chosen).columns


@isolated
def lower_source(
    python: str,
    name: str,
    in_avals: Sequence[Any],
    argnums: Sequence[int],
    platforms: Iterable[str],
    dialect: str | Sequence[str] = dialects.DEFAULT,
    target: str | Sequence[str] | None = None,
) -> LoweredKernel:
    """Lowers a kernel's source text, executed with only `jax`, `jnp` and `lax` in reach.

    Args:
      python: source text that defines a function `name`.
      name: the kernel's name.
      in_avals: for each argument something with `.shape` and `.dtype` (a name of a dtype).
      argnums: the differentiable arguments.
      platforms: "cpu", "cuda" or both.
      dialect: as for `lower`.
      target: as for `lower`.

    Raises:
      ValueError: unknown platform, dialect or target, the text doesn't define `name`, or it has
        nothing to differentiate. What the source itself raises comes through unchanged.

    Made for thousands of kernels in one process: jax's caches, which would grow with every one,
    are cleared now and then (`settings.bound_memory`).
    """
    platforms = check_platforms(platforms)
    chosen = _choices(dialect, target, platforms)
    namespace = {"__name__": "kernel", "jax": jax, "jnp": jnp, "lax": lax}
    # Not as optimized as the caller's Python may be.
    exec(compile(python, "<kernel>", "exec", dont_inherit=True, optimize=0), namespace)
    fn = namespace.get(name)
    if not callable(fn):
        raise UsageError(f"`python` (={python[:40]!r}…) must define a function `{name}`")
    bound_memory()
    with pause_gc(), pin_settings(), contexts.share_context():
        args = [_abstract_array(tuple(aval.shape), aval.dtype) for aval in in_avals]
        return _lower(fn, name, args, tuple(argnums), platforms, *chosen)


def _choices(
    dialect: str | Sequence[str], target: str | Sequence[str] | None, platforms: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, targets.Target]]:
    """The dialects, and for each platform its target; ValueError where they can't be had."""
    names = choices.unpack_names(dialects.parse_dialects(dialect))
    target = targets.parse_targets(target)
    targets.check_compilers(names, platforms, target)
    return names, targets.resolve_targets(target)


def _lower(
    fn: Callable[..., Any],
    name: str,
    args: Sequence[Any],
    argnums: tuple[int, ...],
    platforms: tuple[str, ...],
    dialects: tuple[str, ...],
    by_platform: dict[str, targets.Target],
) -> LoweredKernel:
    """Traces both passes once and lowers each trace, for the CPU always (the hash is its)."""
    named = fn if getattr(fn, "__name__", None) == name else _rename(fn, name)
    forward = Pass(named, args)
    backward = Pass(jax.grad(_loss_of(forward, name), argnums=argnums), args)

    def column(platform: str, wanted: tuple[str, ...]) -> str:
        target = by_platform[platform]
        written = [traced.texts(platform, wanted, target) for traced in (forward, backward)]
        return write_sections(
            *(
                IrSection(BACKENDS[platform], dialect, argnums, f.text, b.text, f.target)
                for dialect, f, b in zip(wanted, *written, strict=True)
            )
        )

    stablehlo = {platform: column(platform, ("stablehlo",)) for platform in platforms}
    only = dialects == ("stablehlo",)
    columns = (
        stablehlo if only else {platform: column(platform, dialects) for platform in platforms}
    )
    identity = hash_program(forward.stablehlo("cpu"), backward.stablehlo("cpu"))
    return LoweredKernel(columns, identity, stablehlo)


def _loss_of(forward: Pass, name: str) -> Callable[..., Any]:
    """The scalar that is differentiated: the sum of all inexact outputs.

    It runs the forward pass's jaxpr: the Python function isn't traced again.
    """
    run = jaxpr_as_fun(forward.jaxpr)

    def loss(*args: Any) -> Any:
        outputs = [out for out in run(*jax.tree.leaves(args)) if _is_inexact(out)]
        if not outputs:
            raise UsageError(
                f"`{name}` has no floating-point or complex output, so there is nothing to "
                f"differentiate"
            )
        sums = [jnp.sum(out.real if jnp.iscomplexobj(out) else out) for out in outputs]
        return functools.reduce(jnp.add, sums)

    return _rename(loss, f"{name}_loss")


def _rename(fn: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return fn(*args)

    # jax names a module after the function that is jitted.
    call.__name__ = call.__qualname__ = name
    return call


def _name_of(fn: Callable[..., Any]) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)


def _abstract(leaf: Any) -> Any:
    """An example without its values and its device; a Python number stays (it is weakly typed)."""
    if not hasattr(leaf, "dtype"):
        return leaf
    dtype = leaf.dtype
    if not jnp.issubdtype(dtype, jax.dtypes.extended):
        dtype = jax.dtypes.canonicalize_dtype(dtype)
    weak_type = getattr(leaf, "weak_type", False)
    return _abstract_array(leaf.shape, dtype, weak_type=weak_type)


def _is_inexact(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def _checked_argnums(args: Sequence[Any], argnums: int | Sequence[int] | None) -> tuple[int, ...]:
    """The arguments to differentiate by, as a tuple; ValueError says what can't be."""
    inexact = []
    for position, arg in enumerate(args):
        leaves = jax.tree.leaves(arg)
        for leaf in leaves:
            is_scalar = isinstance(leaf, (bool, int, float, complex))
            if not is_scalar and not (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
                raise UsageError(
                    f"argument {position} (={leaf!r}) must be an array, a jax.ShapeDtypeStruct, a "
                    f"Python number or a pytree of these; close over anything else"
                )
        if leaves and all(_is_inexact(leaf) for leaf in leaves):
            inexact.append(position)
    if not inexact:
        raise UsageError(
            f"the {len(args)} example arguments must have one with a floating-point or complex "
            f"dtype: there is nothing to differentiate"
        )
    if argnums is None:
        return tuple(inexact)
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not chosen or any(number not in inexact for number in chosen):
        raise UsageError(f"`argnums` (={argnums!r}) must hold only inexact arguments of {inexact}")
    return chosen
