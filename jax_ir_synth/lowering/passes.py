"""Traces one pass of a kernel once, and writes it in any dialect, for any platform."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import jax
from jax.extend.core import ClosedJaxpr
from jax.tree_util import PyTreeDef
from jaxlib.mlir import ir

from jax_ir_synth.lowering import fast, symbolic
from jax_ir_synth.lowering.compiling import compile_module, hlo
from jax_ir_synth.lowering.jaxprs import format_jaxpr
from jax_ir_synth.lowering.platforms import same_on_every_platform
from jax_ir_synth.request.dialects import COMPILED
from jax_ir_synth.request.targets import Target
from jax_ir_synth.schema.ir_section import clean_module


class Written(NamedTuple):
    """A text, and the target that it was compiled for; empty if it wasn't compiled."""

    text: str
    target: str


class Options(NamedTuple):
    """How a pass is written.

    Attributes:
      donate_argnums: the arguments whose buffers the outputs may take.
      elide_above: constants with more elements than this are left out; None for none.
    """

    donate_argnums: tuple[int, ...] = ()
    elide_above: int | None = None


DEFAULT_OPTIONS = Options()


class Pass:
    """A pass of a kernel: the forward pass, or one that is made from it (`transforms`).

    Args:
      fn: the function; the module is named after it.
      args: abstract arguments.
      options: how it is written.
    """

    def __init__(
        self, fn: Callable[..., Any], args: Sequence[Any], options: Options = DEFAULT_OPTIONS
    ):
        # Unused arguments are kept, so that the module has the Python function's signature.
        self._jitted = jax.jit(fn, keep_unused=True, donate_argnums=options.donate_argnums)
        self._args = args
        self._options = options
        self._traced = self._jitted.trace(*args)
        self._lowered: dict[str, jax.stages.Lowered] = {}
        self._stablehlo: dict[str, str] = {}

    @property
    def jaxpr(self) -> ClosedJaxpr:
        """The closed jaxpr."""
        return cast(ClosedJaxpr, self._traced.jaxpr)

    @property
    def out_tree(self) -> PyTreeDef:
        """The structure of the outputs."""
        return cast(PyTreeDef, self._traced.out_tree)

    def stablehlo(self, platform: str) -> str:
        """Return the module as StableHLO."""
        lowering = self._platform(platform)
        if lowering not in self._stablehlo:
            self._stablehlo[lowering] = clean_module(self._write_stablehlo(lowering))
        return self._stablehlo[lowering]

    def _write_stablehlo(self, platform: str) -> str:
        limit = self._options.elide_above
        if symbolic.has_symbols(self._args):
            return symbolic.write_module(self._jitted, self._args, platform, limit)
        # A jaxpr doesn't tell which arguments are donated.
        text = None
        if self._options == DEFAULT_OPTIONS:
            text = fast.write_module(self.jaxpr, self._traced.fun_name, platform)
        if text is not None:
            return text
        lowered = self._lower(platform)
        if limit is None:
            return lowered.as_text()
        module = cast(ir.Module, lowered.compiler_ir("stablehlo"))
        return str(module.operation.get_asm(large_elements_limit=limit))

    def texts(self, platform: str, dialects: Sequence[str], target: Target) -> list[Written]:
        """Write the pass in each of the dialects; those of `COMPILED` are for the target."""
        wanted = [dialect for dialect in dialects if dialect in COMPILED]
        if wanted:
            located = self._lower(self._platform(platform)).as_text(debug_info=True)
            compiled = compile_module(located, target, wanted)
        written = []
        for dialect in dialects:
            if dialect in wanted:
                written.append(Written(compiled.texts[dialect], compiled.target))
            elif dialect == "jaxpr":
                written.append(Written(format_jaxpr(self.jaxpr, self._options.elide_above), ""))
            elif dialect == "hlo":
                written.append(Written(self._hlo(platform), ""))
            else:
                written.append(Written(self.stablehlo(platform), ""))
        return written

    def _hlo(self, platform: str) -> str:
        lowered = self._lower(self._platform(platform))
        return hlo.format_module(cast(Any, lowered.compiler_ir("hlo")).get_hlo_module())

    def _platform(self, platform: str) -> str:
        """Find the platform whose lowering this platform shares."""
        if platform == "cpu" or self._lowers_alike:
            return "cpu"
        return platform

    @functools.cached_property
    def _lowers_alike(self) -> bool:
        return same_on_every_platform(self.jaxpr)

    def _lower(self, platform: str) -> jax.stages.Lowered:
        if platform not in self._lowered:
            self._lowered[platform] = self._traced.lower(lowering_platforms=(platform,))
        return self._lowered[platform]
