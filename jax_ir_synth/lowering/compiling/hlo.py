"""Writes an HLO module as text, without parts that don't matter to the program or its reader."""

import re
from typing import Any

from jaxlib import _hlo  # type: ignore[attr-defined]

# The name of an instruction in XLA's schedule, which repeats the instruction's own.
_SCHEDULING = re.compile(r' ?scheduling_name="(?:[^"\\]|\\.)*"')
_EMPTY = re.compile(r", metadata=\{\}")
# A hash by which XLA finds profiles of the same program; these braces hold nothing else.
_FINGERPRINT = re.compile(r', frontend_attributes=\{fingerprint_before_lhs="\w*"\}')


def format_module(module: Any) -> str:
    """Write an `HloModule` with all its constants, as XLA's own parser reads it."""
    options = _hlo.HloPrintOptions()
    options.print_large_constants = True
    shown = _SCHEDULING.sub("", module.to_string(options))
    return _FINGERPRINT.sub("", _EMPTY.sub("", shown), count=1)
