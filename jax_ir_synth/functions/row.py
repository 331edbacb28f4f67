"""Makes the row of a function of one's own: its text, its IR, and its proof."""

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

import jax

from jax_ir_synth.errors import UsageError
from jax_ir_synth.functions.calls import Call, cut_call, read_call
from jax_ir_synth.functions.cutting.cut import Cut, NotSelfContained
from jax_ir_synth.functions.provenance import find_origin
from jax_ir_synth.functions.ranges import Range, list_attempts, read_ranges
from jax_ir_synth.lowering import lower
from jax_ir_synth.lowering.platforms import check_platforms
from jax_ir_synth.lowering.settings import pin_settings
from jax_ir_synth.reference.inputs import FLOATS
from jax_ir_synth.request.categories import COLLECTED
from jax_ir_synth.request.describing import describe
from jax_ir_synth.runtime.isolation import isolated_once
from jax_ir_synth.schema.identity import canonicalize_module, hash_program
from jax_ir_synth.schema.ir_section import read_section
from jax_ir_synth.schema.masking import hash_structure
from jax_ir_synth.schema.origin import Origin
from jax_ir_synth.schema.row_view import IR_COLUMNS
from jax_ir_synth.schema.verification import UNVERIFIED, write_unproven
from jax_ir_synth.verify import NotProven, prove

LOGGER = logging.getLogger("jax_ir_synth")

_PLATFORMS = {"cpp": "cpu", "cuda": "cuda"}


