"""Lowers programs in less time than jax's public way takes, to the same text.

jax does much again for each program that is the same for all of them: it traces its library's
functions, lowers each kind of equation, and writes locations and shardings that nobody reads. Each
module here is a shortcut past one such step. Its docstring says which, why the text is the same,
and which names of jax it touches.

Shortcuts are taken inside of `taken` alone, and by that thread alone. What they touch is compared
with recorded sources first (`replacing`). Without them, or where a program needs more than they do,
jax's public way runs. So it does for all dialects from HLO on, whose instructions are named after
the locations that the shortcuts leave out. `JAX_IR_SYNTH_FAST=0` turns all of them off.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator

from jax.extend.core import ClosedJaxpr

from jax_ir_synth.lowering.fast import (
    equations,
    inner_functions,
    library_calls,
    linearizing,
    module,
    signatures,
    staging,
)
from jax_ir_synth.lowering.fast.replacing import Replacing, Shortcut, is_inside

# The environment variable that turns the shortcuts off, if it is 0.
VARIABLE = "JAX_IR_SYNTH_FAST"
SHORTCUTS: tuple[Shortcut, ...] = (
    signatures.SHORTCUT,
    library_calls.SHORTCUT,
    staging.SHORTCUT,
    linearizing.SHORTCUT,
    inner_functions.SHORTCUT,
    equations.SHORTCUT,
    module.SHORTCUT,
)
_WITHOUT_LOCATIONS = frozenset({"jaxpr", "stablehlo"})
_replacing = Replacing(SHORTCUTS)


@contextlib.contextmanager
def taken(dialects: Iterable[str] = ("stablehlo",)) -> Iterator[None]:
    """Take all shortcuts that are known to fit this jax, in this thread, inside the block.

    None is taken if one of the dialects that are wanted shows locations.
    """
    if os.environ.get(VARIABLE) == "0" or not _WITHOUT_LOCATIONS.issuperset(dialects):
        yield
        return
    with _replacing.taken():
        yield


def write_module(jaxpr: ClosedJaxpr, name: str, platform: str) -> str | None:
    """Write the module of a jaxpr as `module.write_module` does; None if jax must do it."""
    if not is_inside():
        return None
    if any(shortcut not in _replacing.known for shortcut in (equations.SHORTCUT, module.SHORTCUT)):
        return None
    return module.write_module(jaxpr, name, platform)
