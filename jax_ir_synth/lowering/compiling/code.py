"""Reads what XLA's code generators dump: LLVM IR, PTX and machine code, in a fixed order."""

import re
from collections.abc import Iterable
from pathlib import Path

# The text of a module without code, since libraries do all its work, or there is none.
NOTHING = {"llvm": "; no code: see optimized_hlo\n", "asm": "// no code: see optimized_hlo\n"}
# The names of a module, which only repeat that of its first kernel.
_LLVM_NAMES = re.compile(r"^(?:; ModuleID|source_filename) = .*\n", re.MULTILINE)
# A function of LLVM IR, an entry of PTX, a function's label in assembly (those of jumps begin with
# a dot), or the memory of a constant, in LLVM IR and in PTX.
_DEFINED = re.compile(
    r"^(?:define [^\n]*?@|\.visible \.entry )([\w.$-]+)\(|^([A-Za-z_][\w.$-]*):$"
    r"|^@([\w.$-]+) = |^\.visible \.(?:global|const) [^\n]*?(\w+)\[",
    re.MULTILINE,
)


def read_llvm(folder: Path) -> str:
    """Read the LLVM IR after optimization, one module after the other."""
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.ir-with-opt.ll")]
    return _join((_LLVM_NAMES.sub("", text) for text in texts), "llvm")


def read_ptx(folder: Path) -> str:
    """Read the PTX, one module after the other."""
    return _join((p.read_text(encoding="utf-8") for p in folder.glob("*.ptx")), "asm")


def read_machine_code(folder: Path) -> str:
    """Read and disassemble the CPU's machine code, one object file after the other."""
    # Imported late, since only this needs the extra `asm`.
    from jax_ir_synth.lowering.compiling.machine import disassemble

    return _join((disassemble(path.read_bytes()) for path in folder.glob("*.o")), "asm")


def _join(texts: Iterable[str], dialect: str) -> str:
    # Sorted by names, since the files' order is that in which the compiler's threads finished. A
    # file without names is the CUDA compiler's output for no constants.
    named = sorted((_DEFINED.findall(text), text.strip()) for text in texts)
    return "\n\n".join(text for names, text in named if names) or NOTHING[dialect]
