"""Lowers a JAX function or a kernel's source to IR text, with one trace of each pass."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.lowering import contexts, error_codes, fast, refusals, sharding
from jax_ir_synth.lowering.arguments import (
    abstract_array,
    make_abstract,
    read_integers,
    resolve_argnums,
)
from jax_ir_synth.lowering.calling import find_positions, read_call
from jax_ir_synth.lowering.naming import find_name, has_hash, rename
from jax_ir_synth.lowering.passes import DEFAULT_OPTIONS, Options, Pass
from jax_ir_synth.lowering.platforms import check_platforms
from jax_ir_synth.lowering.settings import bound_memory, pin_settings
from jax_ir_synth.lowering.symbolic import check_dialects, has_symbols
from jax_ir_synth.lowering.transforms import DIFFERENTIATING, Subject, trace_pass
from jax_ir_synth.request import choices, dialects, targets
from jax_ir_synth.request.describing import describe
from jax_ir_synth.request.passes import AXIS_SIZE, DEFAULT, parse_passes
from jax_ir_synth.runtime.gc_paused import pause_gc
from jax_ir_synth.runtime.isolation import isolated, isolated_once
from jax_ir_synth.schema.identity import hash_program
from jax_ir_synth.schema.ir_section import BACKENDS, write_parts
from jax_ir_synth.schema.masking import hash_structure


class LoweredKernel(NamedTuple):
    """A kernel's IR column for each requested platform, and the hashes of it and its structure.

    `stablehlo` has the same columns in StableHLO, whatever the dialects of `columns`. The other
    dialects are made from it, and it can be executed to prove them.
    """

    columns: dict[str, str]
    program_hash: str
    skeleton_hash: str
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
    passes: str | Sequence[str] = DEFAULT,
    axis_size: int = AXIS_SIZE,
    kwargs: Mapping[str, Any] | None = None,
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Iterable[str] | None = None,
    enable_x64: bool = False,
    elide_above: int | None = None,
) -> dict[str, str]:
    """Lower a JAX function and its gradient to compiler IR text, for each platform.

    No device of the platforms is needed, and nothing is executed. The text depends only on the
    function and on the arguments' shapes and dtypes. It doesn't depend on jax's settings in this
    process (64-bit types are off, as by default), or on the caller's context (a mesh, a trace),
    since `fn` is called in a thread of its own.

    Args:
      fn: a function of JAX arrays that returns arrays (or a pytree of them). Arguments that must
        stay Python values (axes, flags, functions) are static, or closed over:
        `lambda x: fn(x, axis=0)`, `functools.partial(fn, axis=0)`.
      *example_args: an example for each argument: an array, a `jax.ShapeDtypeStruct`, a Python
        scalar or a pytree of these. Only shapes and dtypes are used, and the `NamedSharding` of
        what lies on several devices; the mesh may be abstract.
      platforms: "cpu", "cuda" or both. A function that only one of them can lower (a kernel of
        Pallas, a primitive with a rule for CUDA) is lowered for that one alone.
      dialect: one of `dialects.DIALECTS`, or several; then each text has a section for each.
      target: one of `targets.TARGETS`, or one for each platform. The dialects from "optimized_hlo"
        on are compiled for it; by default it is "x86-64-v3" and "sm_90".
      argnums: the arguments to differentiate by, as for `jax.grad`; by default all whose leaves
        are all inexact.
        The loss is the sum of `jnp.sum(output)` over all inexact outputs (of the real part of
        complex ones), so the cotangents are ones.
      name: the module's name; by default the function's own.
      passes: one of `passes.PASSES`, or several, in the order in which they are written. What has
        no gradient (a `while_loop`, a function of integers) has "forward" and "vmap" alone.

        - "forward": the function, in the module `@jit_<name>`.
        - "backward": `jax.grad` of the loss, in `@jit_<name>_loss`; the results are the gradients
          in the order of `argnums`.
        - "vjp": `jax.vjp`, in `@jit_<name>_vjp`. The arguments are the function's, then a cotangent
          for each inexact output; the results are the gradients.
        - "jvp": `jax.jvp`, in `@jit_<name>_jvp`. The arguments are the function's, then the
          tangents of `argnums`; the results are the outputs, then the tangents of the inexact ones.
        - "hessian_vp": `jax.jvp` of `jax.grad` of the loss, in `@jit_<name>_hessian_vp`. The
          arguments are those of "jvp"; the results are the products in the order of `argnums`.
        - "vmap": `jax.vmap` over a leading axis of all arguments and outputs, in
          `@jit_<name>_vmap`. The examples don't have that axis; it is added.
      axis_size: the size of the axis that "vmap" adds.
      kwargs: an example for each keyword argument, as in `example_args`. They follow the other
        arguments in the order of their names, and aren't differentiated.
      static_argnums: the arguments that stay Python values, as for `jax.jit`; they needn't have a
        hash.
      static_argnames: the same by name.
      donate_argnums: the arguments that are donated, as for `jax.jit`. StableHLO marks those that
        an output takes, as `tf.aliasing_output`.
      donate_argnames: the same by name, also for keyword arguments.
      enable_x64: whether 64-bit types stay, as under `jax.enable_x64`.
      elide_above: constants with more elements than this are left out, and all are written by
        default. In their place StableHLO has `dense_resource<__elided__>`, and a jaxpr `<elided>`.
        Only for these two dialects.

    Returns:
      The text for each platform: a header, and for each pass a heading (`## Forward`,
      `## Backward (…)`) with its module.

    Raises:
      ValueError: a platform, dialect, target or pass is unknown, or can't be compiled for here
        (CUDA needs the extra `cuda-ir`). `fn` isn't callable, an example argument isn't an array
        or a scalar, or `argnums` are out of range or not inexact. A pass differentiates, and there
        is no inexact argument or no inexact output. jax refuses the function in a known way. Each
        message is one line. Errors that the function itself raises pass through unchanged.
    """
    platforms = check_platforms(platforms)
    chosen = _resolve_choices(dialect, target, platforms)
    if not callable(fn):
        raise UsageError(f"`fn` ({describe(fn)}) must be callable")
    kinds = parse_passes(passes)
    if isinstance(axis_size, bool) or not isinstance(axis_size, int) or axis_size < 1:
        raise UsageError(f"`axis_size` ({describe(axis_size)}) must be an integer above 0")
    name = find_name(fn) if name is None else name
    if not isinstance(name, str) or not name:
        raise UsageError(f"`name` ({describe(name)}) must be a string that isn't empty")
    if not isinstance(enable_x64, bool):
        raise UsageError(f"`enable_x64` ({describe(enable_x64)}) must be True or False")
    call = read_call(fn, example_args, kwargs, static_argnums, static_argnames)
    donated = _resolve_donated(donate_argnums, call.positional)
    donated |= find_positions(fn, call.positional, kwargs, donate_argnames)
    options = Options(tuple(sorted(donated)), _check_elision(elide_above, chosen[0]))
    with pause_gc(), pin_settings(), contexts.share_context(), contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(enable_x64))
        stack.enter_context(error_codes.count_anew())
        args = make_abstract(call.args)
        differentiated = argnums is not None or not DIFFERENTIATING.isdisjoint(kinds)
        numbers = resolve_argnums(args[: call.positional], argnums) if differentiated else ()
        if has_symbols(args):
            check_dialects(chosen[0])
        elif sharding.has_shardings(args):
            sharding.check_dialects(chosen[0])
        elif not enable_x64:
            # The shortcuts know static shapes, jax's default types and one device alone.
            stack.enter_context(fast.taken(chosen[0]))
        try:
            traced = _trace(call.fn, name, args, numbers, kinds, axis_size, options)
            return _write_columns(traced, platforms, *chosen)
        except JaxIrSynthError:
            raise
        # jax raises errors of many classes, as the function itself does.
        except Exception as error:
            explained = refusals.explain(error, name)
            if explained is None:
                raise
            raise explained from error


class _Last(threading.local):
    """The last source that a thread has traced: it is lowered when drawn, and for its row."""

    key: tuple[Any, ...] = ()
    traced: "list[tuple[str, Pass]]" = []


_last = _Last()


@isolated
def lower_source(
    python: str,
    name: str,
    in_avals: Sequence[Any],
    argnums: Sequence[int],
    platforms: Iterable[str],
    dialect: str | Sequence[str] = dialects.DEFAULT,
    target: str | Sequence[str] | None = None,
    passes: Sequence[str] = DEFAULT,
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
      passes: the names of passes, the first one "forward".

    Raises:
      ValueError: a platform, dialect or target is unknown, the text doesn't define `name`, or it
        has nothing to differentiate. Errors that the source itself raises pass through unchanged.
    """
    platforms = check_platforms(platforms)
    chosen = _resolve_choices(dialect, target, platforms)
    shapes = tuple((tuple(aval.shape), aval.dtype) for aval in in_avals)
    key = (python, name, shapes, tuple(argnums), tuple(passes), chosen[0])
    namespace = {"__name__": "kernel", "jax": jax, "jnp": jnp, "lax": lax}
    # `optimize=0` whatever the caller's Python runs with.
    exec(compile(python, "<kernel>", "exec", dont_inherit=True, optimize=0), namespace)
    fn = namespace.get(name)
    if not callable(fn):
        raise UsageError(f"`python` (={python[:40]!r}…) must define a function `{name}`")
    bound_memory()
    with pause_gc(), pin_settings(), contexts.share_context(), fast.taken(chosen[0]):
        if _last.key != key:
            args = [abstract_array(shape, dtype) for shape, dtype in shapes]
            _last.traced = _trace(fn, name, args, tuple(argnums), passes, AXIS_SIZE)
            _last.key = key
        traced = _last.traced
        stablehlo = _write_columns(traced, platforms, ("stablehlo",), chosen[1])
        columns = stablehlo
        if chosen[0] != ("stablehlo",):
            columns = _write_columns(traced, platforms, *chosen)
        # The hashes are of the CPU's text, whatever the platforms are.
        modules = {kind: each for kind, (_, each) in zip(passes, traced, strict=True)}
        forward, backward = (
            modules[kind].stablehlo("cpu") if kind in modules else "" for kind in DEFAULT
        )
        return LoweredKernel(
            columns, hash_program(forward, backward), hash_structure(forward), stablehlo
        )


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


