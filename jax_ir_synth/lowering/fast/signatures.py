"""Inspects a function's signature once, and collects no Python frames.

jax asks for the signature of each function that it traces, of its library's functions again and
again, for messages. And it collects the frames of each equation, for locations that aren't printed.
"""

import functools
from typing import Any

from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.fast.replacing import Function, Shortcut

# Signatures are kept of so many functions, mostly jax's own.
_KEPT = 1024


def _make_signature(original: Function) -> Function:
    keep = functools.lru_cache(maxsize=_KEPT)(original)

    def find_signature(fun: Function) -> Any:
        try:
            return keep(fun)
        except TypeError:
            # It can't be hashed.
            return original(fun)

    return find_signature


def _make_current(original: Function) -> Function:
    source_info_util = private("source_info_util")

    context = source_info_util._source_info_context
    return lambda: context.context


SHORTCUT = Shortcut(
    "signatures",
    (),
    {
        "jax._src.api_util:fun_signature": _make_signature,
        "jax._src.source_info_util:current": _make_current,
    },
)
