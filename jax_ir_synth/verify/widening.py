"""The IR text of a program of 16-bit floats → that of the same program in float32.

Rounded to 8 or 11 bits at every step, a wrong program's results can't be told from a right one's.
Read as float32, the same operations on the same operands can be.
"""

import re

import ml_dtypes
import numpy as np

_HALF = re.compile(r"(?<![a-wyzA-Z0-9_])b?f16(?![A-Za-z0-9_])")
_ROUNDING = re.compile(r"(stablehlo\.reduce_precision [^,\n]+, format = )e\d+m\d+")
# A constant whose elements are printed as the bits that they are: infinities and NaNs.
_CONSTANT = re.compile(r"dense<([^>\n]*0x[^>\n]*)>( : tensor<(?:\d+x)*)(bf16|f16)>")
_BITS = re.compile(r"0x([0-9A-Fa-f]{4})\b")
_ELEMENTS = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}


def widened(module: str) -> str:
    """The module's text with float32 for each 16-bit float, and nothing rounded to fewer bits."""
    module = _CONSTANT.sub(_constant, module)
    return _ROUNDING.sub(r"\1e8m23", _HALF.sub("f32", module))


def _constant(match: re.Match) -> str:
    elements, kind, dtype = match.groups()

    def wide(bits: re.Match) -> str:
        value = np.array(int(bits[1], 16), np.uint16).view(_ELEMENTS[dtype])
        return f"0x{value.astype(np.float32).view(np.uint32):08X}"

    return f"dense<{_BITS.sub(wide, elements)}>{kind}f32>"
