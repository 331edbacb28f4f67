"""Rewrites the IR text of a program of short floats to the same program with longer ones.

With rounding to 8 or 11 bits at every step, the results of a wrong program can't be told from those
of a right one. With the same operations in float32, they can. Likewise, if a float32 program's
results are small differences of large numbers, reading it as float64 tells rounding from an error.
"""

import re
from collections.abc import Mapping, Sequence

import ml_dtypes
import numpy as np

# A constant with elements printed as bits, as infinities and NaNs are.
_CONSTANT = r"dense<([^>\n]*0x[^>\n]*)>( : tensor<(?:\d+x)*)({})>"
# MLIR's names.
HALVES: Mapping[str, type] = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}
_WORD = r"(?<![a-wyzA-Z0-9_@%])(?:{})(?![A-Za-z0-9_])"
_SINGLE = {"f32": np.float32}
# Random bits are reinterpreted as float32, so the line must keep that type and convert afterwards.
_FROM_BITS = re.compile(
    r"(?P<result>%\w+) = (?P<cast>stablehlo\.bitcast_convert .*)"
    r" -> tensor<(?P<shape>(?:\d+x)*)f64>$",
    re.MULTILINE,
)


def find_halves(module: str) -> tuple[str, ...]:
    """List MLIR's names of the 16-bit floats in a module's text."""
    return tuple(name for name in HALVES if re.search(_WORD.format(name), module))


def replace_halves(module: str, halves: Sequence[str]) -> str:
    """Replace 16-bit floats in a module's text by float32.

    Args:
      module: the text.
      halves: MLIR's names of the dtypes to replace.
    """
    short = {name: HALVES[name] for name in halves}
    return _replace_dtype(module, short, "f32", np.float32) if short else module


def promote_half(module: str) -> str:
    """Replace each 16-bit float in a module's text by float32."""
    return replace_halves(module, tuple(HALVES))


def promote_single(module: str) -> str:
    """Replace each float32 in a module's text by float64."""
    return _FROM_BITS.sub(_convert_bits, _replace_dtype(module, _SINGLE, "f64", np.float64))


def _convert_bits(match: re.Match[str]) -> str:
    short, long = (f"tensor<{match['shape']}{dtype}>" for dtype in ("f32", "f64"))
    value = f"%short_{match['result'][1:]}"
    return (
        f"{value} = {match['cast']} -> {short}\n"
        f"{match['result']} = stablehlo.convert {value} : ({short}) -> {long}"
    )


def _replace_dtype(module: str, short: Mapping[str, type], long: str, dtype: type) -> str:
    names = "|".join(short)

    def constant(match: re.Match[str]) -> str:
        elements, kind, name = match.groups()
        width = np.dtype(short[name]).itemsize
        words = np.dtype(f"u{width}"), np.dtype(f"u{np.dtype(dtype).itemsize}")

        def bits(found: re.Match[str]) -> str:
            value: np.ndarray = (
                np.array(int(found[1], 16), words[0]).view(short[name]).astype(dtype)
            )
            return f"0x{value.view(words[1]):0{2 * words[1].itemsize}X}"

        digits = rf"0x([0-9A-Fa-f]{{{2 * width}}})\b"
        return f"dense<{re.sub(digits, bits, elements)}>{kind}{long}>"

    module = re.sub(_CONSTANT.format(names), constant, module)
    return re.sub(_WORD.format(names), long, module)
