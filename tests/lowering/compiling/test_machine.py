"""The disassembly holds all that the object file does, with symbols for addresses."""

import re
import types
from collections.abc import Iterator

import capstone
import pytest

from jax_ir_synth.lowering.compiling import machine
from jax_ir_synth.schema.ir_section import read_section


def texts(made) -> Iterator[str]:
    """The CPU's assembly of each pass of each row."""
    for row in made:
        column = read_section(row["cpp"], "asm")
        yield from (column.forward, column.backward)


def files(made) -> Iterator[str]:
    """The texts' parts, each an object file's."""
    for text in texts(made):
        yield from text.split(".intel_syntax noprefix")[1:]


def test_jumps_go_to_labels_that_are_there(made):
    jumps = 0
    for file in files(made):
        labels = re.findall(r"^([\w.$-]+):$", file, re.MULTILINE)
        assert len(labels) == len(set(labels))
        for target in re.findall(r"^\tj\w+ (\S+)$", file, re.MULTILINE):
            assert target in labels
            jumps += 1
    assert jumps > 100


def test_constants_stand_in_sections_that_are_there(made):
    constants = 0
    for file in files(made):
        there = re.findall(r"^\.section (\S+)$", file, re.MULTILINE)
        for section, offset in re.findall(r"offset (\.\w[\w.]*)(?:\+(\d+))?", file):
            assert section in there
            body = file.split(f".section {section}\n")[1].split(".section")[0]
            words = len(re.findall(r"0x[0-9a-f]{8}\b", body))
            size = 4 * words + len(re.findall(r"0x[0-9a-f]{2}\b", body))
            assert int(offset or 0) < size
            constants += 1
    assert constants > 100


def test_no_address_is_left_to_be_filled_in(made):
    for text in texts(made):
        assert not re.search(r"^\tmovabs \w+, 0$", text, re.MULTILINE)
        assert not re.search(r"^\t(call|jmp) (0x\w+|\d+)$", text, re.MULTILINE)


def test_an_address_among_constants_is_written_as_its_symbol():
    content = bytes(range(1, 13)) + bytes(16) + bytes([13, 14])
    section = types.SimpleNamespace(name=".lrodata", data=lambda: content)
    text = machine._constants(section, {20: ".ltext+8", 12: ".ltext"})
    assert text.split("\n") == [
        ".section .lrodata",
        ".long 0x04030201, 0x08070605, 0x0c0b0a09",
        ".quad .ltext",
        ".quad .ltext+8",
        ".byte 0x0d, 0x0e",
    ]


def test_an_address_that_has_no_place_in_its_instruction_is_refused():
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    (instruction,) = engine.disasm(b"\xb8\0\0\0\0", 0)
    assert machine._write_instruction(instruction, {}, {}) == "mov eax, 0"
    with pytest.raises(ValueError, match="mov eax, 0 has no place for .rodata"):
        machine._write_instruction(instruction, {}, {1: ".rodata"})


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not an object file at all"])
def test_what_is_no_object_file_is_refused(content):
    with pytest.raises(ValueError, match="is no object file"):
        machine.disassemble(content)
