"""`RowView`: a row with its parsed parts, each of which is parsed once."""

import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from jax_ir_synth.errors import UsageError
from jax_ir_synth.request.categories import CATEGORIES, COLLECTED
from jax_ir_synth.schema.ir_section import (
    STABLEHLO,
    IrSection,
    describe_missing_stablehlo,
    read_sections,
)
from jax_ir_synth.schema.masking import mask_module, mask_python
from jax_ir_synth.schema.source_facts import SourceFacts, read_source
from jax_ir_synth.schema.splits import split_of

# The IR columns, and the backend in the headers of their sections.
IR_COLUMNS = {"cpp": "cpu", "cuda": "gpu"}
PREFIX = "generate_"
# The category of each value of the column `type`.
TYPES = {
    **{PREFIX + category: category for category in CATEGORIES},
    **{kind: kind for kind in COLLECTED},
}


class RowView:
    """A row and its parsed parts.

    The properties raise ValueError where the text of the row is malformed, and SyntaxError where
    its Python is.

    Args:
      row: All columns, as `rows.make_row` returns them.
      split: The split that the row is stored in. By default it follows from the row's skeleton.

    Attributes:
      row: All columns.
      stored_split: The argument `split`.
    """

    def __init__(self, row: Mapping[str, Any], split: str | None = None) -> None:
        self.row = row
        self.stored_split = split

    @property
    def category(self) -> str:
        """The category in the column `type`, which may be one that doesn't exist."""
        return find_category(self.row["type"])

    @property
    def is_collected(self) -> bool:
        """Whether the row is of a function that someone wrote, rather than synthesized."""
        return self.category in COLLECTED

    @property
    def split(self) -> str:
        """The split that the row is stored in, or else the one of its skeleton."""
        return self.stored_split or split_of(self.row["skeleton_hash"])

    @functools.cached_property
    def facts(self) -> SourceFacts:
        """The facts of the Python source, see `source_facts.read_source`."""
        return read_source(self.row["python"])

    @property
    def texts(self) -> dict[str, str]:
        """The text of each IR column that isn't null."""
        return {name: self.row[name] for name in IR_COLUMNS if self.row[name] is not None}

    @functools.cached_property
    def sections(self) -> dict[str, list[IrSection]]:
        """The sections of each IR column that isn't null."""
        return {name: read_sections(text) for name, text in self.texts.items()}

    @property
    def dialects(self) -> list[str]:
        """The dialects of the sections, each once."""
        sections = (section for column in self.sections.values() for section in column)
        return list(dict.fromkeys(section.dialect for section in sections))

    @functools.cached_property
    def columns(self) -> dict[str, IrSection]:
        """The StableHLO section of each IR column that has one."""
        return {
            name: section
            for name, sections in self.sections.items()
            for section in sections
            if section.dialect == STABLEHLO
        }

    @property
    def ir(self) -> IrSection:
        """The StableHLO section of the CPU, or of CUDA in a row without the CPU's.

        Raises:
          UsageError: The row has no StableHLO. The message says how to make rows that have it.
        """
        if not self.columns:
            raise UsageError(describe_missing_stablehlo(self.dialects))
        return next(iter(self.columns.values()))

    @property
    def differs(self) -> bool:
        """Whether the modules of CPU and CUDA differ. False in a row that lacks one of them."""
        modules = {column.modules for column in self.columns.values()}
        return len(modules) > 1

    @functools.cached_property
    def masked_ir(self) -> bytes:
        """A digest of the modules after `masking.mask_module`."""
        return digest("\n".join(map(mask_module, self.ir.modules)))

    @functools.cached_property
    def masked_python(self) -> bytes:
        """A digest of the source after `masking.mask_python`."""
        return digest(mask_python(self.row["python"], self.row["in_avals"]))

    @property
    def size(self) -> int:
        """The size of all the row's text in bytes, encoded as UTF-8."""
        return sum(len(value.encode()) for value in self.row.values() if isinstance(value, str))


def find_category(kind: object) -> str:
    """Find the category that a value of the column `type` names, which may be one that isn't.

    Args:
      kind: The value.
    """
    return TYPES.get(str(kind), str(kind).removeprefix(PREFIX))


def digest(text: str) -> bytes:
    """Hash a text to 16 bytes, so that many texts can be compared in little memory.

    Args:
      text: Any text.
    """
    # 128 bits make a collision by chance as improbable as for `identity.hash_program`.
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
