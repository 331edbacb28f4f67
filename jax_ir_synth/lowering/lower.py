"""Lowers a JAX function or a kernel's source to IR text, with one trace of each pass."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxpr_as_fun

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import contexts, fast
from jax_ir_synth.lowering.passes import Pass
from jax_ir_synth.lowering.platforms import check_platforms
from jax_ir_synth.lowering.settings import bound_memory, pin_settings
from jax_ir_synth.request import choices, dialects, targets
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.runtime.isolation import isolated, isolated_once
from jax_ir_synth.schema.identity import hash_program
from jax_ir_synth.schema.ir_section import BACKENDS, IrSection, write_sections

# jax doesn't annotate its arguments.
_abstract_array = cast(Callable[..., jax.ShapeDtypeStruct], jax.ShapeDtypeStruct)


class LoweredKernel(NamedTuple):
    """A kernel's IR column for each requested platform, and its hash.

    `stablehlo` has the same columns in StableHLO, whatever the dialects of `columns`. The other
    dialects are made from it, and it can be executed to prove them.
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
    """Lower a JAX function and its gradient to compiler IR text, for each platform.

    No device of the platforms is needed, and nothing is executed. The text depends only on the
    function and on the arguments' shapes and dtypes. It doesn't depend on jax's settings in this
    process (64-bit types are off, as by default), or on the caller's context (a mesh, a trace),
    since `fn` is called in a thread of its own.

    Args:
      fn: a function of JAX arrays that returns arrays (or a pytree of them). Arguments that must
        stay Python values (axes, flags, functions) are closed over: pass
        `lambda x: fn(x, axis=0)` or `functools.partial(fn, axis=0)`.
      *example_args: an example for each argument: an array, a `jax.ShapeDtypeStruct`, a Python
        scalar or a pytree of these. Only shapes and dtypes are used.
      platforms: "cpu", "cuda" or both.
      dialect: one of `dialects.DIALECTS`, or several; then each text has a section for each.
      target: one of `targets.TARGETS`, or one for each platform. The dialects from "optimized_hlo"
        on are compiled for it; by default it is "x86-64-v3" and "sm_90".
      argnums: the arguments to differentiate by; by default all whose leaves are all inexact.
        The loss is the sum of `jnp.sum(output)` over all inexact outputs (of the real part of
        complex ones), so the cotangents are ones.
      name: the module's name; by default the function's own.

    Returns:
      The text for each platform: a header, `## Forward` with the module `@jit_<name>`, and
      `## Backward (…)` with `@jit_<name>_loss`, whose results are the gradients in the order of
      `argnums`.

    Raises:
      ValueError: a platform, dialect or target is unknown, or can't be compiled for here (CUDA
        needs the extra `cuda-ir`). `fn` isn't callable, an example argument isn't an array or a
        scalar, or `argnums` are out of range or not inexact. There is no inexact argument or no
        inexact output, so nothing to differentiate.
    """
    platforms = check_platforms(platforms)
    chosen = _resolve_choices(dialect, target, platforms)
    if not callable(fn):
        raise UsageError(f"`fn` (={fn!r}) must be callable")
    with pause_gc(), pin_settings(), contexts.share_context(), fast.taken():
        argnums = _resolve_argnums(example_args, argnums)
        name = _find_name(fn) if name is None else name
        args = jax.tree.map(_make_abstract, example_args)
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
    """Lower a kernel's source text, which is executed with only `jax`, `jnp` and `lax` in reach.

    It is made for thousands of kernels in one process: jax's caches, which would grow with every
    kernel, are cleared from time to time (`settings.bound_memory`).

    Args:
      python: source text that defines a function `name`.
      name: the kernel's name.
      in_avals: for each argument, an object with `.shape` and `.dtype` (the dtype's name).
      argnums: the differentiable arguments.
      platforms: "cpu", "cuda" or both.
      dialect: as for `lower`.
      target: as for `lower`.

    Raises:
      ValueError: a platform, dialect or target is unknown, the text doesn't define `name`, or it
        has nothing to differentiate. Errors that the source itself raises pass through unchanged.
    """
    platforms = check_platforms(platforms)
    chosen = _resolve_choices(dialect, target, platforms)
    namespace = {"__name__": "kernel", "jax": jax, "jnp": jnp, "lax": lax}
    # `optimize=0` whatever the caller's Python runs with.
    exec(compile(python, "<kernel>", "exec", dont_inherit=True, optimize=0), namespace)
    fn = namespace.get(name)
    if not callable(fn):
        raise UsageError(f"`python` (={python[:40]!r}…) must define a function `{name}`")
    bound_memory()
    with pause_gc(), pin_settings(), contexts.share_context(), fast.taken():
        args = [_abstract_array(tuple(aval.shape), aval.dtype) for aval in in_avals]
        return _lower(fn, name, args, tuple(argnums), platforms, *chosen)


def _resolve_choices(
    dialect: str | Sequence[str], target: str | Sequence[str] | None, platforms: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, targets.Target]]:
    """Resolve the dialects and the target of each platform.

    Raises ValueError if they can't be compiled for here.
    """
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
    """Trace both passes once and lower each trace; always for the CPU, which the hash is of."""
    named = fn if getattr(fn, "__name__", None) == name else _rename(fn, name)
    forward = Pass(named, args)
    backward = Pass(jax.grad(_make_loss(forward, name), argnums=argnums), args)

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


def _make_loss(forward: Pass, name: str) -> Callable[..., Any]:
    """Make the function to differentiate: the sum of all inexact outputs.

    It runs the forward pass's jaxpr, so that the Python function isn't traced again.
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

    # jax names a module after the jitted function.
    call.__name__ = call.__qualname__ = name
    return call


def _find_name(fn: Callable[..., Any]) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)


def _make_abstract(leaf: Any) -> Any:
    """Strip an example of its values and device; keep Python numbers, which are weakly typed."""
    if not hasattr(leaf, "dtype"):
        return leaf
    dtype = leaf.dtype
    if not jnp.issubdtype(dtype, jax.dtypes.extended):
        dtype = jax.dtypes.canonicalize_dtype(dtype)
    weak_type = getattr(leaf, "weak_type", False)
    return _abstract_array(leaf.shape, dtype, weak_type=weak_type)


def _is_inexact(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)


def _resolve_argnums(args: Sequence[Any], argnums: int | Sequence[int] | None) -> tuple[int, ...]:
    """Resolve the arguments to differentiate by; ValueError says which can't be."""
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
