"""Reads a row of any container as plain Python values, or says which column can't be read.

A row may come from `datasets` in one of its formats (NumPy, PyTorch, JAX, pandas, Arrow), from
pandas, or from an export that has text in the place of lists, as CSV has. Its values are then
NumPy's scalars, arrays for lists, NaN for null, or JSON. Only the type of a value is looked at
here, never what it says.
"""

import ast
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jax_ir_synth.errors import UsageError

_SHOWN = 60
# Up to here a float64 has each integer.
_SURE = 2**53
# Where NumPy leaves out a comma, as in `[0 1]` and `[{...}\n {...}]`.
_NO_COMMA = re.compile(r"(?<=[\w.}\])])\s+(?=[-\w{\[])")


class UnreadableRow(UsageError):
    """A column of a row can't be read; the message is one line."""


def list_rows(rows: Any) -> Iterable[Any]:
    """List the rows of a table; anything else is iterable by its rows already.

    Args:
      rows: rows, or a table of pyarrow or pandas.
    """
    if hasattr(rows, "to_pylist"):
        return list(rows.to_pylist())
    return list(rows.to_dict("records")) if _is_frame(rows) else rows


def find_mapping(row: Any) -> Mapping[str, Any] | None:
    """Find a row's columns; None if it isn't a row.

    Args:
      row: a mapping, or what `datasets` and pandas give in its place: a table with one row of
        pyarrow or pandas, or pandas' `Series`.
    """
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "to_pylist") or _is_frame(row):
        rows = list(list_rows(row))
        return rows[0] if len(rows) == 1 and isinstance(rows[0], Mapping) else None
    found = row.to_dict() if hasattr(row, "to_dict") else None
    return found if isinstance(found, Mapping) else None


def read_row(row: Any, where: str, needed: Sequence[str]) -> dict[str, Any]:
    """Read a row's columns as plain Python. Columns that no row of ours has are left out.

    Args:
      row: see `find_mapping`.
      where: the row's place, for messages.
      needed: the columns that it must have.

    Raises:
      UnreadableRow: it is no row, lacks a column, or has a value in it that can't be read.
    """
    columns = find_mapping(row)
    if columns is None:
        raise UnreadableRow(
            f"{where} must be a mapping of columns, it is of type {type(row).__name__}"
        )
    if missing := [name for name in needed if name not in columns]:
        raise UnreadableRow(f"{where} has no column {', '.join(missing)}")
    found = {}
    for name, (read, right) in _READERS.items():
        if name not in columns:
            continue
        value = columns[name]
        try:
            found[name] = read(value)
        # Whatever class a stranger's value is of, its conversion may raise anything.
        except Exception as error:
            shown = " ".join(repr(value).split())
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
            article = "an" if name[0] in "aeiou" else "a"
            raise UnreadableRow(
                f"{where} has {article} {name} (={shown}) that must be {right}"
            ) from error
    return found


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_dict") and hasattr(value, "columns") and hasattr(value, "iloc")


def _read_integer(value: Any) -> int:
    value = _unwrap(value)
    # A column of pandas that has a null somewhere has floats.
    if isinstance(value, float) and value.is_integer() and abs(value) <= _SURE:
        return int(value)
    if type(value) is not int:
        raise TypeError
    return value


def _read_number(value: Any) -> float:
    value = _unwrap(value)
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _read_text(value: Any) -> str:
    value = _unwrap(value)
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _read_text_or_null(value: Any) -> str | None:
    return None if _is_null(value) else _read_text(value)


def _read_ir_column(value: Any) -> str | None:
    # CSV has nothing but an empty text for null.
    return _read_text_or_null(value) or None


def _read_integers(value: Any) -> list[int]:
    return [_read_integer(each) for each in _read_list(value)]


def _read_avals(value: Any) -> list[dict[str, Any]]:
    value = _parse(value)
    if isinstance(value, Mapping):
        # A list of records as a record of lists, which is how TFDS and older `datasets` have it.
        columns = {name: _read_list(value[name]) for name in _AVAL}
        value = [
            dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)
        ]
    return [{name: read(aval[name]) for name, read in _AVAL.items()} for aval in _read_list(value)]


def _read_list(value: Any) -> list[Any]:
    value = _unwrap(_parse(value))
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


def _unwrap(value: Any) -> Any:
    """Convert an array or scalar of any library to Python's list or scalar."""
    return value.tolist() if hasattr(value, "tolist") else value


def _is_null(value: Any) -> bool:
    """Whether a value is None, NaN or pandas' NA or NaT."""
    value = _unwrap(value)
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _parse(value: Any) -> Any:
    """Parse a value that is text: JSON, or what Python or NumPy prints for it."""
    value = _unwrap(value)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return _parse_printed(value)


def _parse_printed(text: str) -> Any:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        tree = ast.parse(_NO_COMMA.sub(", ", text.strip()), mode="eval")
    return ast.literal_eval(_Arrays().visit(tree))


class _Arrays(ast.NodeTransformer):
    """Puts the list in the place of `array([0, 1], dtype=int64)`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id != "array" or not node.args:
            raise TypeError
        return self.generic_visit(node.args[0])


_AVAL: dict[str, Callable[[Any], Any]] = {
    "name": _read_text,
    "shape": _read_integers,
    "dtype": _read_text,
    "low": _read_number,
    "high": _read_number,
}
_TEXT = (_read_text, "a string")
_NULLABLE = (_read_text_or_null, "a string or null")
_IR = (_read_ir_column, "a string or null")
# For each column how it is read, and what would be right.
_READERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "id": (_read_integer, "an integer"),
    "kernel_name": _TEXT,
    "python": _TEXT,
    "cpp": _IR,
    "cuda": _IR,
    "type": _TEXT,
    "in_avals": (
        _read_avals,
        "a list of records with name, shape (a list of integers), dtype, low and high",
    ),
    "argnums": (_read_integers, "a list of integers"),
    "program_hash": _TEXT,
    "skeleton_hash": _TEXT,
    "jax_version": _NULLABLE,
    "verified": _NULLABLE,
}
