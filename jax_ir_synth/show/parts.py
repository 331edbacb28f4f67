"""A row's IR, cut into what is looked at at a time: one pass in one dialect, for both devices."""

from collections.abc import Collection
from typing import NamedTuple

from jax_ir_synth.schema.ir_section import IrSection
from jax_ir_synth.schema.row_view import IR_COLUMNS, RowView

PASSES = ("forward", "backward")
# What an IR column's text is for.
TITLES = {"cpp": "CPU", "cuda": "CUDA"}
# The IR columns that a choice of devices (see `config.DEVICES`) stands for.
COLUMNS_OF_DEVICE = {"cpu": ("cpp",), "cuda": ("cuda",), "both": tuple(IR_COLUMNS)}


class Part(NamedTuple):
    """One pass in one dialect.

    Attributes:
      dialect, which: one of `dialects.DIALECTS`, one of PASSES.
      columns: for each IR column that has it, the whole of that column's section.
    """

    dialect: str
    which: str
    columns: dict[str, IrSection]

    @property
    def texts(self) -> dict[str, str]:
        """The text in each IR column."""
        return {name: getattr(column, self.which) for name, column in self.columns.items()}

    @property
    def differs(self) -> bool:
        """Whether the two devices' texts differ; False where one is missing."""
        return len(set(self.texts.values())) > 1


def list_parts(
    view: RowView,
    names: Collection[str] = tuple(IR_COLUMNS),
    passes: Collection[str] = PASSES,
) -> list[Part]:
    """The parts of a row, dialect by dialect in the order of its columns.

    Args:
      view: the row.
      names: the IR columns to take; those that are null are left out.
      passes: of PASSES, in the order wanted.

    Raises ValueError where an IR column's text is malformed.
    """
    by_dialect: dict[str, dict[str, IrSection]] = {}
    for name, sections in view.sections.items():
        if name in names:
            for section in sections:
                by_dialect.setdefault(section.dialect, {})[name] = section
    return [
        Part(dialect, which, columns) for dialect, columns in by_dialect.items() for which in passes
    ]