def make_row(
    fn: Callable[..., Any],
    *args: Any,
    kwargs: Mapping[str, Any] | None = None,
    ranges: Any = None,
    name: str | None = None,
    platforms: Iterable[str] = ("cpu", "cuda"),
    prove: bool = True,
    gradient: bool = True,
    origin: Origin | None = None,
    type: str = COLLECTED[0],
    id: int = 0,
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """Make the row of a function: its own text, its IR and its gradient's, and a proof.

    The text holds the helpers, constants and classes that the function needs. It is right because
    it is lowered, too, and its StableHLO must be that of the function. The row depends on the
    function's source, on the arguments' shapes and dtypes, on the ranges, and on the versions.

    ```python
    import jax
    import jax.numpy as jnp
    import jax_ir_synth

    def gelu_residual(x, weights):
        return x + jax.nn.gelu(x @ weights)

    row = jax_ir_synth.row(gelu_residual, jnp.ones((4, 8)), jnp.ones((8, 8)), ranges=(-1, 1))
    row["verified"]  # "interpreter+arrays"
    ```

    Args:
      fn: a function of arrays, or of pytrees of them.
      *args: its arguments. Arrays and `jax.ShapeDtypeStruct`s become the row's arguments, also
        those in pytrees; all else stays as it is, and is written into the text.
      kwargs: its keyword arguments, likewise.
      ranges: the range of each floating-point argument, as `(low, high)` for all, or as a mapping
        from names of arguments. By default it is that of the example's values; where there are
        none, -1 to 1, 0.2 to 0.9 and 0.5 to 2 are tried until the row is proven.
      name: the function's name in the row, if not its own.
      platforms: `"cpu"`, `"cuda"` or both: the IR columns that are filled.
      prove: whether the row is proven. A row that can't be says why in its column `verified`.
      gradient: whether the gradient is lowered, where there is one.
      origin: where the function comes from. By default its module, name and lines, and the
        distribution that they are installed with; the license is left empty.
      type: the row's column `type`.
      id: the row's column `id`.
      max_bytes: the most bytes of its text and its IR together; None for any number.

    Returns:
      All columns (see `schema.columns`), and those of `Origin`. A function without a gradient has
      no `argnums`, and its IR columns have the forward pass alone.

    Raises:
      NotSelfContained: the function can't be cut out, or the text has other IR than the function.
      ValueError: an argument is wrong, the function can't be lowered, or its row is too long; one
        line. Errors that the function itself raises pass through.
    """
    chosen = check_platforms(platforms)
    if type not in COLLECTED:
        raise UsageError(f"`type` ({describe(type)}) must be one of: {', '.join(COLLECTED)}")
    call = read_call(fn, args, kwargs)
    given = read_ranges(ranges, call.leaves)
    text = cut_call(call, name)
    columns, argnums = _lower(call, text, chosen, gradient)
    length = sum(len(each.encode()) for each in (text.python, *columns.values()))
    if max_bytes is not None and length > max_bytes:
        raise UsageError(f"its text and IR have {length:,} bytes, more than {max_bytes:,}")
    sections = {key: read_section(column) for key, column in columns.items()}
    first = next(iter(sections.values()))
    row = {
        "id": id,
        "kernel_name": text.name,
        "python": text.python,
        **{key: columns.get(key) for key in IR_COLUMNS},
        "type": type,
        "in_avals": [],
        "argnums": argnums,
        "program_hash": hash_program(first.forward, first.backward),
        "skeleton_hash": hash_structure(first.forward),
        "jax_version": version("jax"),
        "verified": UNVERIFIED,
        **(origin or find_origin(call.function))._asdict(),
    }
    return _choose_ranges(row, call, given, prove)


def _lower(
    call: Call, text: Cut, platforms: tuple[str, ...], gradient: bool
) -> tuple[dict[str, str], list[int]]:
    """Lower the text for each IR column, and compare it with the function.

    Returns the columns, and the arguments that the gradient is by.
    """
    struct: Callable[..., Any] = jax.ShapeDtypeStruct
    avals = [struct(leaf.shape, leaf.dtype) for leaf in call.leaves]
    options: dict[str, Any] = {"platforms": platforms, "name": text.name}
    original = lower(call.run, *avals, passes="forward", **options)
    function = load_text(text)
    try:
        own = lower(function, *avals, passes="forward", **options)
    # The text may fail in any way where it isn't what it should be.
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise NotSelfContained(
            f"its text fails where the function doesn't: {error.__class__.__name__}: {reason}"
        ) from error
    for platform in platforms:
        modules = [read_section(each[platform]).forward for each in (original, own)]
        if len({*map(canonicalize_module, modules)}) > 1:
            raise NotSelfContained("its text has other StableHLO than the function itself")
    argnums = [number for number, leaf in enumerate(call.leaves) if leaf.dtype in FLOATS]
    if gradient and argnums:
        try:
            own = lower(function, *avals, argnums=argnums, **options)
        except MemoryError:
            raise
        # Whatever jax or a rule raises: there is no gradient.
        except Exception as error:
            argnums = []
            reason = " ".join(str(error).split())[:200]
            LOGGER.warning("%s has no gradient, its row is the forward pass: %s", text.name, reason)
    else:
        argnums = []
    return {key: own[name] for key, name in _PLATFORMS.items() if name in own}, argnums


@isolated_once
def load_text(text: Cut) -> Callable[..., Any]:
    """Execute a text in a namespace of its own, with jax's default settings.

    Args:
      text: The text.

    Returns:
      The function that it defines.

    Raises:
      NotSelfContained: It can't be executed.
    """
    namespace: dict[str, Any] = {"__name__": text.name}
    try:
        code = compile(text.python, f"<{text.name}>", "exec", dont_inherit=True, optimize=0)
        # It may compute constants.
        with pin_settings():
            exec(code, namespace)
    # The text may raise anything.
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise NotSelfContained(
            f"its text can't be executed: {error.__class__.__name__}: {reason}"
        ) from error
    found: Callable[..., Any] = namespace[text.name]
    return found


def _choose_ranges(
    row: dict[str, Any], call: Call, given: Mapping[str, Range], proven: bool
) -> dict[str, Any]:
    """Fill in the first ranges with which the row is proven, or else the first ones."""
    first = None
    for ranges in list_attempts(call.leaves, given):
        row = {**row, "in_avals": _describe_avals(call, ranges)}
        first = first or row
        if not proven:
            return row
        try:
            return {**row, "verified": prove(row, "arrays")}
        except NotProven as error:
            row["verified"] = write_unproven(str(error))
    assert first is not None, "there is at least one attempt"
    return first


def _describe_avals(call: Call, ranges: Iterable[Range]) -> list[dict[str, Any]]:
    return [
        {
            "name": leaf.name,
            "shape": list(leaf.shape),
            "dtype": leaf.dtype,
            "low": low,
            "high": high,
        }
        for leaf, (low, high) in zip(call.leaves, ranges, strict=True)
    ]


__all__ = ["NotSelfContained", "Origin", "load_text", "make_row"]
