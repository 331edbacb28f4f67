"""The disassembly holds all that the object file does, with symbols for addresses."""

import re

import pytest

from jax_ir_synth.lowering.column import read_column
from jax_ir_synth.lowering.compiling import machine


def assembly(row: dict) -> list[str]:
    column = read_column(row["cpp"], "asm")
    return [column.forward, column.backward]


def test_jumps_go_to_labels_that_are_there(made):
    jumps = 0
    for row in made:
        for text in assembly(row):
            for file in text.split(".intel_syntax noprefix")[1:]:
                labels = re.findall(r"^([\w.$-]+):$", file, re.MULTILINE)
                assert len(labels) == len(set(labels))
                for target in re.findall(r"^\tj\w+ (\S+)$", file, re.MULTILINE):
                    assert target in labels
                    jumps += 1
    assert jumps > 100


def test_constants_stand_in_sections_that_are_there(made):
    constants = 0
    for row in made:
        for text in assembly(row):
            for file in text.split(".intel_syntax noprefix")[1:]:
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
    for row in made:
        for text in assembly(row):
            assert not re.search(r"^\tmovabs \w+, 0$", text, re.MULTILINE)
            assert not re.search(r"^\t(call|jmp) (0x\w+|\d+)$", text, re.MULTILINE)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not an object file at all"])
def test_what_is_no_object_file_is_refused(content):
    with pytest.raises(ValueError, match="is no object file"):
        machine.disassembled(content)
