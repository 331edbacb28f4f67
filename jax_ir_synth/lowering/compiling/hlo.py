"""Writes an HLO module as text, without parts that don't matter to the program or its reader."""

import re
from typing import Any

from jaxlib import _hlo  # type: ignore[attr-defined]

# The name of an instruction in XLA's schedule, which repeats the instruction's own.
_SCHEDULING = re.compile(r' ?scheduling_name="(?:[^"\\]|\\.)*"')
_EMPTY = re.compile(r", metadata=\{\}")
# A hash by which XLA finds profiles of the same program; these braces hold nothing else.
_FINGERPRINT = re.compile(r', frontend_attributes=\{fingerprint_before_lhs="\w*"\}')
# The files and lines of an exported module, which brings its own, and the references to them.
_FRAMES = re.compile(
    r"(?:\n(?:FileNames|FunctionNames|FileLocations|StackFrames)\n(?:\d+ .*\n)*)+\n"
)
_FRAME = re.compile(r'(, metadata=\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*?) ?\bstack_frame_id=\d+')


def format_module(module: Any) -> str:
    """Write an `HloModule` with all its constants, as XLA's own parser reads it."""
    options = _hlo.HloPrintOptions()
    options.print_large_constants = True
    shown = _SCHEDULING.sub("", module.to_string(options))
    if "\nStackFrames\n" in shown:
        shown = _FRAME.sub(r"\1", _FRAMES.sub("", shown, count=1))
    return _FINGERPRINT.sub("", _EMPTY.sub("", shown), count=1)
