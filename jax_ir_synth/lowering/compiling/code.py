"""What XLA's code generators leave behind: the texts of LLVM IR and PTX, in one fixed order."""

import re
from collections.abc import Iterable
from pathlib import Path

# What stands in a text that has no code: all the work is a library's, or there is none.
NOTHING = {"llvm": "; no code: see optimized_hlo\n", "asm": "// no code: see optimized_hlo\n"}
# The names of a module, which are those of its first kernel in other words.
_LLVM_NAMES = re.compile(r"^(?:; ModuleID|source_filename) = .*\n", re.MULTILINE)
# A function of LLVM IR, an entry of PTX, a function's label in assembly (those of jumps begin with
# a dot); the memory of a constant, in LLVM IR and in PTX.
_DEFINED = re.compile(
    r"^(?:define [^\n]*?@|\.visible \.entry )([\w.$-]+)\(|^([A-Za-z_][\w.$-]*):$"
    r"|^@([\w.$-]+) = |^\.visible \.(?:global|const) [^\n]*?(\w+)\[",
    re.MULTILINE,
)


def llvm(folder: Path) -> str:
    """The LLVM IR after optimization, one module after the other."""
    texts = [path.read_text(encoding="utf-8") for path in folder.glob("*.ir-with-opt.ll")]
    return _join((_LLVM_NAMES.sub("", text) for text in texts), "llvm")


def ptx(folder: Path) -> str:
    """The PTX, likewise."""
    return _join((p.read_text(encoding="utf-8") for p in folder.glob("*.ptx")), "asm")


def machine_code(folder: Path) -> str:
    """The CPU's machine code, disassembled, one object file after the other."""
    # Late: it needs the extra `asm`, as no other text here does.
    from jax_ir_synth.lowering.compiling.machine import disassemble

    return _join((disassemble(path.read_bytes()) for path in folder.glob("*.o")), "asm")


def _join(texts: Iterable[str], dialect: str) -> str:
    # By the names: the files' order is that in which the compiler's threads were done. A file
    # without any is what the CUDA compiler makes of no constants.
    named = sorted((_DEFINED.findall(text), text.strip()) for text in texts)
    return "\n\n".join(text for names, text in named if names) or NOTHING[dialect]
