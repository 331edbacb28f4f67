"""`ReadResult`: a row that was read from a saved dataset, or the reason why it couldn't be."""

from typing import Any, NamedTuple


class ReadResult(NamedTuple):
    """One row of a saved dataset, or the reason why it can't be read.

    Attributes:
      where: The place of the row, for a message, such as `line 17 of rows.jsonl`.
      row: All columns of the row. None if no complete row was read.
      split: The split that the row is stored in. None if it is stored in none.
      fault: What is wrong there, such as `is not a complete row: …`. Empty if a row was read.
    """

    where: str
    row: dict[str, Any] | None
    split: str | None = None
    fault: str = ""
