"""What a reader of a saved dataset gives for each place: a row, or what is wrong there."""

from typing import NamedTuple


class ReadResult(NamedTuple):
    """A row, or what stands where a row should be.

    Attributes:
      where: its place, for a message: `line 17 of rows.jsonl`.
      row: all columns, None where there is no whole row.
      split: the split that it is stored in, None: in none.
      fault: what is wrong with the place (`is no whole row: …`), empty if there is a row.
    """

    where: str
    row: dict | None
    split: str | None = None
    fault: str = ""
