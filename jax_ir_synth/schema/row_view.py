"""A row, and what is read off it: each thing once, however many checks and figures ask for it."""

import functools
import hashlib
from collections.abc import Mapping

from jax_ir_synth.schema.ir_section import IrSection, read_sections
from jax_ir_synth.schema.masking import mask_module, mask_python
from jax_ir_synth.schema.source_facts import SourceFacts, read_source
from jax_ir_synth.schema.splits import split_of

# The IR columns, with the word for the backend in their header.
IR_COLUMNS = {"cpp": "cpu", "cuda": "gpu"}
PREFIX = "generate_"


class RowView:
    """Wraps a row, a plain dict as `rows.make_row` gives it.

    Args:
      row: all columns.
      split: the split that a container has the row in; by default the one that is its skeleton's.

    What is read raises ValueError (SyntaxError for Python) where the row's text is malformed.
    """

    def __init__(self, row: Mapping, split: str | None = None):
        self.row = row
        self.stored_split = split

    @property
    def category(self) -> str:
        """Of the column `type`, whether there is such a category or not."""
        return self.row["type"].removeprefix(PREFIX)

    @property
    def split(self) -> str:
        """Where the row stands."""
        return self.stored_split or split_of(self.row["skeleton_hash"])

    @functools.cached_property
    def facts(self) -> SourceFacts:
        """See `sources.read_source`."""
        return read_source(self.row["python"])

    @property
    def texts(self) -> dict[str, str]:
        """The text of each IR column that is filled."""
        return {name: self.row[name] for name in IR_COLUMNS if self.row[name] is not None}

    @functools.cached_property
    def sections(self) -> dict[str, list[IrSection]]:
        """Each filled IR column, cut into its dialects, and those into their parts."""
        return {name: read_sections(text) for name, text in self.texts.items()}

    @functools.cached_property
    def columns(self) -> dict[str, IrSection]:
        """The StableHLO of each filled IR column that has some."""
        return {
            name: section
            for name, sections in self.sections.items()
            for section in sections
            if section.dialect == "stablehlo"
        }

    @property
    def ir(self) -> IrSection:
        """The CPU's StableHLO, or CUDA's in a row without it."""
        return next(iter(self.columns.values()))

    @property
    def differs(self) -> bool:
        """Whether the CPU's and CUDA's modules differ; False in a row that lacks one of them."""
        modules = {(column.forward, column.backward) for column in self.columns.values()}
        return len(modules) > 1

    @functools.cached_property
    def masked_ir(self) -> bytes:
        """Digest of both modules, masked (see `masking.mask_module`)."""
        return digest("\n".join(map(mask_module, (self.ir.forward, self.ir.backward))))

    @functools.cached_property
    def masked_python(self) -> bytes:
        """Digest of the source, masked (see `masking.mask_python`)."""
        return digest(mask_python(self.row["python"], self.row["in_avals"]))

    @property
    def size(self) -> int:
        """UTF-8 bytes of all the row's text."""
        return sum(len(value.encode()) for value in self.row.values() if isinstance(value, str))


def digest(text: str) -> bytes:
    """16 bytes that stand for a text, so that many can be told apart in little memory."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
