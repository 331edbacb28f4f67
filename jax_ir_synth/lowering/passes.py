"""Traces one pass of a kernel once, and writes it in any dialect, for any platform."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import jax
from jax.extend.core import ClosedJaxpr

from jax_ir_synth.lowering import fast
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


class Pass:
    """The forward or the backward pass.

    Args:
      fn: the function; the module is named after it.
      args: abstract arguments.
    """

    def __init__(self, fn: Callable[..., Any], args: Sequence[Any]):
        # Unused arguments are kept, so that the module has the Python function's signature.
        self._traced = jax.jit(fn, keep_unused=True).trace(*args)
        self._lowered: dict[str, jax.stages.Lowered] = {}
        self._stablehlo: dict[str, str] = {}

    @property
    def jaxpr(self) -> ClosedJaxpr:
        """The closed jaxpr."""
        return cast(ClosedJaxpr, self._traced.jaxpr)

    def stablehlo(self, platform: str) -> str:
        """Return the module as StableHLO."""
        lowering = self._platform(platform)
        if lowering not in self._stablehlo:
            text = fast.write_module(self.jaxpr, self._traced.fun_name, lowering)
            if text is None:
                text = self._lower(lowering).as_text()
            self._stablehlo[lowering] = clean_module(text)
        return self._stablehlo[lowering]

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
                written.append(Written(format_jaxpr(self.jaxpr), ""))
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
