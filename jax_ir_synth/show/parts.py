"""The parts of a row's IR. Each part is one pass in one dialect, for both devices."""

from collections.abc import Collection
from typing import NamedTuple

from jax_ir_synth.request.passes import PASSES
from jax_ir_synth.schema.ir_section import IrSection
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView

# The devices of the IR columns.
TITLES = {"cpp": "CPU", "cuda": "CUDA"}
# The IR columns of each choice in `config.DEVICES`.
COLUMNS_OF_DEVICE = {"cpu": ("cpp",), "cuda": ("cuda",), "both": tuple(IR_COLUMNS)}


class Part(NamedTuple):
    """One pass in one dialect.

    Attributes:
      dialect: One of `dialects.DIALECTS`.
      which: One of `passes.PASSES`.
      columns: The complete section of each IR column that has the dialect.
    """

    dialect: str
    which: str
    columns: dict[str, IrSection]

    @property
    def texts(self) -> dict[str, str]:
        """The text of the pass in each IR column."""
        return {name: column.passes[self.which] for name, column in self.columns.items()}

    @property
    def differs(self) -> bool:
        """Whether the texts of the two devices differ. False if one is missing."""
        return len(set(self.texts.values())) > 1


def list_parts(
    view: RowView,
    names: Collection[str] = tuple(IR_COLUMNS),
    passes: Collection[str] = PASSES,
) -> list[Part]:
    """List the parts of a row, dialect by dialect, in the order of its columns.

    Args:
      view: The row.
      names: The IR columns to include. Null columns are left out.
      passes: The passes to include, in this order. Those that a section lacks are left out.

    Raises:
      ValueError: The text of an IR column is malformed.
    """
    by_dialect: dict[str, dict[str, IrSection]] = {}
    for name, sections in view.sections.items():
        if name in names:
            for section in sections:
                by_dialect.setdefault(section.dialect, {})[name] = section
    return [
        Part(dialect, which, having)
        for dialect, columns in by_dialect.items()
        for which in passes
        if (having := {name: one for name, one in columns.items() if which in one.passes})
    ]