def _check_elision(elide_above: int | None, dialects: tuple[str, ...]) -> int | None:
    """Return `elide_above`; UsageError if it is no size, or a dialect has no elided constants."""
    if elide_above is None:
        return None
    if isinstance(elide_above, bool) or not isinstance(elide_above, int) or elide_above < 0:
        raise UsageError(f"`elide_above` ({describe(elide_above)}) must be a number of elements")
    for dialect in dialects:
        if dialect not in ("jaxpr", "stablehlo"):
            raise UsageError(
                f"`elide_above` (={elide_above}) is for jaxpr and stablehlo, not for {dialect}"
            )
    return elide_above


def _resolve_donated(donate_argnums: int | Sequence[int], count: int) -> set[int]:
    """Resolve the positions of donated arguments; UsageError if there is no such argument."""
    numbers = read_integers(donate_argnums)
    if numbers is None or not all(-count <= number < count for number in numbers):
        raise UsageError(
            f"`donate_argnums` ({describe(donate_argnums)}) must hold positions below {count}"
        )
    return {number % count for number in numbers}


def _trace(
    fn: Callable[..., Any],
    name: str,
    args: Sequence[Any],
    argnums: tuple[int, ...],
    passes: Sequence[str] = DEFAULT,
    axis_size: int = 1,
    options: Options = DEFAULT_OPTIONS,
) -> list[tuple[str, Pass]]:
    """Trace each pass once for all platforms and dialects; return them after their headings."""
    # A function has a hash, which jax needs; another callable needn't have one.
    is_named = getattr(fn, "__name__", None) == name and has_hash(fn)
    named = fn if is_named else rename(fn, name)
    forward = Pass(named, args, options)
    subject = Subject(name, forward, args, argnums, axis_size, options, named)
    return [trace_pass(subject, kind) for kind in passes]


def _write_columns(
    traced: Sequence[tuple[str, Pass]],
    platforms: tuple[str, ...],
    dialects: tuple[str, ...],
    by_platform: dict[str, targets.Target],
) -> dict[str, str]:
    """Write a text for each platform, with a section for each dialect."""
    headings = [heading for heading, _ in traced]
    columns = {}
    for platform in platforms:
        texts = [each.texts(platform, dialects, by_platform[platform]) for _, each in traced]
        sections = []
        for dialect, *written in zip(dialects, *texts, strict=True):
            parts = [(heading, w.text) for heading, w in zip(headings, written, strict=True)]
            target = written[0].target
            sections.append(write_parts(BACKENDS[platform], dialect, target, parts))
        columns[platform] = "\n".join(sections)
    return columns
