"""The text of an HLO module, without what is of no use to a reader or isn't the program's own."""

import re
from typing import Any

from jaxlib import _hlo  # type: ignore[attr-defined]

# XLA's name for an instruction in its schedule, which is the name before it once more.
_SCHEDULING = re.compile(r' ?scheduling_name="(?:[^"\\]|\\.)*"')
_EMPTY = re.compile(r", metadata=\{\}")
# A hash by which XLA finds profiles of the same program; nothing else follows in these braces.
_FINGERPRINT = re.compile(r', frontend_attributes=\{fingerprint_before_lhs="\w*"\}')


def text(module: Any) -> str:
    """All of an `HloModule`, its constants too, as XLA's own parser reads it."""
    options = _hlo.HloPrintOptions()
    options.print_large_constants = True
    shown = _SCHEDULING.sub("", module.to_string(options))
    return _FINGERPRINT.sub("", _EMPTY.sub("", shown), count=1)
