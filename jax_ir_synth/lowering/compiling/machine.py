"""Disassembles an x86-64 object file to text in the syntax of GNU's assembler."""

import io
from collections.abc import Iterator
from typing import cast

# The extra `asm` installs these; see `targets.check_compilers`.
import capstone
from capstone import x86
from elftools.common.exceptions import ELFError, ELFParseError
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

_R_X86_64_64, _R_X86_64_PC32, _R_X86_64_PLT32 = 1, 2, 4
_BYTES_A_LINE = 16


def disassemble(content: bytes) -> str:
    """Disassemble the code and the constants of a relocatable object file.

    Addresses become symbols: a function's name, a label for a jump's target, a section and an
    offset for a constant. So the text has no address of a process.

    Raises ValueError if it isn't such a file, or can't be written: if some bytes of code are no
    instruction, or an address isn't in an operand.
    """
    try:
        file = ELFFile(io.BytesIO(content))
    except (ELFError, ELFParseError) as error:
        raise ValueError(f"content (={content[:16]!r}) is no object file: {error}") from None
    if file["e_type"] != "ET_REL" or file["e_machine"] != "EM_X86_64":
        raise ValueError(f"an object file of {file['e_machine']}, {file['e_type']} is not known")
    symbols = cast(SymbolTableSection, file.get_section_by_name(".symtab"))
    parts = []
    for number, section in enumerate(file.iter_sections()):
        if not section["sh_size"] or section["sh_type"] != "SHT_PROGBITS":
            continue
        if section["sh_flags"] & 0x4:  # SHF_EXECINSTR
            parts.append(_code(file, section, number, symbols))
        elif section["sh_flags"] & 0x2:  # SHF_ALLOC
            parts.append(_constants(section, dict(_relocations(file, section, symbols))))
    return "\n".join([".intel_syntax noprefix", *parts])


def _code(file: ELFFile, section: Section, number: int, symbols: SymbolTableSection) -> str:
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    instructions = list(engine.disasm(section.data(), 0))
    if sum(instruction.size for instruction in instructions) != section["sh_size"]:
        raise ValueError(f"bytes of {section.name} are no instruction")
    names = {
        symbol["st_value"]: symbol.name
        for symbol in symbols.iter_symbols()
        if symbol["st_shndx"] == number and symbol["st_info"].type == "STT_FUNC"
    }
    targets = {
        instruction.operands[0].imm
        for instruction in instructions
        if _is_jump(instruction) and instruction.operands[0].imm not in names
    }
    labels = {address: f".L{index}" for index, address in enumerate(sorted(targets))} | names
    relocations = dict(_relocations(file, section, symbols))
    lines = [f".section {section.name}"]
    for instruction in instructions:
        if instruction.address in labels:
            lines.append(f"{labels[instruction.address]}:")
        lines.append("\t" + _write_instruction(instruction, labels, relocations))
    return "\n".join(lines)


def _is_jump(instruction: capstone.CsInsn) -> bool:
    return bool(instruction.group(x86.X86_GRP_BRANCH_RELATIVE))


def _relocations(
    file: ELFFile, section: Section, symbols: SymbolTableSection
) -> Iterator[tuple[int, str]]:
    """List the places in a section at which the linker writes an address, with its symbol."""
    table = cast(RelocationSection | None, file.get_section_by_name(f".rela{section.name}"))
    for relocation in table.iter_relocations() if table is not None else ():
        symbol = symbols.get_symbol(relocation["r_info_sym"])
        if symbol["st_info"].type == "STT_SECTION":
            name = file.get_section(symbol["st_shndx"]).name
        else:
            name = symbol.name
        addend = relocation["r_addend"]
        if relocation["r_info_type"] in (_R_X86_64_PC32, _R_X86_64_PLT32):
            # Relative to the next instruction, which begins four bytes later.
            addend += 4
        elif relocation["r_info_type"] != _R_X86_64_64:
            raise ValueError(f"a relocation of type {relocation['r_info_type']} is not known")
        yield relocation["r_offset"], name + (f"+{addend}" if addend else "")


def _write_instruction(
    instruction: capstone.CsInsn, labels: dict[int, str], relocations: dict[int, str]
) -> str:
    span = range(instruction.address, instruction.address + instruction.size)
    symbols = [relocations[offset] for offset in span if offset in relocations]
    operands = instruction.op_str
    if not symbols and _is_jump(instruction):
        operands = labels[instruction.operands[0].imm]
    for symbol in symbols:
        if instruction.mnemonic == "movabs":
            register = operands.split(",")[0]
            operands = f"{register}, offset {symbol}"
        elif _is_jump(instruction):
            operands = symbol
        elif "[rip]" in operands:
            operands = operands.replace("[rip]", f"[rip + {symbol}]")
        else:
            raise ValueError(f"{instruction.mnemonic} {operands} has no place for {symbol}")
    return f"{instruction.mnemonic} {operands}".rstrip()


def _constants(section: Section, relocations: dict[int, str]) -> str:
    content = section.data()
    lines = [f".section {section.name}"]
    start = 0
    # An address (in a jump table) gets a line of its own; it has eight bytes.
    for offset, symbol in [*sorted(relocations.items()), (len(content), "")]:
        lines += _data(content[start:offset])
        if symbol:
            lines.append(f".quad {symbol}")
        start = offset + 8
    return "\n".join(lines)


def _data(content: bytes) -> Iterator[str]:
    for start in range(0, len(content), _BYTES_A_LINE):
        chunk = content[start : start + _BYTES_A_LINE]
        if len(chunk) % 4 == 0:
            words = (chunk[k : k + 4] for k in range(0, len(chunk), 4))
            numbers = (f"0x{int.from_bytes(word, 'little'):08x}" for word in words)
            yield ".long " + ", ".join(numbers)
        else:
            yield ".byte " + ", ".join(f"0x{byte:02x}" for byte in chunk)
